"""One estimate for a part that was edited: where the replay has settled what an edit did, the
tables of parts say what the sentence says, whatever the explanations of single calls found."""

from collections.abc import Sequence
from typing import Any

from smile_trace.comparison.influence.verdicts import MIN_CALLS, may_need
from smile_trace.comparison.sentences import answers_repeat, others_add
from smile_trace.records.comparison import (
    Edit,
    EditEffect,
    Influence,
    Passage,
    VersionChange,
    VersionReport,
)
from smile_trace.records.verdicts import Verdict, verdict_on

_ERRORS = 3.29
"""Standard errors from one end of a 90 % interval to the other."""


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
    others_may = changed and others_add(change, limit) != 0.0
    segments, passages = list(version.segments), version.passages
    for effect, edit in ((one, change.edits[k]) for one in change.effects for k in one.edits):
        verdict, text = _verdict(change, effect, limit), _words(edit.after if new else edit.before)
        touched = _touched(segments, edit, new=new) if text else []
        as_it_is = [_words(segments[k].segment.text) for k in touched] == [text]
        whole = as_it_is and edit.kind in ("added", "removed") and len(effect.edits) == 1
        if whole and verdict != "open":
            segments[touched[0]] = _replayed(segments[touched[0]], effect, verdict)
            passages = tuple(_counted(p, effect) if p.text == text else p for p in passages)
        elif verdict == "supports" or (others_may and verdict == "open"):
            for k in touched:
                segments[k] = _not_excluded(segments[k])
            passages = tuple(_all_open(p) if p.text in text else p for p in passages)
    return version.model_copy(update={"segments": tuple(segments), "passages": passages})


def _verdict(change: VersionChange, effect: EditEffect, limit: float) -> Verdict:
    """What the replay says of an edit, or of a group of edits that was not taken apart."""
    sure = effect.named or (answers_repeat(change) and effect.changed > 0)
    can_exclude = effect.inputs >= MIN_CALLS
    return verdict_on(1.0 if sure else None, effect.ci_high, limit, can_exclude=can_exclude)


def _words(text: str) -> str:
    return " ".join(text.split())


def _touched(segments: Sequence[Influence], edit: Edit, *, new: bool) -> list[int]:
    """The places of the parts that an edit stands in."""
    ends = [(h.new_start, h.new_end) if new else (h.start, h.end) for h in edit.hunks]
    places = [(k, item.segment) for k, item in enumerate(segments)]
    return [k for k, one in places if any(max(a, one.start) < min(b, one.end) for a, b in ends)]


def _replayed(item: Influence, effect: EditEffect, verdict: Verdict) -> Influence:
    return Influence(
        segment=item.segment,
        influence=effect.distance,
        standard_error=(effect.ci_high - effect.ci_low) / _ERRORS,
        significant=verdict == "supports",
        verdict=verdict,
        calls_tried=effect.inputs,
        calls_lost=effect.changed,
        may_need=may_need(effect.inputs, effect.changed),
        tokens_saved=item.tokens_saved if verdict == "excluded" else None,
        usd_saved=item.usd_saved if verdict == "excluded" else None,
        **_source(effect),
    )


def _counted(item: Passage, effect: EditEffect) -> Passage:
    counts = {"calls": effect.inputs, "mattered": effect.changed, "against": 0, "open": 0}
    update = {**counts, "attribution": effect.distance, **_source(effect)}
    return item.model_copy(update=update)


def _source(effect: EditEffect) -> dict[str, Any]:
    return {"ci_low": effect.ci_low, "ci_high": effect.ci_high, "source": "replayed"}


def _not_excluded(item: Influence) -> Influence:
    if item.verdict != "excluded":
        return item
    return item.model_copy(update={"verdict": "open", "tokens_saved": None, "usd_saved": None})


def _all_open(item: Passage) -> Passage:
    return item.model_copy(update={"open": item.calls - item.mattered - item.against})
