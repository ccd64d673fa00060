"""The fidelity of an explanation and its reason, how much is shown, and which part may be first."""

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from smile_trace.attribution.answer_change.response_scores import ResponseScores
from smile_trace.attribution.estimation.fidelity import MINIMAL_GAIN, MINIMAL_R2
from smile_trace.attribution.estimation.findings import LevelFindings
from smile_trace.attribution.estimation.inference import LEVEL
from smile_trace.attribution.reporting.named_parts import named_drivers, opponents
from smile_trace.records import (
    Fidelity,
    FidelityStatus,
    FirstPlace,
    Interaction,
    SegmentAttribution,
)
from smile_trace.records.verdicts import NAMED, SMALLEST_EFFECT, at_most_inside, decided

MIN_ROWS = 10
"""Answered perturbations below which nothing is called reliable, or without effect."""

MAX_FAILURES = 0.1
"""Share of failed calls above which unchanged answers do not prove that nothing has an effect."""

MOST_UNSEEN = 1 / 3
"""Largest share of the distinct answers that may count as unchanged although their words differ."""

_NOT_SEEN = (
    "count as unchanged although their words differ, so the comparison may miss what changed; "
    "explain a part of the answer, or compare in another way"
)

MANY_WORDS, SENTENCES = 10, 4
"""Open words, and the sentences that they are of, from which larger parts are advised."""

CONVINCING: tuple[FidelityStatus, ...] = ("reliable", "partial")
"""Statuses with something to show, and to look at more closely."""


_ANOTHER = (
    "without its earlier reasoning, the model does not quite reproduce the logged answer; capture "
    "the reasoning as the server gave it, signed or encrypted."
)


def levels_shown(
    found: Sequence[LevelFindings], scores: ResponseScores, outermost: int = 1
) -> tuple[int, Fidelity]:
    """How many levels to show, and the fidelity of the whole.

    The `outermost` levels, which are inside no other, are always shown, a finer one if it is
    reliable or has a sure part. The fidelity is that of the finest level that is reliable like all
    before it, or of the outermost; a level of which every mask was asked speaks only if all were. A
    level that predicts but names nothing is inconclusive.
    """
    finer = [_verdict(findings, scores) for findings in found[outermost:]]
    finer = list(takewhile(lambda verdict: verdict[0] in CONVINCING, finer))
    shown = outermost + len(finer)
    judged, (status, reason) = _of_outermost(found[:outermost], scores)
    if status == "reliable":
        reliable = list(takewhile(lambda verdict: verdict[0] == "reliable", finer))
        levels = [(judged, reason), *((k, why) for k, (_, why) in enumerate(reliable, outermost))]
        drawn = [level for level in levels if not found[level[0]].exact]
        judged, reason = (drawn or levels)[-1]
    if status == "reliable" and not any(map(_stands_out, found[:shown])):
        status, reason = (
            "inconclusive",
            f"{reason[:-1]}, but none of them stands out from the noise.",
        )
    quality = found[judged].held_out
    return shown, Fidelity(
        status=status,
        reason=reason,
        r2_heldout=quality.r2 if quality else None,
        r2_low=quality.low if quality else None,
        r2_high=quality.high if quality else None,
        noise_floor=scores.noise_floor,
        noise_ceiling=_ceiling(scores),
        interval_level=LEVEL,
        reproduced=scores.baseline_reproduced,
    )


def _of_outermost(
    found: Sequence[LevelFindings], scores: ResponseScores
) -> tuple[int, tuple[FidelityStatus, str]]:
    """The level that decides over levels side by side, and its verdict. Levels without effect
    decide nothing; of the others the least reliable does, and what is sure in another one makes it
    partial."""
    verdicts = [_verdict(one, scores.of_level(k)) for k, one in enumerate(found)]
    moved = [k for k, (status, _) in enumerate(verdicts) if status != "no_effect"]
    if not moved:
        return 0, verdicts[0]
    judged = max(moved, key=lambda k: _WORST.index(verdicts[k][0]))
    status, reason = verdicts[judged]
    if status == "inconclusive" and any(verdicts[k][0] in CONVINCING for k in moved):
        return judged, ("partial", _beside_certain(reason))
    return judged, (status, reason)


def _beside_certain(reason: str) -> str:
    return f"the named parts are certain, but {reason}"


_WORST: tuple[FidelityStatus, ...] = ("no_effect", "reliable", "partial", "inconclusive")


def final_fidelity(
    fidelity: Fidelity,
    segments: Sequence[SegmentAttribution],
    coarser: Sequence[SegmentAttribution] = (),
    interactions: Sequence[Interaction] = (),
    *,
    limit: float = SMALLEST_EFFECT,
    of: str = "of the answer",
    another: bool = False,
) -> Fidelity:
    """The fidelity, given what was not measured well enough, or not compared. `another`: the
    request is not the logged one, and its answers are not quite the logged one, either.

    `no_effect` holds only if an effect of every part is excluded (`limit`: the smallest that
    matters; `of`: of what it is a share). `reliable` becomes `partial` if an
    open part could matter more than the smallest named one. Neither holds if the comparison may
    not see what changed. The reason of `inconclusive` ends with what to do.
    """
    fidelity = _given_open(fidelity, segments, coarser, interactions, limit, of)
    if another and fidelity.status in ("reliable", "no_effect"):
        lower: FidelityStatus = "partial" if fidelity.status == "reliable" else "inconclusive"
        fidelity = fidelity.model_copy(update={"status": lower, "reason": _ANOTHER})
    if fidelity.status != "inconclusive" or ";" in fidelity.reason:
        return fidelity
    what = "more calls or coarser parts may help (--budget, --unit)"
    if fidelity.further_calls is not None:
        what = what_settles(fidelity.further_calls, segments)
    return fidelity.model_copy(update={"reason": f"{fidelity.reason[:-1]}; {what}."})


def what_settles(calls: int, segments: Sequence[SegmentAttribution]) -> str:
    """What to do about the open parts: so many calls; or sentences, where many words of several
    sentences are open."""
    told = f"about {calls:,} more calls would settle this (--until-settled)"
    words = [s for s in segments if s.unit == "word" and not s.protected]
    sentences = sum(s.text.endswith((".", "!", "?", "。")) for s in words)
    open_words = sum(s.verdict == "open" for s in decided(words))
    if sentences < SENTENCES or open_words < MANY_WORDS:
        return told
    return f"{told}, or fewer, larger parts (--unit sentence)"


def _given_open(
    fidelity: Fidelity,
    segments: Sequence[SegmentAttribution],
    coarser: Sequence[SegmentAttribution],
    interactions: Sequence[Interaction],
    limit: float,
    of: str,
) -> Fidelity:
    if fidelity.unseen > MOST_UNSEEN and fidelity.status in ("reliable", "no_effect"):
        sure = bool(interactions) or any(s.significant for s in (*segments, *coarser))
        status: FidelityStatus = "partial" if sure else "inconclusive"
        reason = f"{_percent(fidelity.unseen)} of the distinct answers {_NOT_SEEN}."
        return fidelity.model_copy(update={"status": status, "reason": reason})
    paired = {key for pair in interactions for key in (pair.first, pair.second)}
    parts = decided(segments, interactions, limit=limit)
    unsettled = (s for s in parts if s.verdict == "open" and s.key not in paired)
    most = max((at_most_inside(s, coarser) for s in unsettled), default=0)
    if not most:
        return fidelity
    if fidelity.status == "no_effect":
        reason = (
            f"{fidelity.reason[:-1]}, but a part could still account for up to {_percent(most)} "
            f"{of}."
        )
        return fidelity.model_copy(update={"status": "inconclusive", "reason": reason})
    certain = (*named_drivers(segments, coarser), *opponents(segments)[:NAMED])
    named = [(abs(s.attribution), "part") for s in certain]
    named += [(abs(pair.value), "pair") for pair in interactions]
    smallest, which = min(named, default=(0.0, "part"))
    if fidelity.status != "reliable" or most <= smallest:
        return fidelity
    reason = _beside_certain(
        f"an unsettled part could account for up to {_percent(most)} {of}, more than a {which} "
        f"that certainly matters ({_percent(smallest)})."
    )
    return fidelity.model_copy(update={"status": "partial", "reason": reason})


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def status_of(found: LevelFindings, scores: ResponseScores) -> FidelityStatus:
    """The status of one level alone."""
    return _verdict(found, scores)[0]


def unchanged(scores: ResponseScores) -> bool:
    """Whether nothing seems to have an effect: no answer moved, and few calls failed."""
    return scores.no_variation and scores.failure_rate <= MAX_FAILURES


def _verdict(found: LevelFindings, scores: ResponseScores) -> tuple[FidelityStatus, str]:
    if (nothing := _why_nothing(found, scores)) is not None:
        return "inconclusive", nothing
    if scores.no_variation:
        return _unchanged(found)
    if scores.only_sparse_moved and not any(found.fails_without):
        return "inconclusive", (
            "the answer changed only when several parts of the prompt were removed at once."
        )
    if (unpredictable := _why_unpredictable(found)) is not None:
        if _anything_sure(found):
            return "partial", _beside_certain(unpredictable)
        return "inconclusive", unpredictable
    if found.exact:
        return "reliable", "every combination of parts was asked, so the values are exact."
    assert found.held_out is not None
    return (
        "reliable",
        f"the parts of the prompt predict {100 * found.held_out.r2:.0f} % of how the answer "
        "changes in new combinations.",
    )


_AGAIN = "explain it again when the model answers (--fresh)"


def _why_nothing(found: LevelFindings, scores: ResponseScores) -> str | None:
    if scores.baseline is None:
        return f"the unperturbed prompt got no answer; {_AGAIN}."
    if not scores.baseline_reproduced:
        return (
            "the model does not reproduce the logged answer to the same prompt; explain an answer "
            "that it gives now, at temperature 0."
        )
    if found.rows <= found.exact and len(found.segments) == 1:
        return (
            "the whole prompt is a single part, and nothing is left without it; choose finer parts "
            "(--unit)."
        )
    if any(found.fails_without):
        return None
    if found.rows <= found.exact:
        return f"no perturbed prompt got an answer; {_AGAIN}."
    answered = found.rows + sum(change is not None for change in scores.sparse)
    if not found.exact and answered < MIN_ROWS:
        return f"only {answered} perturbed prompts got an answer, but {MIN_ROWS} are needed."
    return None


def _unchanged(found: LevelFindings) -> tuple[FidelityStatus, str]:
    if any(found.fails_without):
        return (
            "partial",
            "the answers that came back did not change, and the other requests failed.",
        )
    if found.failure_rate > MAX_FAILURES:
        return "inconclusive", (
            f"{100 * found.failure_rate:.0f} % of the requests failed, and the answers that came "
            f"back did not change; {_AGAIN}."
        )
    return "no_effect", "no answer changed by more than noise."


def _why_unpredictable(found: LevelFindings) -> str | None:
    if found.exact:
        failed = f"{100 * found.failure_rate:.0f} % of the requests failed."
        return failed if found.failure_rate else None
    if found.held_out is None:
        return "too few of the perturbed prompts changed the answer."
    r2, gain = found.held_out.r2, found.held_out.gain
    if r2 <= MINIMAL_R2:
        return (
            f"the parts of the prompt predict only {100 * max(r2, 0):.0f} % of how the answer "
            f"changes in new combinations, and {100 * MINIMAL_R2:.0f} % is needed."
        )
    if gain <= MINIMAL_GAIN and not _every_part_is_certain(found):
        return "the mere amount removed predicts the change of the answer as well as the parts do."
    return None


def _anything_sure(found: LevelFindings) -> bool:
    return any(found.fails_without) or (any(found.significant) and not by_amount(found))


def by_amount(found: LevelFindings) -> bool:
    """Whether the mere removed amount predicts as well as the segments; the test may see that."""
    quality = found.held_out
    predicts = quality is not None and quality.gain <= 0 and quality.share_r2 > MINIMAL_R2
    return predicts and not _every_part_is_certain(found)


def _every_part_is_certain(found: LevelFindings) -> bool:
    """Whether each part that can be removed is: the amount then only counts them."""
    parts = zip(found.segments, found.significant, strict=True)
    return all(significant for part, significant in parts if not part.protected)


def _stands_out(found: LevelFindings) -> bool:
    paired = any(pair.kind is not None for pair in found.pairs)
    return paired or any(found.significant) or any(found.fails_without)


def _ceiling(scores: ResponseScores) -> float | None:
    """1 − noise variance / total variance: the R² that no surrogate can pass."""
    if scores.noise_variance is None or len(scores.known) < 2:
        return None
    total = float(np.var(scores.known, ddof=1))
    return max(0.0, 1 - scores.noise_variance / total) if total > 0 else None


ALONE = 0.5
"""Probability of being first from which a part is named alone."""

TOGETHER = 0.8
"""Probability of holding the first part with which a set is named instead."""

MOST_TOGETHER = 5
"""The most parts that are named; more would tell a reader nothing."""


def first_place(found: LevelFindings, fidelity: Fidelity) -> FirstPlace | None:
    """The part that is probably first, or else the smallest set that probably holds it. No part
    stands out if that takes more than MOST_TOGETHER, or half of all parts, or if only the removed
    amount counts. None if nothing was estimated, or nothing has an effect."""
    known = fidelity.reproduced and fidelity.status != "no_effect" and found.rows >= MIN_ROWS
    if found.first is None or not known or not np.any(found.first):
        return None
    ranked = np.argsort(-found.first, kind="stable")
    holding = np.cumsum(found.first[ranked])
    size = 1 if holding[0] >= ALONE else int(np.searchsorted(holding, TOGETHER - 1e-9)) + 1
    free = sum(not segment.protected for segment in found.segments)
    if size > MOST_TOGETHER or 2 * size >= free or by_amount(found):
        return FirstPlace(keys=(), probability=0.0)
    keys = tuple(found.segments[k].key for k in ranked[:size])
    return FirstPlace(keys=keys, probability=float(holding[size - 1]))
