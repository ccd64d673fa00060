"""Temperature .8: is the segment ranked first the one that is first at temperature 0?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.attribution.cases import Case
from benchmarks.attribution.question import Question
from benchmarks.attribution.scores import Scores
from benchmarks.drivers.samples import Samples
from benchmarks.drivers.studies import attributions, explain, prompted, text_of, told
from smile_trace.attribution import PerturbationStudy
from smile_trace.evaluation.gsmile import CHANGE, consistency, stability
from smile_trace.records import Explanation, ExplanationSettings, Perturbation, Response

TEMPERATURE = 0.8
BUDGET = 80
SEEDS = range(5)


@dataclass(frozen=True)
class Sampled:
    """One case; the lists have one entry per seed.

    `first` and `greedy_first` are the places, from 0, of the word ranked first at temperature
    .8 and at 0, same seed and budget. `floor` and `ceiling`: `fidelity.noise_floor` (in shift)
    and `noise_ceiling` (the largest R² that the noise leaves to any surrogate).
    `stability`: gSMILE's, the Jaccard index of the words ranked first before and after a small
    change of the prompt (seed 0); `consistency`: gSMILE's, the variance of a word's attribution
    over the seeds, mean over the words.
    """

    prompt: str
    answer: str
    first: list[int]
    greedy_first: list[int]
    floor: list[float]
    ceiling: list[float | None]
    status: list[str]
    calls: list[int]
    stability: float
    consistency: float | None

    @property
    def same(self) -> int:
        """In how many studies the first word is the same."""
        return sum(a == b for a, b in zip(self.first, self.greedy_first, strict=True))


def run(
    cases: Iterable[Case], scores: Scores, samples: Samples, seeds: Sequence[int] = SEEDS
) -> Iterator[Sampled]:
    """Every case; the logged answer is the one at temperature 0."""
    for case in cases:
        answer = Question(case, "text", scores).answer
        found = [explain_sampled(case.prompt, answer, samples, seed) for seed in seeds]
        greedy = [
            explain(case, "text", scores, answer=answer, budget=BUDGET, seed=seed) for seed in seeds
        ]
        changed = explain_sampled(CHANGE.format(prompt=case.prompt), answer, samples, seeds[0])
        yield Sampled(
            prompt=case.prompt,
            answer=answer,
            first=[_first(one) for one in found],
            greedy_first=[_first(one) for one in greedy],
            floor=[one.fidelity.noise_floor for one in found],
            ceiling=[one.fidelity.noise_ceiling for one in found],
            status=[one.fidelity.status for one in found],
            calls=[one.cost.target_calls for one in found],
            stability=stability(found[0], changed, 1),
            consistency=consistency(found),
        )


def explain_sampled(prompt: str, answer: str, samples: Samples, seed: int) -> Explanation:
    """The explanation at the temperature of `samples`, at most BUDGET calls."""

    def ask(round_: Sequence[Perturbation]) -> list[Response]:
        return samples.generate([(text_of(row), seed, row.replicate) for row in round_])

    settings = ExplanationSettings(model="demo", unit="word", budget=BUDGET, seed=seed)
    study = PerturbationStudy(
        prompted(prompt, samples.temperature),
        settings,
        answer=answer,
        signal="text",
        deterministic=False,
        remote=False,
    )
    return told(study, ask)


def _first(explanation: Explanation) -> int:
    values = attributions(explanation)
    return values.index(max(values))
