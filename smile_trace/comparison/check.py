"""Prompts checked for continuous integration: added, then their cost is known, then run."""

from collections.abc import Callable, Sequence

from smile_trace.comparison.branch import Branch, ChangedPrompt
from smile_trace.comparison.checked import Checked
from smile_trace.comparison.evidence import known_prompts, template_of, versions_of
from smile_trace.comparison.prompt_check import How, Limits, PromptCheck
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.spending import Estimate, summed
from smile_trace.probes.api import OnAnswers
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.calls import newest_calls
from smile_trace.store.spending.accounts import Spent


class Check:
    """Prompts that are checked together.

    Args:
        branch: what the branch changes; None where prompts are checked as they are.
    """

    def __init__(
        self, store: Store, settings: Settings, limits: Limits, how: How, branch: Branch | None
    ) -> None:
        self._store = store
        self._settings = settings
        self._limits = limits
        self._how = how
        self._branch = branch
        self.prompts = list[PromptCheck]()
        self.notes: Sequence[str] = branch.notes if branch else ()

    def add(self, name: str, versions: Sequence[str] = (), template: str | None = None) -> None:
        """Add a prompt with what the branch changes in it; else with logged versions of it, or with
        a template that is compared with the last one. Raises what `PromptCheck.prepare` raises, and
        SmileTraceError if there is no such prompt."""
        branch, base = self._branch, "before"
        changes = branch.prompts if branch else []
        change = next((one for one in changes if one.name == name), None)
        if template is not None:
            base = versions_of(self._store, name)[-1]
            before = template_of(self._store, name, base)
            change = ChangedPrompt(name, before, template, "")
        elif change is None and not newest_calls(self._store.database, name, 1):
            raise SmileTraceError(
                f"no prompt {name!r} is changed by the branch, or in the store"
                f"{known_prompts(self._store)}"
            )
        elif branch is not None:
            base = branch.base
        one = PromptCheck(
            *(name, self._store, self._settings, self._limits, self._how, base, change),
            versions=versions,
            cases_in=branch.cases.get(name) if branch else None,
            sent=branch.sent.get(name) if branch else None,
        )
        one.prepare()
        self.prompts.append(one)

    def estimates(self) -> list[Estimate]:
        """The most that is asked, by model. Raises SmileTraceError if a limit is on a part that no
        compared prompt has."""
        compared = [one.comparison for one in self.prompts if one.comparison is not None]
        for part in self._limits.drops if compared else ():
            if not any(part in one.columns[0].template for one in compared):
                raise SmileTraceError(f"no prompt that is compared has a part {part!r}")
        return summed(most for one in self.prompts for most in one.estimates())

    def run(
        self, on_answers: OnAnswers, on_failure: Callable[[str, SmileTraceError], None]
    ) -> Checked:
        """Ask, and check. Raises NotTrusted if the settings name a host that is not allowed;
        BudgetExceeded if a daily cap is reached while probes or failures are asked;
        ModelUnavailable if they cannot be."""
        compared = self._how.budget and any(one.comparison for one in self.prompts)
        if compared or any(one.asked or one.cases for one in self.prompts):
            self._settings.check_trust("models")
        ledger = self._store.ledger
        day, branch = ledger.today(), self._branch
        before = ledger.spent("day", day)
        for one in self.prompts:
            one.ask_probes(on_answers, on_failure)
        prompts = tuple(one.result() for one in self.prompts)
        after = ledger.spent("day", day)
        return Checked(
            base=branch.base if branch else None,
            commit=branch.commit if branch else None,
            prompts=prompts,
            notes=tuple(self.notes),
            unchecked=tuple(branch.unchecked) if branch else (),
            asked=Spent(
                **{
                    name: getattr(after, name) - getattr(before, name)
                    for name in Spent.model_fields
                }
            ),
        )
