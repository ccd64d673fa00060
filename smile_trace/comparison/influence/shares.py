"""Shares of calls with their intervals, and the change from one period to the next."""

from collections.abc import Sequence

from smile_trace._stats.intervals import Estimated, newcombe, wilson
from smile_trace.comparison.influence.verdicts import LEVEL
from smile_trace.records import Verdict
from smile_trace.records.report import Change, Share


def share_of(count: int, known: int, still_open: int = 0) -> Share:
    """`count` of `known` with Wilson's interval (1927); all of [0, 1] where nothing is known."""
    if not known:
        return Share(count=0, of=0, open=still_open, share=0.0, low=0.0, high=1.0)
    low, high = wilson(count, known, LEVEL)
    return Share(
        count=count,
        of=known,
        open=still_open,
        share=count / known,
        low=low,
        high=high,
    )


def share_with(effects: Sequence[Verdict], counted: Sequence[Verdict]) -> Share:
    """The share with one of these effects among those of which something can be said."""
    known = [effect for effect in effects if effect != "open"]
    count = sum(effect in counted for effect in known)
    return share_of(count, len(known), len(effects) - len(known))


def change_of(before: Share, now: Share) -> Change | None:
    """How much a share has grown, with Newcombe's interval (1998, method 10) of the difference of
    two independent shares; None where nothing is known of one of them."""
    if not before.of or not now.of:
        return None
    after, earlier = (Estimated(share.share, share.low, share.high) for share in (now, before))
    grown = newcombe(after, earlier)
    return Change(before=before, grown=grown.value, low=grown.low, high=grown.high)
