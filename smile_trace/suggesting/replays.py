"""Logged requests asked again with another template: each at most once, and within a budget."""

from collections.abc import Sequence

from smile_trace.comparison.answers import Answers
from smile_trace.comparison.input_models import Input, InputModels
from smile_trace.errors import SmileTraceError
from smile_trace.records import Response


class BudgetSpent(SmileTraceError):
    """The calls that the budget leaves do not suffice for what is to be asked."""


class Replays:
    """Asks templates over inputs.

    Args:
        models: who answers.
        budget: the most calls.
        exact: the model repeats itself exactly, so that one answer is enough; else two are taken.
    """

    def __init__(self, models: InputModels, budget: int, *, exact: bool) -> None:
        self.models = models
        self.exact = exact
        self._replicates = 1 if exact else 2
        self._budget = budget
        self._known: dict[tuple[str, int], list[Response]] = {}
        self._inputs: list[Input] = []  # so that no other one gets the id of one that was asked
        self.calls = 0

    async def responses(self, template: str, inputs: Sequence[Input]) -> list[list[Response]]:
        """The responses by input and replicate.

        Raises:
            BudgetSpent: nothing was asked.
            ModelUnavailable: the model cannot be asked at all.
            BudgetExceeded: a daily cap is reached.
        """
        missing = [item for item in inputs if (template, id(item)) not in self._known]
        wanted = len(missing) * self._replicates
        if self.calls + wanted > self._budget:
            raise BudgetSpent(f"the budget of {self._budget:,} calls does not suffice")
        self.calls += wanted
        self._inputs += missing
        found = await self.models.responses(missing, template, self._replicates)
        for item, responses in zip(missing, found, strict=True):
            self._known[template, id(item)] = responses
        return [self._known[template, id(item)] for item in inputs]

    async def answers(self, template: str, inputs: Sequence[Input]) -> Answers:
        """The same as texts, None for each that failed; errors are those of `responses`."""
        found = await self.responses(template, inputs)
        return [[r.text if r.ok else None for r in responses] for responses in found]
