"""A version's metrics under names common to all versions, for trackers that compare runs."""

import hashlib
import math
import re
from collections.abc import Sequence

from smile_trace.records.comparison import Comparison

MAX_SEGMENTS = 30
"""Segments whose influence is a metric; all of them are on the page."""
_UNSAFE = re.compile(r"[^A-Za-z0-9 _.\-]+")


def figures(comparison: Comparison, place: int) -> dict[str, float]:
    """The metrics of `comparison.versions[place]`, all finite, by name."""
    version = comparison.versions[place]
    found = {
        "smile.calls": float(version.calls),
        "smile.explained": float(version.explained),
        "smile.essential_parts": float(version.count("essential")),
        "smile.no_effect_parts": float(version.count("no_effect")),
        "smile.inconclusive_parts": float(version.count("inconclusive")),
        "smile.no_effect_tokens_per_1000_calls": sum(
            i.tokens_saved or 0.0 for i in version.segments
        ),
    }
    found |= {f"traffic.{measure.name}": measure.mean for measure in version.measures}
    for change in comparison.changes:
        if change.after == place and change.answers is not None:
            found["smile.answer_change_from_previous"] = change.answers.distance
    known = [i for i in version.segments if i.standard_error is not None]
    strongest = sorted(known, key=lambda i: -abs(i.influence))[:MAX_SEGMENTS]
    names = _names([i.segment.text for i in strongest])
    found |= {name: i.influence for name, i in zip(names, strongest, strict=True)}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def safe_name(text: str) -> str:
    """`text` as a name that every tracker accepts: at most 200 plain characters, maybe none."""
    return _UNSAFE.sub(" ", text).strip()[:200]


def _names(texts: Sequence[str]) -> list[str]:
    """A metric's name per segment, the same in every version with that text."""
    names: list[str] = []
    for text in texts:
        stem = f"influence/{safe_name(text)[:60].strip() or 'part'}"
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
        plain = safe_name(text) == text.strip()
        name = stem if stem not in names and plain else f"{stem} {digest}"
        while name in names:
            name += " again"
        names.append(name)
    return names
