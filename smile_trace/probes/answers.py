"""The answers of one profile: what was asked of each probe, and what counted by whose measure."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from smile_trace.attribution.answer_change.text_comparison import TextComparison
from smile_trace.probes.base import CHANGED, Answer, Probe, Variant
from smile_trace.probes.inference import NOTHING, Count
from smile_trace.probes.sampling import CONTROLS, PARAPHRASE, REPEATS


class Answers:
    """The answers to the variants of each probe, as they come in.

    Args:
        probes: by name.
        variants: of each, in the order in which they are asked.
        comparison: with the reference answer.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        variants: Mapping[str, Sequence[Variant]],
        comparison: TextComparison,
    ) -> None:
        self.probes = probes
        self.variants = variants
        self._comparison = comparison
        self.given: dict[str, list[Answer]] = {name: [] for name in probes}
        self.failed: dict[str, int] = dict.fromkeys(probes, 0)

    @property
    def available(self) -> dict[str, int]:
        """How many answers each probe can have: its variants without those that failed."""
        return {name: len(self.variants[name]) - self.failed[name] for name in self.probes}

    def waiting(self, name: str, number: int) -> Sequence[Variant]:
        """The next variants of a probe."""
        begin = len(self.given[name]) + self.failed[name]
        return self.variants[name][begin : begin + number]

    def add(self, name: str, variant: Variant, text: str | None) -> None:
        """Take an answer; None for a request that failed, which is missing data."""
        if text is None:
            self.failed[name] += 1
        else:
            [change] = self._comparison.changes([text])
            self.given[name].append(Answer(variant, text, change))

    def between(self, probe: str, other: str) -> Count:
        """How many answers to `other`'s variants count by the measure of `probe`.

        What a measure of its own looks for no other request brings about, so that all of them are
        its control: they stand together in the place of the paraphrases.
        """
        if probe == other or not self.probes[probe].own_measure:
            return self._counted(probe, self.given[other])
        if other != PARAPHRASE:
            return NOTHING
        return self._counted(probe, list(self._others(probe)))

    @property
    def repeats_itself(self) -> bool:
        """Whether the one repeat of a model that always says the same was answered."""
        return len(self.variants[REPEATS]) == len(self.given[REPEATS]) == 1

    def known(self, probe: str, other: str) -> Count:
        """As `between`, with what need not be asked: the further repeats of a model that repeats
        itself and was seen to."""
        count = self.between(probe, other)
        as_seen = other == REPEATS != probe and self.repeats_itself and count == Count(0, 1)
        return Count(0, CONTROLS) if as_seen else count

    def counting(self, name: str) -> list[bool]:
        """Which of a probe's own answers count."""
        return self.probes[name].measure(self.given[name])

    def _counted(self, probe: str, answers: Sequence[Answer]) -> Count:
        return Count(sum(self.probes[probe].measure(answers)), len(answers))

    def _others(self, probe: str) -> Iterator[Answer]:
        for name, answers in self.given.items():
            if name != probe:
                yield from answers


def usual_answer(
    repeats: Sequence[str], changes: Sequence[float], comparison_of: Callable[[str], TextComparison]
) -> str | None:
    """The answer that a model usually gives where the logged one is not it: all of the repeats say
    another thing, and the same one. None where the logged answer stands.

    Args:
        repeats: the answers to the same request.
        changes: how far each is from the logged answer.
        comparison_of: the comparison with an answer.
    """
    if not repeats or any(change < CHANGED for change in changes):
        return None
    first, rest = repeats[0], list(repeats[1:])
    agree = all(change < CHANGED for change in comparison_of(first).changes(rest))
    return first if agree else None
