"""Templates tried beside the unchanged template, on calls and confirmed failures, in a budget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.comparison.answers import (
    Answers,
    Distance,
    Paired,
    answer_comparison,
    compare_answers,
    count_changed,
    paired,
    same_text,
)
from smile_trace.comparison.verdicts import share_of
from smile_trace.comparison.version_replay import Input, InputModels
from smile_trace.errors import SmileTraceError
from smile_trace.probes.base import CHANGED
from smile_trace.records import Response
from smile_trace.records.comparison import Example
from smile_trace.records.suggestion import ProbedTrial, Trial
from smile_trace.records.verdicts import NOT_MEASURED, verdict_on
from smile_trace.suggesting.cases import ConfirmedCase, without_document
from smile_trace.suggesting.change import Sensitivity
from smile_trace.suggesting.material import Material


class BudgetSpent(SmileTraceError):
    """The remaining budget does not suffice for the calls."""


class Replays:
    """Asks templates over inputs, within a budget of calls: one answer each if the model is `exact`
    (repeats itself), else two."""

    def __init__(self, models: InputModels, budget: int, *, exact: bool) -> None:
        self.models = models
        self.exact = exact
        self._replicates = 1 if exact else 2
        self._budget = budget
        self._known: dict[tuple[str, int], list[Response]] = {}
        self._inputs: list[Input] = []  # so that no other one gets the id of one that was asked
        self.calls = 0

    async def responses(self, template: str, inputs: Sequence[Input]) -> list[list[Response]]:
        """The responses by input and replicate. Raises BudgetSpent if nothing was asked;
        ModelUnavailable if the model cannot be asked at all; BudgetExceeded if a daily cap is
        reached."""
        missing = [item for item in inputs if (template, id(item)) not in self._known]
        wanted = len(missing) * self._replicates
        if self.calls + wanted > self._budget:
            raise BudgetSpent(f"the budget of {self._budget:,} calls is not enough")
        self.calls += wanted
        self._inputs += missing
        found = await self.models.responses(missing, template, self._replicates)
        for item, responses in zip(missing, found, strict=True):
            self._known[template, id(item)] = responses
        return [self._known[template, id(item)] for item in inputs]

    async def answers(self, template: str, inputs: Sequence[Input]) -> Answers:
        """The responses' texts, None for each that failed; errors are those of `responses`."""
        found = await self.responses(template, inputs)
        return [[r.text if r.ok else None for r in responses] for responses in found]


MIN_HELD_OUT = 10
"""Held-out calls below which nothing is proposed: a few may agree by chance."""
ALPHA = 0.05
"""Error rate of the test that confirmed failures are corrected."""
FIRST = 5
"""Calls that are asked first: they show a large effect already."""
LARGE = 4
"""Multiple of the limit from which the first calls' mean change is no chance."""


class NothingTried(SmileTraceError):
    """No held-out call could be compared; the message says why."""


@dataclass(frozen=True)
class Trials:
    """Tries templates. `distance` of two answers is symmetric, in [0, 1]; `limit` is the smallest
    mean change that matters."""

    material: Material
    replays: Replays
    distance: Distance
    limit: float
    seed: int

    # -- where changes are looked for -----------------------------------------------------------

    async def keeps(
        self, template: str, calls: Sequence[Input] | None = None, *, same: bool = False
    ) -> bool:
        """Whether the template leaves the answers to the calls (by default the searched ones)
        unchanged: on average within the limit, none another answer, or even the `same` texts, as
        only a model that repeats itself gives. The held-out calls have to show that this is no
        luck."""
        calls = self.material.searched if calls is None else calls
        first = await self._pairs(template, calls[:FIRST])
        if first and self._mean(first) > LARGE * self.limit:
            return False
        if same and not _same(first):
            return False
        pairs = await self._pairs(template, calls)
        if not pairs or (same and not _same(pairs)):
            return False
        if any(self._mean([pair]) >= CHANGED for pair in pairs) or self._mean(pairs) >= self.limit:
            return False
        if (
            self.replays.exact
            and count_changed((pair.first for pair in pairs), self.distance).changed
        ):
            return False
        return not (await self.corrected(template, self.material.cases_searched))[1].count(True)

    async def corrected(
        self, template: str, cases: Sequence[ConfirmedCase], document: str = ""
    ) -> tuple[list[bool], list[bool]]:
        """Two results by request, since its failures are not independent. For each request with a
        failure that the prompt gets wrong: whether the template gets all of these right and no
        other wrong. For each with a case that the prompt gets right: whether the template gets one
        wrong. A case whose answers are partly right, or failed, counts as unchanged. A `document`
        is taken out of the requests, and only requests that hold it count."""
        if document:
            cases = [one for one in cases if document in _text(one.input)]
        before = await self._right(self.material.template, cases)
        after = await self._right(template, [_taken_out(one, document) for one in cases])
        requests: dict[str, list[tuple[bool | None, bool | None]]] = {}
        for case, old, new in zip(cases, before, after, strict=True):
            requests.setdefault(case.request, []).append((old, new))
        gained, lost = [], []
        for changes in requests.values():
            worse = (True, False) in changes
            if any(old is False for old, _ in changes):
                gained.append(not worse and all(new for old, new in changes if old is False))
            if any(old for old, _ in changes):
                lost.append(worse)
        return gained, lost

    # -- where what was found is tried ----------------------------------------------------------

    async def held_out(
        self, template: str, sensitivity: Sensitivity | None = None, document: str = ""
    ) -> Trial:
        """Try a template on the held-out calls and cases. `sensitivity`: what it should lower;
        `document`: is taken out of the calls and cases, which then have to hold it. Raises
        NothingTried if no call could be compared; and as `Replays.responses`."""
        pairs = await self._pairs(template, self.material.held_out, document)
        if not pairs:
            raise NothingTried("the model answered none of the held-out calls that it is about")
        gained, lost = await self.corrected(template, self.material.cases_held_out, document)
        moved = sum(self._mean([pair]) >= self.limit for pair in pairs)
        generator = np.random.default_rng([self.seed, 3])
        return Trial(
            answers=answer_comparison(pairs, self.distance, generator, exact=self.replays.exact),
            moved=share_of(moved, len(pairs)),
            cases_gained=share_of(sum(gained), len(gained)),
            cases_lost=share_of(sum(lost), len(lost)),
            p_value=_mc_nemar(sum(gained), sum(lost)),
            probed=None if sensitivity is None else await self._probed(template, sensitivity),
            example=self._example(pairs) if self.replays.exact else None,
        )

    def _example(self, pairs: Sequence[Paired]) -> Example | None:
        """The answers that moved most; None if all are the same."""
        moved = [pair for pair in pairs if not same_text(*pair.first)]
        if not moved:
            return None
        most = max(moved, key=lambda pair: self._mean([pair]))
        before, after = most.first
        return Example(variables={}, before=before, after=after, distance=self._mean([most]))

    async def _probed(self, template: str, sensitivity: Sensitivity) -> ProbedTrial:
        before = await sensitivity.counting(self.material.template, self.material.held_out)
        after = await sensitivity.counting(template, self.material.held_out)
        both = list(zip(before, after, strict=True))
        return ProbedTrial(
            probe=sensitivity.name,
            before=share_of(sum(before), len(before)),
            after=share_of(sum(after), len(after)),
            p_value=_mc_nemar(both.count((True, False)), both.count((False, True))),
        )

    def harm(self, trial: Trial) -> str:
        """Why a template with this trial is not proposed; empty if it did no harm."""
        answers = trial.answers
        if trial.cases_lost.count:
            return f"{trial.cases_lost.count} confirmed cases that are right now would be wrong"
        if answers.inputs < MIN_HELD_OUT:
            return f"{answers.inputs} held-out calls are too few to tell: {MIN_HELD_OUT} are needed"
        if answers.significant:
            return f"{answers.changed} of {answers.inputs} held-out calls got another answer"
        if verdict_on(None, answers.ci_high, self.limit) != "excluded":
            return (
                f"its effect on {answers.inputs} held-out calls was {NOT_MEASURED}: up to "
                f"{100 * answers.ci_high:.0f} % of the answer"
            )
        return ""

    async def another(
        self,
        template: str,
        changed: str,
        inputs: Sequence[Input],
        varied: Sequence[Input] | None = None,
    ) -> list[bool]:
        """Whether each call gets another answer by `changed`, asked over `varied`, than by the
        template (half of it gone, beyond the model's own noise), if it got any."""
        olds = await self.replays.answers(template, inputs)
        news = await self.replays.answers(changed, inputs if varied is None else varied)
        pairs = [paired(old, new) for old, new in zip(olds, news, strict=True)]
        return [pair is not None and self._mean([pair]) >= CHANGED for pair in pairs]

    # -- answers ---------------------------------------------------------------------------------

    async def _pairs(
        self, template: str, inputs: Sequence[Input], document: str = ""
    ) -> list[Paired]:
        changed = {id(one): without_document(one, document) if document else one for one in inputs}
        inputs = [one for one in inputs if changed[id(one)] is not None]
        olds = await self.replays.answers(self.material.template, inputs)
        after = [new for one in inputs if (new := changed[id(one)]) is not None]
        news = await self.replays.answers(template, after)
        pairs = [paired(old, new) for old, new in zip(olds, news, strict=True)]
        return [pair for pair in pairs if pair is not None]

    def _mean(self, pairs: Sequence[Paired]) -> float:
        return compare_answers(pairs, self.distance, np.random.default_rng(0), exact=True).mean

    async def _right(self, template: str, cases: Sequence[ConfirmedCase]) -> list[bool | None]:
        answers = await self.replays.answers(template, [case.input for case in cases])
        return [self._is_right(case, texts) for case, texts in zip(cases, answers, strict=True)]

    def _is_right(self, case: ConfirmedCase, texts: Sequence[str | None]) -> bool | None:
        """Whether all answers say what is expected, or none does; None for anything else."""
        right = set()
        for text in texts:
            if text is None:
                return None
            away = self.distance(case.expected, text)
            right.add(away < CHANGED and away < self.distance(case.failed, text))
        return right.pop() if len(right) == 1 else None


def _same(pairs: Sequence[Paired]) -> bool:
    return all(same_text(*pair.first) for pair in pairs)


def _text(item: Input) -> str:
    return "\n".join(message.content for message in item.call.messages)


def _taken_out(case: ConfirmedCase, document: str) -> ConfirmedCase:
    changed = without_document(case.input, document) if document else None
    return case if changed is None else replace(case, input=changed)


def _mc_nemar(gained: int, lost: int) -> float | None:
    """The one-sided p-value of "no more are gained than lost" (McNemar 1947, exact)."""
    if not gained + lost:
        return None
    return float(scipy.stats.binomtest(gained, gained + lost, 0.5, "greater").pvalue)
