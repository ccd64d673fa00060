"""How often the citations of answers name a document that is not used, with intervals."""

from collections.abc import Sequence

from smile_trace.comparison.verdicts import share_of
from smile_trace.records import CitedDocument
from smile_trace.records.citation import counted
from smile_trace.records.report import CitedShares, Share

_InAnswer = tuple[int, int, int]
"""How many of an answer count, how many do not, and how many are open."""


def cited_shares(answers: Sequence[Sequence[CitedDocument]]) -> CitedShares | None:
    """The shares over answers; None if nothing that they cite is settled."""
    citing = [citations for citations in answers if citations]
    counts = [counted(citations) for citations in citing]
    if all(one.share is None for one in counts):
        return None
    uncited = [sum(one.found == "used, not cited" for one in citations) for citations in citing]
    used = [(few, one.used, 0) for few, one in zip(uncited, counts, strict=True)]
    return CitedShares(
        answers=len(citing),
        unused=_over_answers([(one.unused, one.used, one.open) for one in counts]),
        uncited=_over_answers(used),
    )


def _over_answers(found: Sequence[_InAnswer]) -> Share:
    """A share of what stands in answers. Its interval is as wide as if all in one answer were
    alike, since nobody knows how far they are: an answer is one trial, and of answers of several
    lengths Kish's effective number (1965), (Σm)²/Σm², counts."""
    count, others, still_open = (sum(column) for column in zip(*found, strict=True))
    sizes = [sum(one) for one in found]
    trials = sum(sizes) ** 2 / max(sum(size**2 for size in sizes), 1)
    return share_of(count, count + others, still_open, trials=trials)
