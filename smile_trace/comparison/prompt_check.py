"""One prompt checked for continuous integration: compared, probed, its failures asked again."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from smile_trace._text.lists import listed
from smile_trace._text.prompts import VARIABLE
from smile_trace.comparison.branch import ChangedPrompt
from smile_trace.comparison.checked import CheckedPrompt, Failures
from smile_trace.comparison.compare_versions import (
    PreparedComparison,
    prepare_change,
    prepare_versions,
)
from smile_trace.comparison.evidence import NothingToCompare
from smile_trace.comparison.given_cases import as_calls, read_cases
from smile_trace.comparison.limits import checked_change
from smile_trace.comparison.report import what_mattered
from smile_trace.comparison.sent_texts import Sent
from smile_trace.comparison.version_report import input_added
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.spending import Estimate, summed
from smile_trace.probes import Probe, chosen
from smile_trace.probes.api import OnAnswers, estimate_profile, first_calls
from smile_trace.probes.fixed_set import PreparedCase, ask_cases, prepare_cases
from smile_trace.probes.gate import (
    CheckedLimit,
    check_cases,
    check_citations,
    check_limits,
    check_may_gate,
    not_measurable,
)
from smile_trace.probes.judgements import confirmations_of
from smile_trace.probes.logged_calls import PreparedCall, prepare_calls, profiles_now
from smile_trace.probes.prompt_profile import together
from smile_trace.records import JSON, Call
from smile_trace.records.comparison import Comparison, ComparisonSettings
from smile_trace.records.profile import PromptProfile
from smile_trace.settings import Settings
from smile_trace.store import Store

BRANCH = "this branch"
CALLS = 20
"""Calls that are asked for the probes of a changed prompt."""


class Limits(NamedTuple):
    """What a prompt may change at most, all in [0, 1]; `drops` are by part, `probes` by name."""

    probes: Mapping[str, float]
    drops: Mapping[str, float]
    answer_change: float | None = None
    cases: float | None = None
    unused_citations: float | None = None


class How(NamedTuple):
    """How is asked: `calls` for the probes (None: as many as usual), `since` in Unix seconds, given
    cases with `parameters`."""

    model: str | None
    app: str | None
    budget: int
    seed: int
    calls: int | None
    since: float
    parameters: Mapping[str, JSON] = {}
    allow_unconfirmed: bool = False


@dataclass
class PromptCheck:
    """One prompt, while it is checked: prepared, then its cost is known, then run.

    Args:
        change: its templates at the `base` and now; None if it is checked as it is.
        versions: logged versions that are compared in place of a change.
        cases_in: a file of cases, which with a model take the place of logged calls.
        sent: logged calls that send the prompt's file, which do so where no case is given.
    """

    name: str
    store: Store
    settings: Settings
    limits: Limits
    how: How
    base: str = ""
    change: ChangedPrompt | None = None
    versions: Sequence[str] = ()
    cases_in: Path | None = None
    sent: Sent | None = None
    given: Sequence[Call] = ()
    comparison: PreparedComparison | None = None
    asked: Sequence[PreparedCall] = ()
    cases: Sequence[tuple[PreparedCase, PreparedCase]] = ()
    confirmed: int = 0
    profile: PromptProfile | None = None
    checked: list[CheckedLimit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    why_not_compared: str = ""

    @property
    def measurable(self) -> dict[str, float]:
        """The limits on probes, without those that no call has anything to vary for."""
        broken = {limit.probe for limit in self.checked}
        return {name: most for name, most in self.limits.probes.items() if name not in broken}

    @property
    def probes(self) -> list[Probe]:
        """The probes of these limits, with their controls."""
        return chosen(list(self.measurable))

    def prepare(self) -> None:
        """Find what is asked. Raises SmileTraceError if a limit, or a prompt that no branch
        changes, makes no sense; MayNotGate if a probe may not decide yet."""
        if self.change is not None or self.versions:
            self._prepare_comparison()
        if self.limits.probes:
            self._prepare_probes()
        if self.limits.cases is not None:
            self._prepare_cases()

    def _prepare_comparison(self) -> None:
        how: dict[str, Any] = {"model": self.how.model, "app": self.how.app}
        how["chosen"] = ComparisonSettings(
            smallest_effect=self.settings.explain.smallest_effect,
            seed=self.how.seed,
            inputs=self.how.budget,
        )
        if self.change is None:
            self.comparison = prepare_versions(
                self.store, self.settings, self.name, self.versions, **how
            )
            return
        templates = {self.base: self.change.before, BRANCH: self.change.after}
        if self.cases_in is not None and self.how.model is not None:
            cases, both = read_cases(self.cases_in), tuple(templates.values())
            self.given = as_calls(self.name, cases, both, self.how.model, self.how.parameters)
            if left := len(cases) - len(self.given):
                missing = "lack a value for a variable of the template, or are too long"
                self.notes.append(f"{left} of {len(cases)} cases {missing}: they are left out.")
            if self.given:
                self.notes.append(_how_asked(self.given))
                self.sent = None
        if self.sent is not None:
            templates = {label: self.sent.syntax(text) for label, text in templates.items()}
            before, after = templates.values()
            self.change = replace(self.change, before=before, after=after)
            self.given = self.sent.calls
            self.notes.append(self.sent.told(self.change.file))
        try:
            ready = prepare_change(
                self.store, self.settings, self.name, templates, self.given, **how
            )
        except NothingToCompare:
            file = f"{self.name}.cases.jsonl"
            wanted = f"file {file}" if self.cases_in is None else f"case of {file} (with --model)"
            self.why_not_compared = f"there is neither a logged call nor a {wanted}"
        else:
            uses = [use for call in ready.inputs for use in call.prompts]
            known = {one for use in uses if use.name == self.name for one in use.variables}
            variables = dict.fromkeys(VARIABLE.findall(self.change.after))
            if missing := listed([f"{{{one}}}" for one in variables if one not in known]):
                self.why_not_compared = f"no call has a value for {missing}"
            else:
                self.comparison = ready
        if self.why_not_compared:
            self.notes.append(f"It was not compared: {self.why_not_compared}.")

    def _prepare_probes(self) -> None:
        how, template = self.how, None if self.change is None else self.change.after
        calls = how.calls if how.calls is not None else CALLS * (template is not None)
        if calls and not self.why_not_compared:
            self.asked = prepare_calls(
                self.store, self.settings, self.name, calls, budget=max(how.budget, 4),
                seed=how.seed, app=how.app, model=how.model, template=template, given=self.given,
            )  # fmt: skip
        elif not calls:
            newest = self._newest_version()
            found = self.store.profiles.read(name=self.name, version=newest, since=how.since)
            shown = " ".join(filter(None, [self.name, newest]))
            self.profile = together(shown, found, how.since)
        counts = [first_calls(one.prepared, self.probes) for one in self.asked]
        found_in = {name for each in counts for name, number in each.items() if number}
        if self.profile is not None:
            found_in |= {probe.name for probe in self.profile.probes}
        self.checked = not_measurable(self.limits.probes, found_in)
        if not self.measurable:
            self.asked, self.profile = (), None
        elif not how.allow_unconfirmed:
            check_may_gate(self.measurable, confirmations_of(self.store, self.settings))

    def _prepare_cases(self) -> None:
        change = self.change
        templates = (None,) if change is None else (None, change.before, change.after)
        sides = [
            prepare_cases(
                self.store, self.settings, self.name,
                app=self.how.app, model=self.how.model, template=template,
            )
            for template in templates
        ]  # fmt: skip
        before, after = ({case.id: case for case in side} for side in (sides[-2:] * 2)[:2])
        self.cases = [(before[key], after[key]) for key in before if key in after]
        self.confirmed = len(sides[0])
        if left := self.confirmed - len(self.cases):
            failures = f"{left} of {self.confirmed} confirmed failures"
            self.notes.append(f"{failures} cannot be asked with these templates.")

    def _newest_version(self) -> str | None:
        """The prompt's newest version; None for a function."""
        with self.store.reading_prompts() as prompts:
            return next(iter(prompts.versions(self.name)[-1:]), None)

    def estimates(self) -> list[Estimate]:
        """The most that is asked, by model."""
        both = (*self.cases, *([] if self.change is None else self.cases))
        prepared = [*(one.prepared for one in self.asked), *(case.prepared for _, case in both)]
        compared = [] if self.comparison is None else self.comparison.estimates()
        return summed([*compared, *(estimate_profile(one, self.probes) for one in prepared)])

    def ask_probes(
        self, on_answers: OnAnswers, on_failure: Callable[[str, SmileTraceError], None]
    ) -> None:
        """Ask for the probes, and check their limits. Raises SmileTraceError if no call could be
        measured."""
        if self.asked:
            profiles = profiles_now(
                self.name, self.asked, self.probes, self.store, self.settings,
                on_answers=on_answers, on_failure=on_failure,
            )  # fmt: skip
            found = list(profiles)
            if not found:
                raise SmileTraceError(f"none of the {len(self.asked)} calls could be measured")
            self.profile = together(self.name, found, time.time())
        if self.profile is not None:
            self.checked += check_limits(self.profile, self.measurable)

    def result(self) -> CheckedPrompt:
        """Replay, ask the failures, and check all limits."""
        compared = None if self.comparison is None else self.comparison.run()
        checked = [*self._of_change(compared), *self.checked]
        failures = self._failures() if self.limits.cases is not None else None
        if failures is not None:
            failed = failures.still + failures.back
            most = self.limits.cases or 0.0
            checked.append(check_cases(self.confirmed, failures.asked, failed, most))
        if self.limits.unused_citations is not None:
            newest = self._newest_version()
            found = what_mattered(self.store, self.name, since=self.how.since, version=newest)
            checked.append(check_citations(found.citations, self.limits.unused_citations))
        added = None
        if self.change is not None and self.comparison is not None:
            before, after = self.change.before, self.change.after
            model = self.comparison.columns[-1].model
            added = input_added(before, after, self.comparison.inputs, model, self.settings)
        return CheckedPrompt(
            name=self.name,
            version=None if self.comparison is not None else self._newest_version(),
            file=None if self.change is None else self.change.file,
            comparison=compared,
            limits=tuple(checked),
            failures=failures,
            given=bool(self.given) and self.sent is None,
            added=added,
            notes=tuple(self.notes),
        )

    def _of_change(self, compared: Comparison | None) -> list[CheckedLimit]:
        """The limits on the change; they are within where there is none."""
        before = "" if compared is None else compared.versions[0].template
        drops = {part: most for part, most in self.limits.drops.items() if part in before}
        why = self.why_not_compared
        return checked_change(compared, why, drops=drops, answer_change=self.limits.answer_change)

    def _failures(self) -> Failures:
        new = ask_cases([case for _, case in self.cases], self.store, self.settings)
        old = new
        if self.change is not None:
            old = ask_cases([case for case, _ in self.cases], self.store, self.settings)
        known = [pair for pair in zip(old, new, strict=True) if None not in pair]
        return Failures(
            asked=len(known),
            still=known.count((True, True)),
            gone=known.count((True, False)),
            back=known.count((False, True)),
        )


def _how_asked(cases: Sequence[Call]) -> str:
    """How cases are sent, which may not be as the application sends its prompt."""
    forms = ("one message of the user", "a system message and the user's")
    sent = " or ".join(dict.fromkeys(forms[len(call.messages) > 1] for call in cases))
    names = listed([*cases[0].parameters]) or "no parameters"
    return (
        f"Cases were sent as {sent}, with {names}: what else the application sends, such as "
        "response_format, is given by --set."
    )
