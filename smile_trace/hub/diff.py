"""Two galleries side by side: of the same prompts, what each answer depends on."""

from collections.abc import Iterable, Iterator
from typing import Literal

from smile_trace.hub.live import compare
from smile_trace.records import Explanation, Record
from smile_trace.records.entry import Entry, canonical
from smile_trace.render import driver_text

Change = Literal["same", "within noise", "changed", "only before", "only after"]


class Side(Record):
    """An explanation of a prompt, in short."""

    entry: str
    model: str
    explained_at: str | None
    answer: str
    status: str
    driver: str

    @classmethod
    def of(cls, entry: Entry, explanation: Explanation) -> "Side":
        """That of an entry."""
        return cls(
            entry=entry.id,
            model=explanation.settings.model,
            explained_at=explanation.explained_at,
            answer=explanation.answer,
            status=explanation.status,
            driver=driver_text(explanation),
        )


class Difference(Record):
    """What became of a prompt: `before` and `after` are None where it stands in one file only."""

    prompt: str
    change: Change
    reason: str
    before: Side | None = None
    after: Side | None = None


def diff(before: Iterable[Entry], after: Iterable[Entry]) -> Iterator[Difference]:
    """Every prompt of either file, in the order of the first, then of the second.

    Prompts are matched by their messages; of several explanations of a prompt by the same model
    the last counts. With other models on both sides, each is compared with each.
    """
    old, new = _by_prompt(before), _by_prompt(after)
    for prompt in [*old, *(prompt for prompt in new if prompt not in old)]:
        ones, others = old.get(prompt, {}), new.get(prompt, {})
        if not ones or not others:
            yield from _alone(ones, "only before")
            yield from _alone(others, "only after")
            continue
        shared = ones.keys() & others.keys()
        pairs = (
            [(ones[name], others[name]) for name in ones if name in shared]
            if shared
            else [(one, other) for one in ones.values() for other in others.values()]
        )
        yield from (_compared(one, other) for one, other in pairs)
        rest = {name: one for name, one in ones.items() if name not in shared} if shared else {}
        yield from _alone(rest, "only before")
        rest = {name: one for name, one in others.items() if name not in shared} if shared else {}
        yield from _alone(rest, "only after")


_Found = tuple[Entry, Explanation]


def _by_prompt(entries: Iterable[Entry]) -> dict[str, dict[str, _Found]]:
    """Per prompt (its messages as JSON) and model the last explanation."""
    found: dict[str, dict[str, _Found]] = {}
    for entry in entries:
        if (one := entry.explanation) is not None:
            key = canonical([message.identity for message in one.messages])
            found.setdefault(key, {})[one.settings.model] = entry, one
    return found


def _compared(one: _Found, other: _Found) -> Difference:
    outcome, reason = compare(one[1], other[1])
    if one[1].answer != other[1].answer and outcome != "changed":
        outcome, reason = "changed", "the answer is another one"
    return Difference(
        prompt=_prompt(one[1]),
        change="same" if outcome == "reproduced" else outcome,
        reason=reason,
        before=Side.of(*one),
        after=Side.of(*other),
    )


def _alone(
    found: dict[str, _Found], change: Literal["only before", "only after"]
) -> Iterator[Difference]:
    for entry, one in found.values():
        side = Side.of(entry, one)
        sides = {"before": side} if change == "only before" else {"after": side}
        yield Difference(prompt=_prompt(one), change=change, reason="", **sides)


def _prompt(explanation: Explanation) -> str:
    return "\n".join(message.content for message in explanation.messages)
