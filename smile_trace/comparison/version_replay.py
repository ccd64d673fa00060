"""Logged inputs replayed through two versions: how far the answers move, and by which edit."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace._text.prompts import VARIABLE
from smile_trace.attribution.segmentation.selections import asks
from smile_trace.comparison.answers import (
    Answers,
    Paired,
    answer_comparison,
    energies,
    mean_interval,
    own_distances,
    paired,
    version_distance,
)
from smile_trace.comparison.edits import (
    MIN_SHARE,
    EditSearch,
    Step,
    find_edits,
    splits,
    unresolved,
    with_edits,
)
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.driver import wait_for
from smile_trace.explaining.options import AnyModel
from smile_trace.explaining.preparation import open_any, settings_of
from smile_trace.models import Model, Request
from smile_trace.models.base import is_prefilled
from smile_trace.models.metered import MeteredModel
from smile_trace.records import Call, PromptUse, Response
from smile_trace.records.comparison import (
    AnswerComparison,
    Edit,
    EditEffect,
    Example,
    Moved,
    VersionReport,
)
from smile_trace.settings import Settings
from smile_trace.store import Store


@dataclass(frozen=True)
class Input:
    """One logged call whose variables are replayed."""

    call: Call
    use: PromptUse


class InputModels:
    """One model for all inputs or, of kind "rerun", each call's own function. Every answer goes
    through the store's cache and is paid from its ledger.

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
        self.by_call = isinstance(asked, str) and settings_of(asked, settings).calls_function
        self._open: dict[str, Model] = {}

    def answers(self, call: Call) -> bool:
        """Whether it can answer that call's input: a function has to allow being called again."""
        return call.rerun is not None or not self.by_call

    def of(self, call: Call) -> Model:
        """The model that answers the input of a call, under the daily caps and the budget. Raises
        ModelUnavailable if an extra, a file, a key or the module is missing."""
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
        """The template's answers, by input and replicate. Raises ModelUnavailable if the model
        cannot be asked at all; BudgetExceeded if a cap is reached."""
        found = await self.responses(inputs, template, replicates)
        return [[r.text if r.ok else None for r in responses] for responses in found]

    async def responses(
        self, inputs: Sequence[Input], template: str, replicates: int
    ) -> list[list[Response]]:
        """The answers as responses, with their usage; errors are those of `ask`."""
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
    """The request with another template in place of the logged one."""
    return Request(
        messages=item.call.messages_with(item.use, template),
        form=item.call.form,
        parameters=item.call.parameters,
        replicate=replicate,
        prefilled=is_prefilled(item.call.messages),
    )


MIN_INPUTS = 4
"""The inputs below which hardly any change of a model that varies is significant."""
SEARCHED = 4
"""Inputs on which an edit is searched: those of the compared inputs that moved most."""
POWER = 2.8
"""A mean of this many standard errors is significant (two-sided 5 %) in 80 % of the cases."""
MIN_SHARE_SURE = 0.4
"""Smallest share of the change for which a further edit is named if answers vary."""
MAX_SUGGESTED = 100
"""Inputs of the largest budget that is suggested; a change that needs more is hardly one."""
MAX_EXAMPLES = 10


@dataclass(frozen=True)
class Replayed:
    """The result of a replay: some of the fields of a `VersionChange`."""

    edits: tuple[Edit, ...] = ()
    answers: AnswerComparison | None = None
    why_no_answers: str = ""
    effects: tuple[EditEffect, ...] = ()
    why_no_edits: str = ""
    budget_needed: int | None = None
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class _Plan:
    """How the budget is spent: `inputs` through both versions with `replicates` answers (1 if
    deterministic), the rest on the search."""

    budget: int
    edits: int
    replicates: int

    @property
    def exact(self) -> bool:
        return self.replicates == 1

    @property
    def per_input(self) -> int:
        """Calls for one input through both versions."""
        return 2 * self.replicates

    @property
    def inputs(self) -> int:
        """Inputs that are compared; with several edits a few calls are left for the search."""
        left = self.budget - self.splits * SEARCHED
        enough = min(self.budget // self.per_input, 1 if self.exact else MIN_INPUTS)
        return max(left // self.per_input, enough)

    @property
    def splits(self) -> int:
        """Templates that are asked for until one edit is found."""
        return splits(self.edits)

    def needed(self, inputs: int) -> int:
        """The budget with which so many inputs are compared, and one edit is found."""
        return inputs * self.per_input + self.splits * SEARCHED


@dataclass(frozen=True)
class _Asked:
    plan: _Plan
    inputs: list[Input]
    olds: Answers
    news: Answers

    @property
    def left(self) -> int:
        """Calls that the budget still allows."""
        return self.plan.budget - len(self.inputs) * self.plan.per_input

    @property
    def pairs(self) -> list[Paired | None]:
        """The answers by input; None if one is missing."""
        return [paired(old, new) for old, new in zip(self.olds, self.news, strict=True)]


class VersionReplay:
    """Replays logged inputs through versions of a prompt. Every answer goes through the store's
    cache and is paid from its ledger.

    Args:
        traffic: the logged calls that inputs are drawn from; at least one.
        model: who answers; by default each version's own model.
        app: the module of the application, for a model of kind "rerun".
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        prompt: str,
        traffic: Sequence[Call],
        seed: int,
        model: AnyModel | None = None,
        app: str | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._prompt = prompt
        self._traffic = traffic
        self._seed = seed
        self._given = model
        self._app = app
        self._distance = version_distance(settings.explain.distance)

    def run(self, before: VersionReport, after: VersionReport, budget: int) -> Replayed:
        """Replay with at most `budget` new calls; a store or model error is `why_no_answers`."""
        edits = tuple(find_edits(before.template, after.template))
        try:
            return wait_for(self._run(before, after, edits, budget))
        except SmileTraceError as error:
            return Replayed(edits, why_no_answers=str(error).rstrip("."))

    async def _run(
        self, before: VersionReport, after: VersionReport, edits: tuple[Edit, ...], budget: int
    ) -> Replayed:
        scope = f"compare/{self._prompt}/{uuid.uuid4().hex}"
        models = [self._models(version, budget, scope) for version in (before, after)]
        traffic = [call for call in self._traffic if all(m.answers(call) for m in models)]
        if not traffic:
            why = "no call may be made again: decorate its function with rerun=True"
            return Replayed(edits, why_no_answers=why)
        exact = all(m.of(traffic[0]).deterministic(traffic[0].parameters) for m in models)
        plan = _Plan(budget, len(edits), 1 if exact else 2)
        if not plan.inputs:
            return Replayed(edits, why_no_answers="the budget allows no call")
        generator = np.random.default_rng([self._seed, 0])
        templates = [before.template, after.template]
        inputs = choose_inputs(traffic, self._prompt, templates, plan.inputs, generator)
        if not inputs:
            why = "no logged call has values for the variables of both templates"
            return Replayed(edits, why_no_answers=why)
        with suppress_instrumentation():
            olds = await models[0].ask(inputs, before.template, plan.replicates)
            news = await models[1].ask(inputs, after.template, plan.replicates)
            asked = _Asked(plan, inputs, olds, news)
            known = [pair for pair in asked.pairs if pair is not None]
            if not known:
                return Replayed(edits, why_no_answers="the model answered none of the inputs")
            generator = np.random.default_rng([self._seed, 1])
            answers = answer_comparison(known, self._distance, generator, exact=plan.exact)
            found = Replayed(edits, answers, examples=self._examples(inputs, asked.pairs))
            if before.model != after.model:
                return replace(found, why_no_edits="the models differ as well") if edits else found
            if len(edits) == 1:
                found = replace(found, effects=(_whole(answers),))
            if edits and not answers.significant:
                return replace(found, budget_needed=self._needed(asked, answers))
            if len(edits) < 2:
                return found
            return await self._search(found, asked, models[0], before.template, after.template)

    async def _search(
        self, replayed: Replayed, asked: _Asked, models: InputModels, before: str, after: str
    ) -> Replayed:
        edits, plan = replayed.edits, asked.plan
        noise = own_distances(asked.olds, asked.news, self._distance)
        moved = np.nan_to_num(energies(asked.olds, asked.news, noise, self._distance), nan=-1.0)
        most = min(asked.left // max(plan.splits, 1), SEARCHED) or 1
        chosen = [k for k in np.argsort(-moved, kind="stable") if moved[k] > 0][:most]
        if not chosen:
            return replace(replayed, why_no_edits="no input shows the change by itself")
        inputs = [asked.inputs[k] for k in chosen]
        olds, news = ([answers[k] for k in chosen] for answers in (asked.olds, asked.news))
        cost = len(inputs)
        search = EditSearch(olds, news, len(edits), noise[chosen], self._distance)

        async def ask(some: Sequence[Edit]) -> Answers:
            return await models.ask(inputs, with_edits(before, after, some), 1)

        why, left = "", asked.left // cost
        alone: dict[int, float] = {}
        try:
            left -= await search.run(lambda count: ask(edits[:count]), left)
            for step in _named(search.steps, exact=plan.exact):
                if step.start and left > 0:
                    alone[step.start] = search.alone(await ask([edits[step.start]]))
                    left -= 1
        except SmileTraceError as error:
            why = str(error).rstrip(".")
        named = _named(search.steps, exact=plan.exact)
        open_step = None if named else unresolved(search.steps)
        return replace(
            replayed,
            effects=tuple(_effect(s, s in named, alone.get(s.start)) for s in search.steps),
            why_no_edits=why,
            budget_needed=None
            if open_step is None or why
            else plan.budget + splits(open_step.edits) * cost,
        )

    def _needed(self, asked: _Asked, answers: AnswerComparison) -> int | None:
        """The budget that would tell a change of this size from noise, if it is no noise."""
        if not answers.changed or answers.p_value is None or answers.distance <= 0:
            return None
        noise = own_distances(asked.olds, asked.news, self._distance)
        moved = energies(asked.olds, asked.news, noise, self._distance)
        spread = float(np.nanstd(moved, ddof=1)) if answers.inputs > 1 else answers.distance
        inputs = max(ceil((POWER * spread / answers.distance) ** 2), MIN_INPUTS, len(moved) + 1)
        return asked.plan.needed(inputs) if inputs <= MAX_SUGGESTED else None

    def _examples(
        self, inputs: Sequence[Input], whole: Sequence[Paired | None]
    ) -> tuple[Example, ...]:
        found = [
            Example(
                variables=variables,
                before=pair.before[0],
                after=pair.after[0],
                distance=self._distance(pair.before[0], pair.after[0]),
                trace_id=item.call.trace_id,
            )
            for item, variables, pair in zip(inputs, what_varies(inputs), whole, strict=True)
            if pair is not None
        ]
        changed = [example for example in found if example.before != example.after]
        return tuple(sorted(changed, key=lambda example: -example.distance)[:MAX_EXAMPLES])

    def _models(self, version: VersionReport, budget: int, scope: str) -> InputModels:
        asked = self._given or version.model or self._traffic[0].model or "*"
        return InputModels(
            asked, self._store, self._settings, app=self._app, budget=budget, scope=scope
        )


def choose_inputs(
    traffic: Sequence[Call],
    prompt: str,
    templates: Sequence[str],
    most: int,
    generator: np.random.Generator,
) -> list[Input]:
    """A random sample of distinct inputs (variables and surrounding messages) that fill every
    template. It holds the generator's smaller samples, so a larger budget pays only for new
    ones."""
    wanted = {name for template in templates for name in VARIABLE.findall(template)}
    found: dict[tuple[object, ...], Input] = {}
    for call in traffic:
        use = next((use for use in call.prompts if use.name == prompt), None)
        if use is None or not wanted <= use.variables.keys() or call.truncated:
            continue
        content = call.messages[use.message].content
        around = content[: use.start], content[use.end :]
        others = tuple((m.role, m.content) for k, m in enumerate(call.messages) if k != use.message)
        key = (tuple(sorted(use.variables.items())), around, use.message, others)
        found.setdefault(key, Input(call, use))
    inputs = list(found.values())
    return [inputs[k] for k in generator.permutation(len(inputs))[:most]]


def what_varies(inputs: Sequence[Input]) -> list[dict[str, str]]:
    """Of each input, the template's variables and the question beside it, by its role, that differ
    between the inputs; all if none does."""
    found = [{**_question(item), **item.use.variables} for item in inputs]
    names = dict.fromkeys(name for one in found for name in one)
    varying = [name for name in names if any(one.get(name) != found[0].get(name) for one in found)]
    return [{name: one[name] for name in varying or names if name in one} for one in found]


def _question(item: Input) -> dict[str, str]:
    """The last message of a person beside the template, else the last message."""
    beside = [m for k, m in enumerate(item.call.messages) if k != item.use.message]
    last = [*beside[-1:], *filter(asks, beside)][-1:]
    return {message.role: message.content for message in last}


def _named(steps: Sequence[Step], *, exact: bool) -> list[Step]:
    """The single edits that changed the answers, the strongest first; none while a stronger group
    is not taken apart. Something changed them, so only the others need a test, if answers vary."""
    if max(steps, key=lambda step: step.share).edits > 1:
        return []
    single = [step for step in steps if step.edits == 1 and step.share >= MIN_SHARE]
    found = sorted(single, key=lambda step: -step.share)
    return [s for k, s in enumerate(found) if not k or exact or _sure(s)]


def _whole(answers: AnswerComparison) -> EditEffect:
    same = answers.model_dump(include=set(Moved.model_fields))
    return EditEffect(edits=(0,), share=1.0, named=answers.significant, **same)


def _sure(step: Step) -> bool:
    return step.share >= MIN_SHARE_SURE and mean_interval(step.known)[0] > 0


def _effect(step: Step, named: bool, alone: float | None) -> EditEffect:
    low, high = mean_interval(step.known)
    return EditEffect(
        edits=tuple(range(step.start, step.end)),
        distance=min(step.distance, 1.0),
        ci_low=low,
        ci_high=high,
        inputs=len(step.known),
        **step.counted._asdict(),
        share=step.share,
        named=named,
        alone=alone,
    )
