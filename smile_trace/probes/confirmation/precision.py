"""Confirmed precision: how much of what a probe finds people confirm, and whether it is enough."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from smile_trace.probes.confirmation.slips import share_kept
from smile_trace.probes.over_calls import wilson
from smile_trace.records.judgement import Confirmation, Judgement, Reply, ReviewItem

MIN_JUDGEMENTS = 30
"""A probe counts in a gate after so many judgements."""

MIN_PRECISION = 0.7
"""And where the lower end of its precision's interval is no lower."""


def confirmation(
    probe: str, variants: Sequence[ReviewItem], judgements: Iterable[Judgement]
) -> Confirmation:
    """What people make of a probe's changed answers.

    Each prompt is one trial, whose success is the share of its settled variants that were
    confirmed: variants of one prompt are no independent witnesses. The interval is Wilson's (1927)
    at the level of a profile's intervals; its upper end allows for slips, as frequent as the
    reviewers' disagreement shows, its lower end, by which a gate goes, does not. It is about the
    variants that people were shown, among which large effects and those near the border are more
    frequent than among all.

    Args:
        probe: its name.
        variants: that were answered; those of other probes and those that did not count are left
            out.
        judgements: of these variants, and any others.
    """
    mine = {v.id: v for v in variants if v.probe == probe and v.counts}
    given = defaultdict[str, list[Judgement]](list)
    for judgement in judgements:
        if judgement.variant_id in mine:
            given[judgement.variant_id].append(judgement)
    verdicts = {key: is_confirmed(them) for key, them in given.items()}
    settled = {key: verdict for key, verdict in verdicts.items() if verdict is not None}
    by_prompt = defaultdict[str, list[bool]](list)
    for key, verdict in settled.items():
        by_prompt[mine[key].prompt].append(verdict)
    used = [judgement for key in settled for judgement in given[key]]
    shares = [fmean(them) for them in by_prompt.values()]
    low, high = wilson(sum(shares), len(shares))
    return Confirmation(
        probe=probe,
        judgements=len(used),
        reviewers=len({judgement.reviewer for judgement in used}),
        variants=len(settled),
        prompts=len(shares),
        confirmed=sum(settled.values()),
        precision=fmean(shares) if shares else None,
        ci_low=low,
        ci_high=min(1.0, high / share_kept(list(given.values()))),
        counts=len(used) >= MIN_JUDGEMENTS and low >= MIN_PRECISION,
    )


def confirmations(
    variants: Sequence[ReviewItem], judgements: Sequence[Judgement]
) -> Mapping[str, Confirmation]:
    """Of each probe that has variants."""
    probes = dict.fromkeys(variant.probe for variant in variants)
    return {probe: confirmation(probe, variants, judgements) for probe in probes}


def is_confirmed(judgements: Sequence[Judgement]) -> bool | None:
    """Whether a variant is a failure in the eyes of most who judged it: it means the same, and its
    answer is worse. None where they are divided, or cannot say.

    Each question is settled by itself: two who slip in different questions would else outvote what
    both have seen. Where the meaning is another, nobody need say whether the answer is worse.
    """
    same = _majority([judgement.same_meaning for judgement in judgements])
    replies = [judgement.worse for judgement in judgements]
    worse = _majority(replies)
    if same is False and set(replies) == {"cannot_say"}:
        return False
    if same is None or worse is None:
        return None
    return same and worse


def _majority(replies: Sequence[Reply]) -> bool | None:
    yes, no = replies.count("yes"), replies.count("no")
    return None if yes == no else yes > no
