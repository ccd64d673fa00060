"""One estimate for a part that was edited: where the replay has settled what an edit did, the
tables of parts say what the sentence says, whatever the explanations of single calls found."""

from collections.abc import Sequence

from scipy import stats  # type: ignore[import-untyped]

from smile_trace.comparison.influence.verdicts import LEVEL, MIN_CALLS, may_need
from smile_trace.comparison.sentences import answers_repeat
from smile_trace.records.comparison import (
    ChangeKind,
    Edit,
    EditEffect,
    Influence,
    Passage,
    VersionChange,
    VersionReport,
)
from smile_trace.records.verdicts import Verdict, verdict_on


def as_replayed(
    version: VersionReport, change: VersionChange, limit: float, *, new: bool
) -> VersionReport:
    """One side of a change, with what the replay has settled of its parts.

    A part that an edit added or removed as it is has the replay's estimate in place of its own. Of
    any other part in an edit that changed the answers, or may have, no effect is excluded.

    Args:
        limit: the smallest effect that matters.
        new: whether it is the version after the change.
    """
    changed = change.answers is not None and change.answers.significant
    anyone = changed and not any(effect.named for effect in change.effects)
    for effect in change.effects:
        verdict = _verdict(change, effect, limit)
        for edit in (change.edits[place] for place in effect.edits):
            touched = _touched(version.segments, edit, new=new)
            whole = _is_part(version.segments, touched, edit, "added" if new else "removed")
            text = " ".join((edit.after if new else edit.before).split())
            if whole and len(effect.edits) == 1 and verdict != "open":
                version = _updated(version, touched, text, effect, verdict)
            elif verdict == "supports" or (anyone and verdict == "open"):
                version = _updated(version, touched, text)
    return version


def _verdict(change: VersionChange, effect: EditEffect, limit: float) -> Verdict:
    """What the replay says of an edit, or of a group of edits that was not taken apart."""
    sure = effect.named or (answers_repeat(change) and effect.changed > 0)
    can_exclude = effect.inputs >= MIN_CALLS
    return verdict_on(1.0 if sure else None, effect.ci_high, limit, can_exclude=can_exclude)


def _touched(segments: Sequence[Influence], edit: Edit, *, new: bool) -> list[int]:
    """The places of the parts that an edit stands in."""
    ends = [(h.new_start, h.new_end) if new else (h.start, h.end) for h in edit.hunks]
    found = [(k, item.segment) for k, item in enumerate(segments)]
    return [k for k, one in found if any(a < one.end and one.start < b for a, b in ends)]


def _is_part(
    segments: Sequence[Influence], touched: Sequence[int], edit: Edit, kind: ChangeKind
) -> bool:
    """Whether the edit is one part, all of it, that was just added or removed."""
    if edit.kind != kind or len(touched) != 1:
        return False
    text = edit.after if kind == "added" else edit.before
    return text.split() == segments[touched[0]].segment.text.split()


def _updated(
    version: VersionReport,
    touched: Sequence[int],
    text: str,
    effect: EditEffect | None = None,
    verdict: Verdict = "open",
) -> VersionReport:
    """The version with an edit's effect for the parts that it stands in, and for the passages of
    this text; without an effect, it denies nothing of them, nor of the passages inside the text."""
    segments, passages = list(version.segments), []
    for k in touched:
        if effect is not None:
            segments[k] = _replayed(segments[k], effect, verdict)
        elif segments[k].verdict == "excluded":
            unsaved = {"verdict": "open", "tokens_saved": None, "usd_saved": None}
            segments[k] = segments[k].model_copy(update=unsaved)
    for item in version.passages:
        if effect is not None and item.text == text:
            item = _replayed_passage(item, effect)
        elif effect is None and item.text in text:
            still_open = item.calls - item.mattered - item.against
            item = item.model_copy(update={"open": still_open})
        passages.append(item)
    return version.model_copy(update={"segments": tuple(segments), "passages": tuple(passages)})


def _replayed(item: Influence, effect: EditEffect, verdict: Verdict) -> Influence:
    width = effect.ci_high - effect.ci_low
    return Influence(
        segment=item.segment,
        influence=min(max(effect.distance, effect.ci_low), effect.ci_high),
        ci_low=effect.ci_low,
        ci_high=effect.ci_high,
        standard_error=width / 2 / float(stats.norm.ppf((1 + LEVEL) / 2)),
        significant=verdict == "supports",
        verdict=verdict,
        calls_tried=effect.inputs,
        calls_lost=effect.changed,
        may_need=may_need(effect.inputs, effect.changed),
        tokens_saved=item.tokens_saved if verdict == "excluded" else None,
        usd_saved=item.usd_saved if verdict == "excluded" else None,
        source="replayed",
    )


def _replayed_passage(item: Passage, effect: EditEffect) -> Passage:
    return Passage(
        text=item.text,
        unit=item.unit,
        calls=effect.inputs,
        mattered=effect.changed,
        against=0,
        attribution=effect.distance,
        ci_low=effect.ci_low,
        ci_high=effect.ci_high,
        source="replayed",
    )
