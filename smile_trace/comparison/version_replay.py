"""The answers of two versions on the same inputs, and which edit moved them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from smile_trace.capture import suppressed
from smile_trace.comparison.alignment import Aligned
from smile_trace.comparison.answers import (
    CHANGED,
    Apart,
    Paired,
    compare_answers,
    mean_interval,
    text_distance,
)
from smile_trace.comparison.hybrids import Version, edits_of, hybrid
from smile_trace.comparison.models import AnyModel, open_any
from smile_trace.comparison.shared_inputs import Input, ask_all, choose_inputs, paired
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.concurrency import wait_for
from smile_trace.models import Model
from smile_trace.models.accounting.metered import metered
from smile_trace.records import Call
from smile_trace.records.comparison import (
    AnswerChange,
    EditEffect,
    Example,
    TemplateSegment,
    VersionReport,
)
from smile_trace.settings import Budget, Settings
from smile_trace.store import Store
from smile_trace.store.ledger import StoredLedger

MOST_EDITS = 8
"""Edits that are tried one by one; with more, the whole change only."""
FEWEST_INPUTS = 5
"""Inputs below which the edits give way to the whole change."""
EXAMPLES = 10


@dataclass(frozen=True)
class Replayed:
    """What replaying gave; see `VersionChange`."""

    answers: AnswerChange | None = None
    why_no_answers: str = ""
    edits: tuple[EditEffect, ...] = ()
    why_no_edits: str = ""
    examples: tuple[Example, ...] = ()


class Replayer:
    """Replays logged inputs through versions of a prompt.

    Every answer comes through the store's cache and is paid from its ledger.
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
        self._distance = text_distance()

    def replay(
        self,
        before: VersionReport,
        after: VersionReport,
        aligned: Sequence[Aligned],
        budget: int,
    ) -> Replayed:
        """Ask at most `budget` times. What cannot be asked is said, not raised."""
        try:
            return wait_for(self._replay(before, after, aligned, budget))
        except SmileTraceError as error:
            return Replayed(why_no_answers=str(error).rstrip("."))

    async def _replay(
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
        templates = [before.template, after.template]
        if len(edits := edits_of(aligned)) in (0, 1) or before.model != after.model:
            edits = []
        inputs, why = self._inputs(templates, budget // (2 * replicates))
        if not inputs:
            return Replayed(why_no_answers=why)
        per_input = 2 * replicates * (1 + len(edits))
        why_no_edits = ""
        if edits and (len(edits) > MOST_EDITS or budget // per_input < FEWEST_INPUTS):
            why_no_edits = (
                f"{len(edits)} edits on {FEWEST_INPUTS} inputs need a budget of "
                f"{FEWEST_INPUTS * per_input} calls"
                if len(edits) <= MOST_EDITS
                else f"there are {len(edits)} edits, and {MOST_EDITS} at most are tried one by one"
            )
            edits = []
        inputs = inputs[: budget // (2 * replicates * (1 + len(edits)))]
        with suppressed():
            olds, news = [
                (await ask_all(model, inputs, [template], replicates))[0]
                for model, template in zip(models, templates, strict=True)
            ]
            old, new = Version(before.template, _of(before)), Version(after.template, _of(after))
            everything = list(chain.from_iterable(edits))
            put_in = [hybrid(old, new, aligned, edit, base="before") for edit in edits]
            taken_back = [
                hybrid(old, new, aligned, set(everything) - set(edit), base="after")
                for edit in edits
            ]
            others = await ask_all(models[0], inputs, [*put_in, *taken_back], replicates)
        return self._read(inputs, olds, news, edits, others, why_no_edits, exact=replicates == 1)

    def _read(
        self,
        inputs: Sequence[Input],
        olds: Sequence[Sequence[str | None]],
        news: Sequence[Sequence[str | None]],
        edits: Sequence[tuple[int, ...]],
        others: Sequence[Sequence[Sequence[str | None]]],
        why_no_edits: str,
        *,
        exact: bool,
    ) -> Replayed:
        whole = [paired(old, new) for old, new in zip(olds, news, strict=True)]
        known = [pair for pair in whole if pair is not None]
        if not known:
            return Replayed(why_no_answers="the model answered none of the inputs")
        apart = self._apart(known, exact)
        low, high = apart.interval()
        changed = int(sum(self._distance(p.before[0], p.after[0]) > CHANGED for p in known))
        answers = AnswerChange(
            inputs=len(known),
            changed=changed,
            distance=apart.mean,
            ci_low=low,
            ci_high=high,
            noise=apart.noise,
            p_value=apart.p_value,
            significant=apart.p_value is None and changed > 0,
        )
        effects = []
        for k, edit in enumerate(edits):
            put_in = [paired(old, hybrid) for old, hybrid in zip(olds, others[k], strict=True)]
            back = others[len(edits) + k]
            taken = [paired(hybrid, new) for hybrid, new in zip(back, news, strict=True)]
            effects.append(self._effect(edit, put_in, taken, exact))
        total = sum(effect.distance for effect in effects)
        return Replayed(
            answers=answers,
            edits=tuple(
                effect.model_copy(update={"share": effect.distance / total}) if total else effect
                for effect in effects
            ),
            why_no_edits=why_no_edits,
            examples=self._examples(inputs, whole),
        )

    def _effect(
        self,
        edit: tuple[int, ...],
        put_in: Sequence[Paired | None],
        taken_back: Sequence[Paired | None],
        exact: bool,
    ) -> EditEffect:
        """Both ways of trying one edit; an input counts once in the interval."""
        both = [
            (one, other)
            for one, other in zip(put_in, taken_back, strict=True)
            if one is not None and other is not None
        ]
        if not both:
            return EditEffect(segments=edit, distance=0.0, ci_low=0.0, ci_high=1.0)
        apart = self._apart([pair for pairs in both for pair in pairs], exact)
        per_input = apart.distances.reshape(-1, 2).mean(axis=1)
        low, high = mean_interval(per_input)
        changed = sum(
            any(self._distance(p.before[0], p.after[0]) > CHANGED for p in pairs) for pairs in both
        )
        return EditEffect(
            segments=edit,
            distance=max(float(per_input.mean()), 0.0),
            ci_low=low,
            ci_high=high,
            changed=changed,
            p_value=apart.p_value,
            significant=apart.p_value is None and changed > 0,
        )

    def _apart(self, pairs: Sequence[Paired], exact: bool) -> Apart:
        generator = np.random.default_rng([self._seed, 1])
        return compare_answers(pairs, self._distance, generator, exact=exact)

    def _examples(
        self, inputs: Sequence[Input], whole: Sequence[Paired | None]
    ) -> tuple[Example, ...]:
        """The inputs whose answers moved most."""
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
        moved = [example for example in found if example.distance > 0]
        return tuple(sorted(moved, key=lambda example: -example.distance)[:EXAMPLES])

    def _inputs(self, templates: Sequence[str], most: int) -> tuple[list[Input], str]:
        if most < 1:
            return [], "the budget allows no call"
        generator = np.random.default_rng([self._seed, 0])
        inputs = choose_inputs(self._traffic, self._prompt, templates, most, generator)
        return inputs, "no logged call has values for the variables of both templates"

    def _caps(self, budget: int) -> Budget:
        """The daily caps of the settings, and this comparison's own in place of one call's."""
        update = {"calls_per_explanation": budget, "usd_per_explanation": None}
        return self._settings.budget.model_copy(update=update)

    def _model(self, version: VersionReport, budget: int, scope: str) -> Model:
        """The version's model, paid from the store's ledger."""
        asked = self._given or version.model or self._traffic[0].model or "*"
        return metered(
            open_any(asked, self._settings),
            ledger=StoredLedger(self._store.database, self._caps(budget), self._settings.models),
            cache=self._store.responses,
            explanation=scope,
        )


def _of(version: VersionReport) -> list[TemplateSegment]:
    return [influence.segment for influence in version.segments]
