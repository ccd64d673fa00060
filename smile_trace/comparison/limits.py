"""The limits that a comparison breaks in continuous integration."""

from collections.abc import Mapping
from typing import Any, Literal

from smile_trace.comparison.sentences import changed_fields, distance_of
from smile_trace.errors import SmileTraceError
from smile_trace.probes.gate import CheckedLimit
from smile_trace.records.comparison import (
    AnswerComparison,
    Comparison,
    EditEffect,
    FieldComparison,
    VersionChange,
)
from smile_trace.records.profile import Rate

ANSWER_CHANGE, DROP = "answer_change", "drop:"
"""Names of these limits; behind the latter stands a part of the template."""


class LimitError(SmileTraceError):
    """A limit names a segment that the comparison does not have; the message lists them."""


def broken_limits(
    comparison: Comparison,
    *,
    drops: Mapping[str, float],
    answer_change: float | None = None,
) -> list[str]:
    """One sentence per limit that the last change breaks, or whose figure could not be measured.
    `drops`: a segment's text (or a part of it that no other segment has) to the largest drop of its
    influence that is allowed, in units of answer change; a text that is gone from an edited segment
    drops by what the replay of that edit changed. `answer_change`: the largest mean change of the
    answers, and of each field of JSON answers, that is allowed, in [0, 1]. Raises LimitError if
    there is one version only; or no segment, or more than one, holds that text."""
    if not drops and answer_change is None:
        return []
    if not comparison.changes:
        raise LimitError(
            f"{comparison.prompt!r} was called in one version only, so no change can be checked: "
            "name two models, or a file with another version"
        )
    change = comparison.changes[-1]
    found = [_drop(comparison, change, text, limit) for text, limit in drops.items()]
    if answer_change is not None:
        found.append(_answer_change(change, answer_change))
    return [sentence for sentence in found if sentence]


def checked_change(
    comparison: Comparison | None,
    why: str = "",
    *,
    drops: Mapping[str, float],
    answer_change: float | None = None,
) -> list[CheckedLimit]:
    """Each limit of `broken_limits`, and what was measured against it. Without a `comparison` all
    are broken if it says `why` there is none, else kept: nothing changed."""
    change = None if comparison is None else comparison.changes[-1]

    def checked(name: str, title: str, limit: float, **of: Any) -> CheckedLimit:
        try:
            broken = broken_limits(comparison, **of) if comparison else [why] if why else []
        except LimitError as error:
            broken = [str(error)]
        verdict: Literal["broken", "within"] = "broken" if broken else "within"
        reason = "".join(broken) or "within the limit"
        return CheckedLimit(probe=name, title=title, limit=limit, verdict=verdict, reason=reason)

    found = [
        checked(f"{DROP}{part}", f"Drop of “{part}”", limit, drops={part: limit})
        for part, limit in drops.items()
    ]
    if answer_change is None:
        return found
    one = checked(
        ANSWER_CHANGE, "Answer change", answer_change, drops={}, answer_change=answer_change
    )
    if change is not None and change.answers is not None:
        answers = change.answers
        ends = {"value": answers.distance, "ci_low": answers.ci_low, "ci_high": answers.ci_high}
        one = one.model_copy(update={"rate": Rate(**ends), "calls": answers.inputs})
        fields = _above(change, answer_change)
        if one.verdict == "within":
            fields = [field for field in change.fields if field.ci_high > answer_change]
            if fields or answers.ci_high > answer_change:
                told = {"verdict": "open", "reason": "too few answers to tell"}
                one = one.model_copy(update=told)
        one = one.model_copy(update={"fields": changed_fields(fields)})
    return [one, *found]


def _drop(comparison: Comparison, change: VersionChange, text: str, limit: float) -> str:
    before, after = (comparison.versions[place] for place in (change.before, change.after))
    place = _place([item.segment.text for item in before.segments], text, before.label)
    item = next(item for item in change.segments if item.before == place)
    was = before.segments[place]
    if item.kind == "removed":
        if was.standard_error is None and change.answers is not None:
            return _gone(change, text, was.segment.start, limit)
        if was.standard_error is None:
            return f"“{text}” was removed, and its influence was never measured"
        if was.influence > limit and was.significant:
            return f"“{text}” was removed, and its influence was {was.influence:+.2f}"
        return ""
    gone = text.strip() in before.template and text.strip() not in after.template
    if gone and was.segment.text.strip() != text.strip():
        return _gone(change, text, before.template.index(text.strip()), limit)
    if item.change is None:
        why = change.why_no_influences or "it was never removed from an explained call"
        return f"the influence of “{text}” was not compared: {why}"
    if -item.change > limit and item.significant:
        return f"the influence of “{text}” dropped by {-item.change:.2f}, more than {limit:g}"
    return ""


def _gone(change: VersionChange, text: str, start: int, limit: float) -> str:
    """What the edits that took away this text, which begins at `start`, did to the answers. The
    influence of the segment that held it is that of all its texts, and says nothing of this one."""
    if change.answers is None:
        return f"“{text}” is gone, and its effect was not measured: {change.why_no_answers}"
    end = start + len(text.strip())
    edits = {
        place
        for place, edit in enumerate(change.edits)
        if any(hunk.start < end and start < hunk.end for hunk in edit.hunks)
    }
    effects = [effect for effect in change.effects if edits & set(effect.edits)]
    measured: list[AnswerComparison | EditEffect] = [*effects] or [change.answers]
    lost = " and ".join(map(distance_of, measured))
    if effects and all(set(effect.edits) <= edits for effect in effects):
        if sum(effect.distance for effect in effects) <= limit:
            return ""
        return f"“{text}” is gone, and that changed {lost} on average, more than {100 * limit:g} %"
    if sum(one.ci_high for one in measured) <= limit:
        return ""
    budget = change.budget_needed
    what = f"--budget {budget}" if budget else "compare with a version that has this edit alone"
    return (
        f"“{text}” is gone, and its effect was not measured apart from other edits, which together "
        f"changed {lost}: {what}"
    )


def _place(texts: list[str], wanted: str, label: str) -> int:
    exact = [k for k, text in enumerate(texts) if text.strip() == wanted.strip()]
    found = exact or [k for k, text in enumerate(texts) if wanted in text]
    if len(found) == 1:
        return found[0]
    many = "more than one part" if found else "no part"
    raise LimitError(
        f"{many} of version {label} contains {wanted!r}: its parts are "
        + ", ".join(repr(text) for text in texts[:20])
    )


def _answer_change(change: VersionChange, limit: float) -> str:
    answers = change.answers
    if answers is None:
        return f"the answers were not compared: {change.why_no_answers}"
    found = []
    if answers.distance > limit and answers.significant:
        found.append(f"{distance_of(answers)} changed on average")
    if above := _above(change, limit):
        found.append(changed_fields(above))
    return f"{'; '.join(found)}, more than {100 * limit:g} %" if found else ""


def _above(change: VersionChange, limit: float) -> list[FieldComparison]:
    return [field for field in change.fields if field.distance > limit and field.significant]
