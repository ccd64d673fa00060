"""Assertions about an Explanation: a text drives the answer, or has no effect."""

import re

from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.records.verdicts import NOT_MEASURED, SMALLEST_EFFECT, WHOLES, drives


def why_not_driven_by(explanation: Explanation, text: str, *, among: int = 3) -> str | None:
    """Return None if a part of `text` is among the first `among` parts, of its level or of those
    that the answer depends on, and significantly supports the answer; else a sentence that shows
    what does, or that only a larger part was measured. Case and punctuation around words do not
    count. Raises ValueError if the text is in none of the prompt's parts."""
    holding, larger = _holding(explanation, text)
    first = (*explanation.ranked[:among], *explanation.drivers[:among])
    if any(drives(s) and s in holding for s in first):
        return None
    if larger:
        return _only_larger(larger[0], text)
    ranking = ", ".join(
        f"{s.text!r} {s.attribution:+.2f}{'' if s.significant else f' ({s.verdict})'}"
        for s in explanation.ranked[: among + 2]
    )
    return f"{text!r} is not among the first {among} that drive {explanation.answer!r}: {ranking}"


def why_not_without_effect(
    explanation: Explanation, text: str, *, within: float = SMALLEST_EFFECT
) -> str | None:
    """Return None if the interval of each part of `text` lies inside `within`, in units of answer
    change, else why an effect is not excluded. What was not measured well enough proves nothing,
    nor does a larger part that has an effect. Raises ValueError if the text is in none of the
    prompt's parts."""
    holding, larger = _holding(explanation, text)
    if explanation.fidelity.status == "inconclusive":
        return f"whether {text!r} has an effect is not settled: {explanation.fidelity.reason}"
    paired = {key for pair in explanation.interactions for key in (pair.first, pair.second)}
    moving = [s for s in holding if s.verdict in ("supports", "against") or s.key in paired]
    if moving:
        effects = ", ".join(f"{s.text!r} {s.attribution:+.2f}" for s in moving)
        return f"{text!r} has an effect on {explanation.answer!r}: {effects}"
    if unclear := [s for s in larger if s.verdict != "excluded" or s.at_most > within]:
        return _only_larger(unclear[0], text)
    if unknown := [s for s in holding if s.at_most > within]:
        most = ", ".join(f"{s.text!r} up to {s.at_most:.2f}" for s in unknown)
        return (
            f"{text!r} was {NOT_MEASURED}, so that an effect above {within} is not excluded; ask "
            f"for more calls (budget=…): {most}"
        )
    return None


def _holding(
    explanation: Explanation, text: str
) -> tuple[list[SegmentAttribution], list[SegmentAttribution]]:
    """Return the parts of a text, those that were then measured more finely included if all of
    them is in it; and the finest parts that the text is only a piece of."""
    wanted = _words(text)
    found = [s for s in explanation.segments if not s.protected and wanted & _words(s.text)]
    if not wanted or not found:
        texts = ", ".join(repr(s.text) for s in explanation.segments[:30])
        raise ValueError(f"{text!r} is in none of the prompt's parts: {texts}")
    larger = [s for s in found if s.unit in WHOLES and _words(s.text) - wanted]
    holding = [s for s in (*found, *explanation.coarser) if not _words(s.text) - wanted]
    holding += [s for s in found if s not in larger and s not in holding]
    return holding, [s for s in larger if not holding or _flat(text) in _flat(s.text)]


def _only_larger(whole: SegmentAttribution, text: str) -> str:
    """Say how to measure a text of which only a larger part was."""
    noun = whole.unit.replace("_", " ")
    said = f"the {whole.role} message" if noun == "message" else f"the {noun}"
    finer = "sentence" if len(_SENTENCE_END.split(whole.text.strip())) > 1 else "word"
    return f"only the whole of {said} was measured, not {text!r} in it: use unit={finer!r}"


_SENTENCE_END = re.compile(r"[.!?…]\s+|\n+")


def _flat(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
