"""Logged inputs replayed through two versions: how far the answers move, and by which edit."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil

import numpy as np

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace._text.prompts import VARIABLE
from smile_trace.attribution.segmentation.selections import asks
from smile_trace.comparison.answers import (
    Answers,
    Paired,
    VersionDistance,
    answer_comparison,
    aspects_of,
    energies,
    largest_interval,
    own_distances,
    paired,
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
from smile_trace.comparison.field_changes import FieldDistance, field_comparisons
from smile_trace.comparison.pooled_effects import Array
from smile_trace.comparison.verdicts import ALPHA, LEVEL, MIN_CALLS
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.driver import wait_for
from smile_trace.explaining.options import AnyModel
from smile_trace.explaining.preparation import open_any
from smile_trace.models import Request
from smile_trace.models.base import is_prefilled
from smile_trace.models.metered import MeteredModel
from smile_trace.models.registry import settings_of
from smile_trace.records import Call, PromptUse, Response
from smile_trace.records.comparison import (
    AnswerComparison,
    Edit,
    EditEffect,
    Example,
    FieldComparison,
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
        self._open: dict[str, MeteredModel] = {}

    def answers(self, call: Call) -> bool:
        """Whether it can answer that call's input: a function has to allow being called again."""
        return call.rerun is not None or not self.by_call

    def of(self, call: Call) -> MeteredModel:
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

    async def stored(self, inputs: Sequence[Input], template: str, replicates: int) -> list[Input]:
        """The inputs of which the store has all answers, so that none is asked for."""
        found = []
        for group in self._groups(inputs):
            requests = [request_of(item, template, k) for item in group for k in range(replicates)]
            known = await self.of(group[0].call).known(requests)
            own = [known[k : k + replicates] for k in range(0, len(known), replicates)]
            found += [item for item, answers in zip(group, own, strict=True) if all(answers)]
        return found

    async def responses(
        self, inputs: Sequence[Input], template: str, replicates: int
    ) -> list[list[Response]]:
        """The answers as responses, with their usage; errors are those of `ask`."""
        found: list[list[Response]] = []
        for group in self._groups(inputs):
            requests = [request_of(item, template, k) for item in group for k in range(replicates)]
            responses = iter(await self.of(group[0].call).generate(requests))
            found += [[next(responses) for _ in range(replicates)] for _ in group]
        return found

    def _groups(self, inputs: Sequence[Input]) -> list[list[Input]]:
        """The inputs that are asked at once; none is empty."""
        return [[item] for item in inputs] if self.by_call else [list(inputs)] * bool(inputs)


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
"""Inputs on which edits are told apart, those that moved most, if the budget does not allow all."""
POWER = 2.8
"""A mean of this many standard errors is significant (two-sided 5 %) in 80 % of the cases."""
MAX_SUGGESTED = 100
"""Inputs of the largest budget that is suggested; a change that needs more is hardly one."""
MAX_EXAMPLES = 10


@dataclass(frozen=True)
class Replayed:
    """The result of a replay: some of the fields of a `VersionChange`."""

    edits: tuple[Edit, ...] = ()
    answers: AnswerComparison | None = None
    fields: tuple[FieldComparison, ...] = ()
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

    def per_input(self, templates: int = 0) -> int:
        """Calls for one input through both versions, and so many templates in between."""
        return (2 + templates) * self.replicates

    @property
    def splits(self) -> int:
        """Templates that are asked for until one edit is found."""
        return splits(self.edits)

    @property
    def most_splits(self) -> int:
        """Templates that are asked for until two edits are found, or all are told apart."""
        return max(min(2 * self.splits, self.edits - 1), 0)

    @property
    def inputs(self) -> int:
        """Inputs that are compared. With several edits calls are left for the search: on all of
        ten or more, or else on a few."""
        if self.budget >= MIN_CALLS * self.per_input(self.splits):
            return max(self.budget // self.per_input(self.most_splits), MIN_CALLS)
        left = self.budget - self.splits * SEARCHED
        enough = min(self.budget // self.per_input(), 1 if self.exact else MIN_INPUTS)
        return max(left // self.per_input(), enough)

    def needed(self, least: int, templates: int, there_are: int | None = None) -> int | None:
        """The larger budget that compares so many inputs, or all that there are, with so many
        templates on each; None if it would be spent on more inputs, or is too large."""
        most = there_are or MAX_SUGGESTED
        for inputs in range(min(least, most), most + 1):
            larger = replace(self, budget=inputs * self.per_input(templates))
            if larger.budget > self.budget and min(larger.inputs, most) <= inputs:
                return larger.budget
        return None


@dataclass(frozen=True)
class _Asked:
    plan: _Plan
    inputs: list[Input]
    olds: Answers
    news: Answers

    @property
    def left(self) -> int:
        """Calls that the budget still allows; without one, of stored answers as many as wanted."""
        if not self.plan.budget:
            return len(self.inputs) * 2 * self.plan.edits * self.plan.replicates
        return self.plan.budget - len(self.inputs) * self.plan.per_input()

    @property
    def pairs(self) -> list[Paired | None]:
        """The answers by input; None if one is missing."""
        return [paired(old, new) for old, new in zip(self.olds, self.news, strict=True)]


@dataclass(frozen=True)
class _Ends:
    """Both versions' answers to the inputs on which an edit is searched, and their own noise."""

    inputs: list[Input]
    olds: Answers
    news: Answers
    noise: Array
    replicates: int


_AskWith = Callable[[Sequence[Edit]], Awaitable[Answers]]


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
        self._distance = VersionDistance(settings.explain.distance)
        self._by_field = FieldDistance()

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
        if budget and not plan.inputs:
            return Replayed(edits, why_no_answers="the budget allows no call")
        generator = np.random.default_rng([self._seed, 0])
        templates = [before.template, after.template]
        most = plan.inputs if budget else len(traffic)
        inputs = choose_inputs(traffic, self._prompt, templates, most, generator)
        if not inputs:
            why = "no logged call has values for the variables of both templates"
            return Replayed(edits, why_no_answers=why)
        with suppress_instrumentation():
            if not budget:
                for model, template in zip(models, templates, strict=True):
                    inputs = await model.stored(inputs, template, plan.replicates)
                if not inputs:
                    return Replayed(edits, why_no_answers=self._how_to_ask(before, after))
            olds = await models[0].ask(inputs, before.template, plan.replicates)
            news = await models[1].ask(inputs, after.template, plan.replicates)
            asked = _Asked(plan, inputs, olds, news)
            known = [pair for pair in asked.pairs if pair is not None]
            if not known:
                return Replayed(edits, why_no_answers="the model answered none of the inputs")
            generator = np.random.default_rng([self._seed, 1])
            answers = answer_comparison(known, self._distance, generator, exact=plan.exact)
            fields = field_comparisons(known, self._by_field, generator, exact=plan.exact)
            examples = self._examples(inputs, asked.pairs, fields)
            found = Replayed(edits, answers, fields, examples=examples)
            if before.model != after.model:
                return replace(found, why_no_edits="the models differ as well") if edits else found
            if len(edits) == 1:
                found = replace(found, effects=(_whole(answers),))
            if edits and not answers.significant:
                return replace(found, budget_needed=self._needed(asked, answers))
            if len(edits) < 2:
                return found
            return await self._search(found, asked, models[0], before.template, after.template)

    def _how_to_ask(self, before: VersionReport, after: VersionReport) -> str:
        if not (before.calls and after.calls):
            return "the budget allows no call"
        versions = f"--versions {before.version},{after.version}"
        return (
            "the store has none for the same inputs, and no model was called "
            f"(`smile-trace compare {self._prompt} {versions} --deliver` asks for them)"
        )

    async def _search(
        self, replayed: Replayed, asked: _Asked, models: InputModels, before: str, after: str
    ) -> Replayed:
        async def ask(ends: _Ends, some: Sequence[Edit]) -> Answers:
            template = with_edits(before, after, some)
            answers = await models.ask(ends.inputs, template, ends.replicates)
            if all(text is None for texts in answers for text in texts):
                raise SmileTraceError("there are no answers with some of the edits in place")
            return answers

        found = replace(replayed, why_no_edits="no input shows the change by itself")
        for ends in self._ends(asked):
            found = await self._searched(replayed, asked, ends, partial(ask, ends))
            if len(found.effects) > 1:
                break
        return found

    def _ends(self, asked: _Asked) -> list[_Ends]:
        """Where edits may be searched, the best first: all inputs if the budget allows it, else
        those that moved most. Which these are is told from other answers than what they moved by,
        or chance would be taken for an effect."""
        plan, aspects = asked.plan, aspects_of(self._distance, exact=asked.plan.exact)
        noise = own_distances(asked.olds, asked.news, aspects)
        moved = energies(asked.olds, asked.news, noise, aspects).max(axis=0)
        moved = np.nan_to_num(moved, nan=-1.0)
        if not (moved > 0).any():
            return []
        ways = []
        if plan.splits * plan.replicates * len(asked.inputs) <= asked.left:
            ways.append(_Ends(asked.inputs, asked.olds, asked.news, noise, plan.replicates))
        if not ways or not plan.budget:
            if not plan.exact:
                pairs = asked.pairs
                moved = np.array([-1.0 if p is None else self._distance(*p.first) for p in pairs])
                noise = np.maximum(noise, noise.mean(axis=1, keepdims=True))
            most = min(asked.left // max(plan.splits, 1), SEARCHED) or 1
            chosen = [k for k in np.argsort(-moved, kind="stable") if moved[k] > 0][:most]
            olds, news = ([some[k][-1:] for k in chosen] for some in (asked.olds, asked.news))
            ways.append(_Ends([asked.inputs[k] for k in chosen], olds, news, noise[:, chosen], 1))
        return ways

    async def _searched(
        self, replayed: Replayed, asked: _Asked, ends: _Ends, ask: _AskWith
    ) -> Replayed:
        edits, exact = replayed.edits, asked.plan.exact
        aspects = aspects_of(self._distance, exact=exact)
        search = EditSearch(ends.olds, ends.news, len(edits), ends.noise, aspects)
        why, left = "", asked.left // (len(ends.inputs) * ends.replicates)
        alone: dict[int, float] = {}
        try:
            left -= await search.run(lambda count: ask(edits[:count]), left)
            for step in _named(search.steps, len(edits), exact=exact):
                if step.start and left > 0:
                    alone[step.start] = search.alone(await ask([edits[step.start]]))
                    left -= 1
        except SmileTraceError as error:
            why = str(error).rstrip(".")
        named = _named(search.steps, len(edits), exact=exact)
        effects = tuple(
            _effect(s, len(edits), alone.get(s.start), named=s in named, exact=exact)
            for s in search.steps
        )
        needed = None if why else self._to_search(asked, search, ends, named=bool(named))
        return replace(replayed, effects=effects, why_no_edits=why, budget_needed=needed)

    def _to_search(
        self, asked: _Asked, search: EditSearch, ends: _Ends, *, named: bool
    ) -> int | None:
        """The budget that would take the steps apart, on all inputs; or measure those of answers
        that vary on twice as many."""
        plan, inputs = asked.plan, len(asked.inputs)
        joined = unresolved(search.steps)
        if not (joined or named or plan.exact):
            return plan.needed(max(2 * inputs, MIN_CALLS), plan.most_splits)
        if not joined and len(ends.inputs) == inputs:
            return None
        more = len(search.steps) - 1 + sum(splits(step.edits) for step in joined)
        there_are = inputs if inputs < plan.inputs else None
        return plan.needed(MIN_CALLS, max(more, plan.splits), there_are)

    def _needed(self, asked: _Asked, answers: AnswerComparison) -> int | None:
        """The budget that would tell a change of this size from noise, if it is no noise."""
        if not answers.changed or answers.p_value is None or answers.distance <= 0:
            return None
        aspects = aspects_of(self._distance, exact=False)
        noise = own_distances(asked.olds, asked.news, aspects)
        rows = energies(asked.olds, asked.news, noise, aspects)
        moved = rows[int(np.argmax(np.nanmean(rows, axis=1)))]
        spread = float(np.nanstd(moved, ddof=1)) if answers.inputs > 1 else answers.distance
        inputs = max(ceil((POWER * spread / answers.distance) ** 2), MIN_INPUTS, len(moved) + 1)
        return asked.plan.needed(inputs, asked.plan.most_splits)

    def _examples(
        self,
        inputs: Sequence[Input],
        whole: Sequence[Paired | None],
        fields: Sequence[FieldComparison],
    ) -> tuple[Example, ...]:
        """Those that changed most, as a whole or in a field that certainly changed."""
        sure = [one.path for one in fields if one.significant]

        def most(example: Example) -> float:
            by_field = self._by_field(example.before, example.after) if sure else {}
            return max([example.distance, *(by_field.get(path, 0.0) for path in sure)])

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
        return tuple(sorted(changed, key=most, reverse=True)[:MAX_EXAMPLES])

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


def _named(steps: Sequence[Step], edits: int, *, exact: bool) -> list[Step]:
    """The single edits that changed the answers, the strongest first; none while a stronger group
    is not taken apart. Where answers vary, each by more than their noise."""
    if max(steps, key=lambda step: step.share).edits > 1:
        return []
    single = [step for step in steps if step.edits == 1 and step.share > MIN_SHARE - 1e-9]
    sure = [step for step in single if exact or _interval(step, edits, exact=exact)[0] > 0]
    return sorted(sure, key=lambda step: -step.share)


def _whole(answers: AnswerComparison) -> EditEffect:
    same = answers.model_dump(include=set(Moved.model_fields))
    return EditEffect(edits=(0,), share=1.0, named=answers.significant, **same)


def _interval(step: Step, edits: int, *, exact: bool) -> tuple[float, float]:
    """The interval of a step's effect; where answers vary, those of all edits hold together
    (Bonferroni), so that a lower end above zero is an effect whichever of them is looked at."""
    return largest_interval(step.known, LEVEL if exact else 1 - 2 * ALPHA / edits)


def _effect(step: Step, edits: int, alone: float | None, *, named: bool, exact: bool) -> EditEffect:
    low, high = _interval(step, edits, exact=exact)
    return EditEffect(
        edits=tuple(range(step.start, step.end)),
        distance=min(step.distance, 1.0),
        ci_low=low,
        ci_high=high,
        inputs=step.known.shape[1],
        **step.counted._asdict(),
        share=step.share,
        named=named,
        alone=alone,
    )
