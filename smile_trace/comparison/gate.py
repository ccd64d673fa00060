"""A gate for continuous integration: which limits a comparison breaks."""

from collections.abc import Mapping

from smile_trace.errors import SmileTraceError
from smile_trace.records.comparison import Comparison, VersionChange


class GateError(SmileTraceError):
    """A limit names a segment that the comparison does not have; the message lists them."""


def broken_limits(
    comparison: Comparison,
    *,
    drops: Mapping[str, float],
    answer_change: float | None = None,
) -> list[str]:
    """One sentence per limit that the last change breaks; empty if it keeps all of them.

    What could not be measured breaks its limit.

    Args:
        drops: a segment's text (or a part of it that no other segment has) to the largest drop
            of its influence that is allowed, in units of answer change.
        answer_change: the largest mean change of the answers that is allowed, in [0, 1].

    Raises:
        GateError: no segment, or more than one, holds that text.
    """
    change = comparison.changes[-1]
    found = [_drop(comparison, change, text, limit) for text, limit in drops.items()]
    if answer_change is not None:
        found.append(_answer_change(change, answer_change))
    return [sentence for sentence in found if sentence]


def _drop(comparison: Comparison, change: VersionChange, text: str, limit: float) -> str:
    before = comparison.versions[change.before]
    place = _place([item.segment.text for item in before.segments], text, before.label)
    item = next(item for item in change.segments if item.before == place)
    was = before.segments[place]
    if item.kind == "removed":
        if was.standard_error is None:
            return f"“{text}” was removed, and its influence was never measured"
        if was.influence > limit and was.significant:
            return f"“{text}” was removed, and its influence was {was.influence:+.2f}"
        return ""
    if item.change is None:
        why = change.why_no_influences or "it was never removed from an explained call"
        return f"the influence of “{text}” was not compared: {why}"
    if -item.change > limit and item.significant:
        return f"the influence of “{text}” dropped by {-item.change:.2f}, more than {limit:g}"
    return ""


def _place(texts: list[str], wanted: str, label: str) -> int:
    exact = [k for k, text in enumerate(texts) if text.strip() == wanted.strip()]
    found = exact or [k for k, text in enumerate(texts) if wanted in text]
    if len(found) == 1:
        return found[0]
    many = "more than one segment" if found else "no segment"
    raise GateError(
        f"{many} of version {label} holds {wanted!r}: its segments are "
        + ", ".join(repr(text) for text in texts[:20])
    )


def _answer_change(change: VersionChange, limit: float) -> str:
    answers = change.answers
    if answers is None:
        return f"the answers were not compared: {change.why_no_answers}"
    if answers.distance > limit and answers.significant:
        return f"the answers moved by {answers.distance:.2f}, more than {limit:g}"
    return ""
