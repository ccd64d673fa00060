"""Logged inputs replayed through two versions: how far the answers move, and by which edit."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from smile_trace.capture import suppressed
from smile_trace.comparison.answers import (
    Paired,
    answer_comparison,
    edit_effect,
    paired,
    text_distance,
)
from smile_trace.comparison.edits import Aligned, Template, edits_of, hybrid
from smile_trace.comparison.templates import VARIABLE, with_template
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.concurrency import wait_for
from smile_trace.explaining.named_models import AnyModel, open_any
from smile_trace.models import Model, Request
from smile_trace.models.accounting.metered import MeteredModel
from smile_trace.records import Call, PromptUse
from smile_trace.records.comparison import AnswerComparison, EditEffect, Example, VersionReport
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.spending.ledger import StoredLedger

MAX_EDITS = 8
"""With more edits than that, only the whole change is measured."""
MIN_INPUTS = 5
"""With fewer inputs per edit than that, only the whole change is measured."""
MAX_EXAMPLES = 10

Answers = list[list[str | None]]
"""By input and replicate; None where a request failed."""


@dataclass(frozen=True)
class Input:
    """One logged call whose variables are replayed."""

    call: Call
    use: PromptUse


@dataclass(frozen=True)
class Replayed:
    """The result of a replay; see `VersionChange`."""

    answers: AnswerComparison | None = None
    why_no_answers: str = ""
    edits: tuple[EditEffect, ...] = ()
    why_no_edits: str = ""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class _Plan:
    """What is asked: `edits` one by one (maybe none) beside the whole change."""

    inputs: list[Input]
    edits: list[tuple[int, ...]]
    why_no_edits: str
    replicates: int

    @property
    def exact(self) -> bool:
        """Whether the models are deterministic."""
        return self.replicates == 1


class VersionReplay:
    """Replays logged inputs through versions of a prompt.

    Every answer goes through the store's cache and is paid from its ledger.

    Args:
        traffic: the logged calls that inputs are drawn from; at least one.
        model: who answers; by default each version's own model.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        prompt: str,
        traffic: Sequence[Call],
        seed: int,
        model: AnyModel | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._prompt = prompt
        self._traffic = traffic
        self._seed = seed
        self._given = model
        self._distance = text_distance(settings.explain.distance)

    def run(
        self,
        before: VersionReport,
        after: VersionReport,
        aligned: Sequence[Aligned],
        budget: int,
    ) -> Replayed:
        """Replay with at most `budget` new calls.

        An error of the store or the model becomes `why_no_answers`.
        """
        try:
            return wait_for(self._run(before, after, aligned, budget))
        except SmileTraceError as error:
            return Replayed(why_no_answers=str(error).rstrip("."))

    async def _run(
        self,
        before: VersionReport,
        after: VersionReport,
        aligned: Sequence[Aligned],
        budget: int,
    ) -> Replayed:
        scope = f"compare/{self._prompt}/{uuid.uuid4().hex}"
        models = [self._model(version, budget, scope) for version in (before, after)]
        parameters = self._traffic[0].parameters
        replicates = 1 if all(model.deterministic(parameters) for model in models) else 2
        edits = edits_of(aligned)
        if len(edits) < 2 or before.model != after.model:
            edits = []
        plan, why = self._plan([before.template, after.template], edits, replicates, budget)
        if plan is None:
            return Replayed(why_no_answers=why)
        old, new = _template(before), _template(after)
        everything = set(chain.from_iterable(plan.edits))
        applied = [hybrid(old, new, aligned, edit, base="before") for edit in plan.edits]
        reverted = [
            hybrid(old, new, aligned, everything - set(edit), base="after") for edit in plan.edits
        ]
        with suppressed():
            [olds] = await _ask(models[0], plan, [before.template])
            [news] = await _ask(models[1], plan, [after.template])
            hybrids = await _ask(models[0], plan, [*applied, *reverted])
        return self._judge(plan, olds, news, hybrids)

    def _plan(
        self,
        templates: Sequence[str],
        edits: list[tuple[int, ...]],
        replicates: int,
        budget: int,
    ) -> tuple[_Plan | None, str]:
        """What the budget allows, or why it allows nothing."""
        per_input = 2 * replicates
        if budget < per_input:
            return None, "the budget allows no call"
        generator = np.random.default_rng([self._seed, 0])
        inputs = choose_inputs(
            self._traffic, self._prompt, templates, budget // per_input, generator
        )
        if not inputs:
            return None, "no logged call has values for the variables of both templates"
        with_edits = per_input * (1 + len(edits))
        why_no_edits = ""
        if len(edits) > MAX_EDITS:
            why_no_edits = (
                f"there are {len(edits)} edits, and {MAX_EDITS} at most are tried one by one"
            )
        elif edits and budget // with_edits < MIN_INPUTS:
            why_no_edits = (
                f"{len(edits)} edits on {MIN_INPUTS} inputs need a budget of "
                f"{MIN_INPUTS * with_edits} calls"
            )
        if why_no_edits:
            edits = []
        inputs = inputs[: budget // (per_input * (1 + len(edits)))]
        return _Plan(inputs, edits, why_no_edits, replicates), ""

    def _judge(
        self, plan: _Plan, olds: Answers, news: Answers, hybrids: Sequence[Answers]
    ) -> Replayed:
        whole = _pairs(olds, news)
        known = [pair for pair in whole if pair is not None]
        if not known:
            return Replayed(why_no_answers="the model answered none of the inputs")
        applied, reverted = hybrids[: len(plan.edits)], hybrids[len(plan.edits) :]
        effects = [
            edit_effect(
                edit,
                list(zip(_pairs(olds, with_edit), _pairs(without, news), strict=True)),
                self._distance,
                self._generator(),
                exact=plan.exact,
            )
            for edit, with_edit, without in zip(plan.edits, applied, reverted, strict=True)
        ]
        total = sum(effect.distance for effect in effects)
        return Replayed(
            answers=answer_comparison(known, self._distance, self._generator(), exact=plan.exact),
            edits=tuple(
                effect.model_copy(update={"share": effect.distance / total}) if total else effect
                for effect in effects
            ),
            why_no_edits=plan.why_no_edits,
            examples=self._examples(plan.inputs, whole),
        )

    def _generator(self) -> np.random.Generator:
        """The generator of each permutation test."""
        return np.random.default_rng([self._seed, 1])

    def _examples(
        self, inputs: Sequence[Input], whole: Sequence[Paired | None]
    ) -> tuple[Example, ...]:
        """The inputs whose answers changed most."""
        found = [
            Example(
                variables=item.use.variables,
                before=pair.before[0],
                after=pair.after[0],
                distance=self._distance(pair.before[0], pair.after[0]),
                trace_id=item.call.trace_id,
            )
            for item, pair in zip(inputs, whole, strict=True)
            if pair is not None
        ]
        changed = [example for example in found if example.distance > 0]
        return tuple(sorted(changed, key=lambda example: -example.distance)[:MAX_EXAMPLES])

    def _model(self, version: VersionReport, budget: int, scope: str) -> Model:
        """The version's model under the daily caps and the budget of this comparison."""
        asked = self._given or version.model or self._traffic[0].model or "*"
        caps = {"calls_per_explanation": budget, "usd_per_explanation": None}
        return MeteredModel(
            open_any(asked, self._settings),
            ledger=StoredLedger(
                self._store.database,
                self._settings.budget.model_copy(update=caps),
                self._settings.models,
            ),
            cache=self._store.responses,
            explanation=scope,
        )


def choose_inputs(
    traffic: Sequence[Call],
    prompt: str,
    templates: Sequence[str],
    most: int,
    generator: np.random.Generator,
) -> list[Input]:
    """A random sample of logged calls whose variables fill every template, each input once."""
    wanted = {name for template in templates for name in VARIABLE.findall(template)}
    found: dict[tuple[object, ...], Input] = {}
    for call in traffic:
        use = next((use for use in call.prompts if use.name == prompt), None)
        if use is None or not wanted <= use.variables.keys() or call.truncated:
            continue
        content = call.messages[use.message].content
        around = content[: use.start], content[use.end :]
        key = (tuple(sorted(use.variables.items())), around, len(call.messages))
        found.setdefault(key, Input(call, use))
    inputs = list(found.values())
    if len(inputs) <= most:
        return inputs
    chosen = generator.choice(len(inputs), most, replace=False)
    return [inputs[k] for k in sorted(chosen)]


async def _ask(model: Model, plan: _Plan, templates: Sequence[str]) -> list[Answers]:
    """Answers by template, input and replicate.

    Raises:
        ModelUnavailable: the model cannot be asked at all.
        BudgetExceeded: a cap is reached.
    """
    requests = [
        Request(
            messages=with_template(item.call, item.use, template),
            form=item.call.form,
            parameters=item.call.parameters,
            replicate=replicate,
        )
        for template in templates
        for item in plan.inputs
        for replicate in range(plan.replicates)
    ]
    answers = iter([r.text if r.ok else None for r in await model.generate(requests)])
    return [
        [[next(answers) for _ in range(plan.replicates)] for _ in plan.inputs] for _ in templates
    ]


def _pairs(before: Answers, after: Answers) -> list[Paired | None]:
    return [paired(old, new) for old, new in zip(before, after, strict=True)]


def _template(version: VersionReport) -> Template:
    return Template(version.template, [influence.segment for influence in version.segments])
