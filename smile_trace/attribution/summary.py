"""The explanation in a plain sentence, by rule."""

from collections.abc import Sequence

from smile_trace.records import Fidelity, SegmentAttribution

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLURALS = {"message": "messages", "variable": "variables", "span": "passages"}
_LONGEST = 60


def summarize(segments: Sequence[SegmentAttribution], fidelity: Fidelity) -> str:
    """One sentence for a person without statistics, right for every status."""
    if fidelity.status == "no_effect":
        return "Whatever was left out of the prompt, the answer stayed the same."
    if fidelity.status == "unreliable":
        return f"What drove this answer is undetermined at this budget: {fidelity.reason}"
    free = sorted((s for s in segments if not s.frozen), key=lambda s: -s.attribution)
    drivers = [s for s in free if s.significant and s.attribution > 0]
    opponents = [s for s in free if s.significant and s.attribution < 0]
    if not drivers and not opponents:
        return "No single part of the prompt made a difference that stands out of the noise."
    parts = []
    if drivers:
        parts.append("The answer hangs on " + _listed([_named(s) for s in drivers[:3]], "and"))
        if len(drivers) > 3:
            parts[-1] += f" and {_number(len(drivers) - 3)} more"
    if opponents:
        lead = "without " if drivers else "Without "
        named = _listed([f"“{_short(s.text)}”" for s in opponents[:3]], "and")
        parts.append(f"{lead}{named} it would come out more clearly")
    rest = len(free) - len(drivers) - len(opponents)
    if rest:
        unit = free[-1].unit
        noun = unit if rest == 1 else _PLURALS.get(unit, f"{unit}s")
        parts.append(f"{_number(rest)} other {noun} made no measurable difference")
    return "; ".join(parts) + "."


def _named(segment: SegmentAttribution) -> str:
    half = (segment.ci_high - segment.ci_low) / 2
    error = f" ± {100 * half:.0f} %" if half > 0 else ""
    lost = f"{100 * segment.attribution:.0f} %{error}"
    return f"“{_short(segment.text)}” (without it, {lost} of the answer is lost)"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def _listed(items: Sequence[str], word: str) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + f" {word} {items[-1]}"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)
