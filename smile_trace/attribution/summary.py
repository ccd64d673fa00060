"""The explanation in plain sentences, by rule."""

from collections import Counter
from collections.abc import Sequence

from smile_trace.attribution.reading import NEGLIGIBLE
from smile_trace.records import Fidelity, SegmentAttribution, Unit

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_NOUNS: dict[Unit, str] = {"span": "passage"}
_LONGEST = 60
_NAMED = 3
"""How many parts of the prompt are named; the rest is counted."""


def summarize(
    segments: Sequence[SegmentAttribution], fidelity: Fidelity, *, part: str | None = None
) -> str:
    """One sentence for a person without statistics, right for every status.

    Args:
        segments: in the order of the prompt.
        fidelity: how far to trust them.
        part: the part of the answer that is explained; None for all of it.
    """
    answer = "The answer" if part is None else f"The part “{_short(part)}” of the answer"
    if fidelity.status == "no_effect":
        return _unmoved(fidelity, answer)
    if fidelity.status == "unreliable":
        what = "this answer" if part is None else f"the part “{_short(part)}” of this answer"
        return f"What drove {what} is undetermined at this budget: {fidelity.reason}"
    free = sorted((s for s in segments if not s.frozen), key=lambda s: -s.attribution)
    drivers = [s for s in free if s.significant and s.attribution > 0]
    opponents = [s for s in reversed(free) if s.significant and s.attribution < 0]
    if not drivers and not opponents:
        return "No single part of the prompt made a difference that stands out of the noise."
    of = "of the answer" if part is None else "of that part"
    clauses = []
    if drivers:
        named = [f"{_named(s, segments)} ({_lost(s)})" for s in drivers]
        named[0] = f"{_named(drivers[0], segments)} (without it, {_lost(drivers[0])} {of} is lost)"
        clauses.append(f"{answer} hangs on {_listed(named)}")
    if opponents:
        named = [_named(s, segments) for s in opponents]
        verb = "works" if len(opponents) == 1 else "work"
        whom = "it" if drivers else answer[0].lower() + answer[1:]
        clauses.append(f"{_listed(named)} {verb} against {whom}")
    if rest := [s for s in free if s not in drivers and s not in opponents]:
        clauses.append(f"{_counted(rest, 'other')} made no measurable difference")
    if frozen := [s for s in segments if s.frozen]:
        was = "was" if len(frozen) == 1 else "were"
        clauses.append(f"{_counted(frozen, 'frozen')} {was} not tried")
    sentence = "; ".join(clauses) + "."
    return sentence[0].upper() + sentence[1:]


def _unmoved(fidelity: Fidelity, answer: str) -> str:
    what = answer[0].lower() + answer[1:]
    if fidelity.noise_floor > NEGLIGIBLE:
        return (
            f"Whatever was left out of the prompt, {what} changed no more than it does when the "
            "same prompt is asked again."
        )
    return f"Whatever was left out of the prompt, {what} stayed the same."


def _lost(segment: SegmentAttribution) -> str:
    """How much is lost, in whole per cent from 0 to 100: with an error where the interval
    reaches as far to both sides, else the interval itself."""
    value, low, high = (
        round(100 * min(max(number, 0.0), 1.0))
        for number in (segment.attribution, segment.ci_low, segment.ci_high)
    )
    if low == 100:
        return "all"
    if high - low <= 1:
        return f"{value} %"
    if low == 0:
        return f"up to {high} %"
    below, above = value - low, high - value
    if abs(below - above) <= 1 and high < 100:
        return f"{value} % ± {max(below, above)} %"
    return f"{low} % to {high} %"


def _named(segment: SegmentAttribution, segments: Sequence[SegmentAttribution]) -> str:
    """The segment's text in quotes; which one, where the prompt says it more than once."""
    text = _short(segment.text)
    if segment.unit == "variable" and ":var:" in segment.key:
        name = segment.key.rpartition(":var:")[2].partition(":")[0]
        return f"the variable {name} (“{text}”)"
    if segment.unit == "message":
        return f"the {segment.role} message “{text}”"
    same = [s for s in segments if _short(s.text) == text]
    if len(same) < 2:
        return f"“{text}”"
    return f"the {_ordinal(same.index(segment))} “{text}”"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def _counted(segments: Sequence[SegmentAttribution], kind: str) -> str:
    """ "nine other words and two other passages"."""
    counts = Counter(segment.unit for segment in segments)
    return _joined(
        [
            f"{_number(count)} {kind} {_NOUNS.get(unit, unit)}{'' if count == 1 else 's'}"
            for unit, count in counts.items()
        ]
    )


def _listed(items: Sequence[str]) -> str:
    """The first of them by name, the others by number."""
    shown, more = list(items[:_NAMED]), len(items) - _NAMED
    return _joined([*shown, f"{_number(more)} more"] if more > 0 else shown)


def _joined(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + f" and {items[-1]}"


def _ordinal(place: int) -> str:
    """The name of a place that is counted from 0."""
    if place < len(_ORDINALS):
        return _ORDINALS[place]
    number = place + 1
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"
