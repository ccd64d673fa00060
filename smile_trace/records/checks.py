"""Assertions about an Explanation: a text drives the answer, or has no effect."""

import re

from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.records.verdicts import NOT_MEASURED, SMALLEST_EFFECT


def why_not_driven_by(explanation: Explanation, text: str, *, among: int = 3) -> str | None:
    """Return None if a part of `text` is among the first `among` segments and significantly
    supports the answer, else a sentence that shows what does. Case and punctuation around words do
    not count. Raises ValueError if the text is in none of the prompt's segments."""
    holding, first = _holding(explanation, text), explanation.ranked[:among]
    if any(s.significant and s in holding and s.attribution > 0 for s in first):
        return None
    ranking = ", ".join(
        f"{s.text!r} {s.attribution:+.2f}{'' if s.significant else f' ({s.verdict})'}"
        for s in explanation.ranked[: among + 2]
    )
    return f"{text!r} is not among the first {among} that drive {explanation.answer!r}: {ranking}"


def why_not_without_effect(
    explanation: Explanation, text: str, *, within: float = SMALLEST_EFFECT
) -> str | None:
    """Return None if the interval of each part of `text` lies inside `within`, in units of answer
    change, else why an effect is not excluded. What was not measured well enough proves nothing.
    Raises ValueError if the text is in none of the prompt's segments."""
    holding = _holding(explanation, text)
    if explanation.fidelity.status == "inconclusive":
        return f"whether {text!r} has an effect is not settled: {explanation.fidelity.reason}"
    paired = {key for pair in explanation.interactions for key in (pair.first, pair.second)}
    moving = [s for s in holding if s.verdict in ("supports", "against") or s.key in paired]
    if moving:
        effects = ", ".join(f"{s.text!r} {s.attribution:+.2f}" for s in moving)
        return f"{text!r} has an effect on {explanation.answer!r}: {effects}"
    if unknown := [s for s in holding if s.at_most > within]:
        most = ", ".join(f"{s.text!r} up to {s.at_most:.2f}" for s in unknown)
        return (
            f"{text!r} was {NOT_MEASURED}, so that an effect above {within} is not excluded; ask "
            f"for more calls (budget=…): {most}"
        )
    return None


def _holding(explanation: Explanation, text: str) -> list[SegmentAttribution]:
    wanted = _words(text)
    holding = [s for s in explanation.segments if not s.protected and wanted & _words(s.text)]
    if not wanted or not holding:
        texts = ", ".join(repr(s.text) for s in explanation.segments[:30])
        raise ValueError(f"{text!r} is in none of the prompt's parts: {texts}")
    return holding


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
