"""Sentences about a comparison, by rule."""

from collections.abc import Sequence

from smile_trace.comparison.answers import CHANGED
from smile_trace.records.comparison import (
    AnswerComparison,
    EditEffect,
    VersionChange,
    VersionReport,
)

_MAX_TEXT = 60


def summarize(
    prompt: str, versions: Sequence[VersionReport], changes: Sequence[VersionChange]
) -> str:
    """The summary: each change, then the parts of the last version that have no effect."""
    sentences = [change.summary for change in changes if change.summary]
    latest = versions[-1]
    idle = [item for item in latest.segments if item.verdict == "no_effect"]
    if idle:
        saved = sum(item.tokens_saved or 0.0 for item in idle)
        costs = f", and cost {saved:,.0f} tokens per thousand calls" if saved else ""
        parts = "1 part" if len(idle) == 1 else f"{len(idle)} parts"
        verb = "does" if len(idle) == 1 else "do"
        sentences.append(
            f"{parts} of version {latest.label} {verb} nothing on average over "
            f"{latest.explained:,} calls{costs}."
        )
    return " ".join(sentences) or f"Nothing can be said about {prompt} yet."


def summarize_change(change: VersionChange, versions: Sequence[VersionReport]) -> str:
    """What a change did to the answers, which edit did most, and which influences changed."""
    before, after = versions[change.before].label, versions[change.after].label
    sentences = [_answers(change, before, after)]
    if edit := _edit(change, versions):
        sentences.append(edit)
    changed = [item for item in change.segments if item.significant]
    if changed:
        parts = "1 segment" if len(changed) == 1 else f"{len(changed)} segments"
        sentences.append(f"The influence of {parts} changed.")
    elif not change.why_no_influences:
        sentences.append("No change of a segment's influence stands out of the noise.")
    return " ".join(sentences)


def _answers(change: VersionChange, before: str, after: str) -> str:
    answers = change.answers
    if answers is None:
        why = change.why_no_answers
        return f"From {before} to {after}: the answers were not compared, because {why}."
    inputs = "1 input" if answers.inputs == 1 else f"{answers.inputs} inputs"
    lead = f"From {before} to {after}:"
    if answers.significant:
        return (
            f"{lead} {answers.changed} of {inputs} got another answer, by "
            f"{_distance(answers)} on average."
        )
    if not answers.changed:
        return f"{lead} the answers on {inputs} are the same."
    if answers.ci_high <= CHANGED:
        return f"{lead} the answers on {inputs} are within the model's own noise."
    return (
        f"{lead} {answers.changed} of {inputs} got another answer, which may be the model's own "
        f"noise: so few cannot rule out a change of up to {answers.ci_high:.2f}."
    )


def _distance(item: AnswerComparison | EditEffect) -> str:
    """The mean distance, with its interval unless that is negligible."""
    exact = item.ci_high - item.ci_low < 0.005
    return f"{item.distance:.2f}" + ("" if exact else f" ({item.ci_low:.2f} to {item.ci_high:.2f})")


def _edit(change: VersionChange, versions: Sequence[VersionReport]) -> str:
    """The edit with the largest effect, where the edits were tried one by one."""
    significant = [edit for edit in change.edits if edit.significant]
    if not significant:
        return ""
    strongest = max(significant, key=lambda edit: edit.distance)
    item = change.segments[strongest.segments[0]]
    side, place = (versions[change.after], item.after)
    if place is None:
        side, place = versions[change.before], item.before
    assert place is not None
    text = " ".join(side.segments[place].segment.text.split())
    text = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    runner_up = max((edit.ci_high for edit in change.edits if edit is not strongest), default=0.0)
    comes = "comes" if strongest.ci_low > runner_up else "seems to come"
    most = "Most of it" if (strongest.share or 0.0) > 0.5 else "The largest part of it"
    by_itself = f"by itself it moves them by {_distance(strongest)}"
    others = len(change.edits) - len(significant)
    rest = f"; {others} of {len(change.edits)} edits showed no more than noise" if others else ""
    return f"{most} {comes} from “{text}” ({item.kind}): {by_itself}{rest}."
