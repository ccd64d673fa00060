"""Whether explanations still hold: an entry's model asked again, and two galleries side by side."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from statistics import NormalDist
from typing import Literal

from smile_trace.explaining.api import explain_prepared
from smile_trace.explaining.preparation import Prepared, named_model
from smile_trace.hub.check import options_of, request_of
from smile_trace.models.registry import settings_of
from smile_trace.records import Explanation, Record, SegmentAttribution
from smile_trace.records.entry import Entry, canonical
from smile_trace.render import driver_text
from smile_trace.settings import Settings

Outcome = Literal["reproduced", "within noise", "changed"]
"""`reproduced`: the same attributions. `within noise`: no further from them than the intervals
allow. `changed`: a segment's attribution, or the answer, certainly differs."""

ERROR_RATE = 0.05
"""The largest chance, over all its segments, that an unchanged explanation is called changed."""
_SAME, _NEGLIGIBLE = 1e-6, 0.01
_NOISY = 0.5
"""If two answers to the whole prompt differ by more, neither need agree with the stored one."""
_LONGEST = 60


class LiveChecked(Record):
    """The result of asking again; `again` is the new explanation."""

    outcome: Outcome
    reason: str
    again: Explanation


def prepare_live(entry: Entry, conf: Settings, *, model: str | None = None) -> Prepared:
    """Prepare the check of an entry, asking nothing yet; the model is by default the entry's own.
    Raises SmileTraceError if there is no such model here; ValueError if the entry holds no
    explanation."""
    explanation = entry.explanation
    if explanation is None:
        raise ValueError("only an explanation is asked again, no path and no comparison")
    name = model or explanation.settings.model
    options = replace(options_of(explanation), signal=explanation.signal)
    return Prepared(
        prompted=request_of(explanation, entry.call),
        model=named_model(name, conf, entry.call),
        options=options,
        how=settings_of(name, conf),
        name=name,
    )


def check_live(explanation: Explanation, prepared: Prepared, conf: Settings) -> LiveChecked:
    """Explain it again, with the same seed and nothing from a cache. Raises SmileTraceError if the
    model cannot be asked."""
    again = explain_prepared(prepared, conf, fresh=True)
    outcome, reason = compare(explanation, again)
    return LiveChecked(outcome=outcome, reason=reason, again=again)


def compare(before: Explanation, after: Explanation) -> tuple[Outcome, str]:
    """Compare two explanations of a request by a test per common segment, corrected for their
    number (Bonferroni)."""
    of_one_mind = after.fidelity.noise_floor < _NOISY
    if before.fidelity.reproduced and not after.fidelity.reproduced and of_one_mind:
        return "changed", "the model gives another answer to the whole prompt"
    pairs = _pairs(before, after)
    if not pairs:
        return "changed", "the prompt was split differently: no part is in both"
    if before.status == after.status and all(
        abs(old.attribution - new.attribution) <= _SAME for old, new in pairs
    ):
        return "reproduced", "every attribution is the same"
    critical = NormalDist().inv_cdf(1 - ERROR_RATE / (2 * len(pairs)))
    floor = max(before.fidelity.noise_floor, after.fidelity.noise_floor, _NEGLIGIBLE)
    moved = [
        (old, new)
        for old, new in pairs
        if abs(old.attribution - new.attribution)
        > max(critical * math.hypot(_error(old, before), _error(new, after)), floor)
    ]
    if not moved:
        return "within noise", f"none of {len(pairs)} attributions moved beyond its interval"
    old, new = max(moved, key=lambda pair: abs(pair[0].attribution - pair[1].attribution))
    return (
        "changed",
        f"“{old.name[:_LONGEST]}” had {old.attribution:+.2f} and has {new.attribution:+.2f}",
    )


def _pairs(
    before: Explanation, after: Explanation
) -> list[tuple[SegmentAttribution, SegmentAttribution]]:
    known = {s.places: s for s in (*after.coarser, *after.segments)}
    free = [s for s in (*before.coarser, *before.segments) if not s.protected]
    return [(s, known[s.places]) for s in free if s.places in known]


def _error(segment: SegmentAttribution, of: Explanation) -> float:
    width = NormalDist().inv_cdf(0.5 + of.fidelity.interval_level / 2)
    return (segment.ci_high - segment.ci_low) / (2 * width)


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
        """Return the side of an entry."""
        return cls(
            entry=entry.id,
            model=explanation.settings.model,
            explained_at=explanation.explained_at,
            answer=explanation.answer,
            status=explanation.status,
            driver=driver_text(explanation),
        )


class Difference(Record):
    """A prompt's change; `before` or `after` is None if it stands in one file only."""

    prompt: str
    change: Change
    reason: str
    before: Side | None = None
    after: Side | None = None


def diff(before: Iterable[Entry], after: Iterable[Entry]) -> Iterator[Difference]:
    """Compare every prompt of either file, in the order of the first, then of the second. Prompts
    are matched by their messages; among several explanations of a prompt by the same model the last
    counts. If no model is on both sides, each is compared with each."""
    old, new = _by_prompt(before), _by_prompt(after)
    for prompt in [*old, *(prompt for prompt in new if prompt not in old)]:
        ones, others = old.get(prompt, {}), new.get(prompt, {})
        shared = [name for name in ones if name in others]
        if ones and others and not shared:
            yield from (_compared(one, other) for one in ones.values() for other in others.values())
            continue
        yield from (_compared(ones[name], others[name]) for name in shared)
        yield from _alone([ones[name] for name in ones if name not in shared], "only before")
        yield from _alone([others[name] for name in others if name not in shared], "only after")


_Found = tuple[Entry, Explanation]


def _by_prompt(entries: Iterable[Entry]) -> dict[str, dict[str, _Found]]:
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
    found: Iterable[_Found], change: Literal["only before", "only after"]
) -> Iterator[Difference]:
    for entry, one in found:
        side = Side.of(entry, one)
        sides = {"before": side} if change == "only before" else {"after": side}
        yield Difference(prompt=_prompt(one), change=change, reason="", **sides)


def _prompt(explanation: Explanation) -> str:
    return "\n".join(message.content for message in explanation.messages)
