"""Who answers the replayed inputs of one version, and their answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from smile_trace.comparison.answers import Answers
from smile_trace.comparison.templates import with_template
from smile_trace.explaining.named_models import AnyModel, open_any, settings_of
from smile_trace.models import Model, Request
from smile_trace.models.accounting.metered import MeteredModel
from smile_trace.models.base import is_prefilled
from smile_trace.records import Call, PromptUse, Response
from smile_trace.settings import RerunSettings, Settings
from smile_trace.store import Store


@dataclass(frozen=True)
class Input:
    """One logged call whose variables are replayed."""

    call: Call
    use: PromptUse


class InputModels:
    """One model for all inputs, or, of kind "rerun", each call's own function.

    Every answer goes through the store's cache and is paid from its ledger.

    Args:
        asked: who answers.
        app: the module of the application, for a model of kind "rerun".
        budget: the most new calls.
        scope: what the calls belong to in the ledger.

    Raises:
        NoModel: the settings have no such model.
    """

    def __init__(
        self,
        asked: AnyModel,
        store: Store,
        settings: Settings,
        *,
        app: str | None,
        budget: int,
        scope: str,
    ) -> None:
        self._asked = asked
        self._store = store
        self._settings = settings
        self._app = app
        self._budget = budget
        self._scope = scope
        self.by_call = isinstance(asked, str) and isinstance(
            settings_of(asked, settings), RerunSettings
        )
        self._open: dict[str, Model] = {}

    def answers(self, call: Call) -> bool:
        """Whether it can answer that call's input: a function is called again if it allows it."""
        return call.rerun is not None or not self.by_call

    def of(self, call: Call) -> Model:
        """The model that answers the input of a call, under the daily caps and the budget.

        Raises:
            ModelUnavailable: an extra, a file, a key or the module is missing.
        """
        key = call.id if self.by_call else ""
        if key not in self._open:
            self._open[key] = MeteredModel(
                open_any(self._asked, self._settings, call, self._app),
                ledger=self._store.ledger.with_budget(self._budget),
                cache=self._store.responses,
                explanation=f"{key}/{self._scope}" if key else self._scope,
                paid_as=str(self._asked) if self.by_call else None,
            )
        return self._open[key]

    async def ask(self, inputs: Sequence[Input], template: str, replicates: int) -> Answers:
        """The template's answers, by input and replicate.

        Raises:
            ModelUnavailable: the model cannot be asked at all.
            BudgetExceeded: a cap is reached.
        """
        found = await self.responses(inputs, template, replicates)
        return [[r.text if r.ok else None for r in responses] for responses in found]

    async def responses(
        self, inputs: Sequence[Input], template: str, replicates: int
    ) -> list[list[Response]]:
        """The same as responses, with their usage; errors are those of `ask`."""
        groups = [[item] for item in inputs] if self.by_call else [list(inputs)]
        found: list[list[Response]] = []
        for group in groups:
            requests = [request_of(item, template, k) for item in group for k in range(replicates)]
            if not requests:
                continue
            responses = iter(await self.of(group[0].call).generate(requests))
            found += [[next(responses) for _ in range(replicates)] for _ in group]
        return found


def request_of(item: Input, template: str, replicate: int = 0) -> Request:
    """What is asked where the template stands in place of the one that was called."""
    return Request(
        messages=with_template(item.call, item.use, template),
        form=item.call.form,
        parameters=item.call.parameters,
        replicate=replicate,
        prefilled=is_prefilled(item.call.messages),
    )
