"""A version's metrics under names common to all versions, for trackers that compare runs."""

import math
import re

from smile_trace.records.comparison import Comparison

CHARTED = ("latency_seconds", "output_tokens", "usd", "refusal_rate", "feedback")
"""The figures of the traffic that a person charts over versions; a table has the others."""
_UNSAFE = re.compile(r"[^A-Za-z0-9 _.\-]+")


def figures(comparison: Comparison, place: int) -> dict[str, float]:
    """The metrics of `comparison.versions[place]`, all finite, by name: at most ten,
    and the rate of each probe of which calls were profiled."""
    version = comparison.versions[place]
    found = {
        "smile.supporting_parts": float(version.count("supports")),
        "smile.excluded_parts": float(version.count("excluded")),
        "smile.excluded_tokens_per_1000_calls": sum(
            i.tokens_saved or 0.0 for i in version.segments
        ),
    }
    found |= {f"traffic.{m.name}": m.mean for m in version.measures if m.name in CHARTED}
    found |= {f"probes.{safe_name(one.name)}": one.rate.value for one in version.probes}
    for change in comparison.changes:
        if change.after == place and change.answers is not None:
            found["smile.answer_change_from_previous"] = change.answers.distance
            found["smile.answers_changed"] = change.answers.changed / change.answers.inputs
    return {name: value for name, value in found.items() if math.isfinite(value)}


def safe_name(text: str) -> str:
    """`text` as a name that every tracker accepts: at most 200 plain characters, maybe none."""
    return _UNSAFE.sub(" ", text).strip()[:200]
