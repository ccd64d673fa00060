"""The local page of a call: its request, from which parts are removed and changed by hand, and what
is answered then. What is stored shows at once; the rest is asked for, up to a cap."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from smile_trace._guards.local_page import LocalPage
from smile_trace.comparison.call_again import CallAgain
from smile_trace.comparison.replayed import REPEATS
from smile_trace.records import Segment
from smile_trace.render.html import filled
from smile_trace.render.phrases import labels, message_title
from smile_trace.render.text import Change, short, whole_difference


class _Edits(BaseModel):
    """The numbers of removed parts and the texts of changed ones, and how many answers are to be
    there; with 0 only stored ones."""

    model_config = ConfigDict(extra="forbid")
    without: tuple[int, ...] = ()
    replaced: dict[int, str] = {}
    count: Annotated[int, Field(ge=0, le=REPEATS)] = 0


class LookPage(LocalPage):
    """Shows a call's request to one person. Errors are those of `LocalPage`, and those of models
    that cannot be asked."""

    takes = "answers"
    most_bytes = 4_000_000

    def __init__(self, again: CallAgain, port: int = 0) -> None:
        self._again, self._lock = again, Lock()
        self._parts = dict(enumerate(again.edits.shown))
        self._logged = again.call.answer_without_reasoning
        self._model = again.stored(again.edits.edited(), ())[0].model
        super().__init__(port)

    def page(self, nonce: str) -> str:
        """Return the page, with nothing edited."""
        edits, told = self._again.edits, self._again.edits.explanation
        return filled(
            "look.html.j2",
            messages=[
                (
                    message_title(message, edits.messages),
                    pieces(message.content, k, self._parts),
                    labels(message),
                )
                for k, message in enumerate(edits.messages)
            ],
            fixed={k for k, part in self._parts.items() if not edits.can_change(part)},
            verdicts=edits.verdicts,
            explained="error" if told is not None and told.met is False else "answer",
            logged=self._logged,
            verdict="",
            answers=(),
            originals=(),
            model=self._model,
            again=self._again,
            repeats=REPEATS,
            nonce=nonce,
        )

    def take(self, body: bytes) -> str:
        """Answer the edited request; see `LocalPage.take`."""
        wanted, again = _Edits.model_validate_json(body), self._again
        without = [self._parts[k] for k in wanted.without]
        replaced = [(self._parts[k], text) for k, text in wanted.replaced.items()]
        edited, changed = again.edits.edited(without, replaced), ("by hand",)
        failures: tuple[str, ...] = ()
        if wanted.count:
            with self._lock:
                failures = again.replay(edited, changed, wanted.count).failures
        made, once, often = again.stored(edited, changed)
        html = filled(
            "look_answers.html.j2",
            verdict=made.verdict if made.answers else "",
            answers=self._told(made.answers),
            originals=self._told(made.originals),
            logged=self._logged,
        )
        failure = short(failures[0], 400) if failures else ""
        told = {"html": html, "failure": failure, "left": again.left, "once": once, "often": often}
        return json.dumps(told)

    def _told(self, answers: Sequence[str]) -> list[tuple[int, list[Change]]]:
        """How often each answer was given, and how it differs from the logged one."""
        return [(n, whole_difference(self._logged, one)) for one, n in Counter(answers).items()]


def pieces(
    content: str, number: int, parts: Mapping[int, Segment]
) -> Iterator[tuple[str, int | None]]:
    """The texts of the message of that number, each with the number of the part that it is, if it
    is one."""
    at = 0
    places = ((place, k) for k, part in parts.items() for place in part.places)
    for (_, start, end), k in sorted(one for one in places if one[0][0] == number):
        yield content[at:start], None
        yield content[start:end] or "(calls a tool)", k
        at = end
    yield content[at:], None
