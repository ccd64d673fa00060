"""The public `explain_path()`: from the final answer of a trace back to what it came from."""

import re
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from smile_trace.attribution import Embed
from smile_trace.attribution.design.planner import MIN_LEVEL_CALLS
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.api import explain_metered
from smile_trace.explaining.concurrency import wait_for
from smile_trace.explaining.cost_estimate import Estimate, estimate_of
from smile_trace.explaining.driver import ExplanationFailed, OnRound
from smile_trace.explaining.inputs import answered_call, read_trace
from smile_trace.explaining.named_models import ANSWERS, AnyModel
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.path_summary import summarize_path
from smile_trace.explaining.preparation import prepare_call
from smile_trace.explaining.sources import Found, call_name, drivers_of, sources_of
from smile_trace.models.accounting.in_memory import MemoryLedger
from smile_trace.models.accounting.metered import MeteredModel
from smile_trace.models.registry import open_embeddings
from smile_trace.records import Call, Cost, Explanation, Trace
from smile_trace.records.path import ExplanationPath, PathStep, Source
from smile_trace.records.tool_calls import read_tool_calls
from smile_trace.settings import Settings

PATH_BUDGET = 120
"""Calls for a path, by default."""
PATH_DEPTH = 5
"""Calls from the final answer back, by default."""
STEP_BUDGET = 40
"""Calls for one step, at most."""
STEP_MINIMUM = MIN_LEVEL_CALLS + 2
"""Calls that are kept for a further step, and below which none is explained."""


def explain_path(
    trace_id: str,
    *,
    model: AnyModel | None = None,
    protect: Sequence[str | re.Pattern[str]] = (),
    budget: int = PATH_BUDGET,
    depth: int = PATH_DEPTH,
    signal: Literal["auto", "text", "probability"] = "auto",
    distance: str = "layers",
    seed: int = 0,
    app: str | None = None,
    on_round: OnRound | None = None,
) -> ExplanationPath:
    """Explain the final answer of a trace, and the calls that it came from, step by step.

    Where a part that an answer depends on is the result of a tool, the call that called this tool
    is explained next; where it is the answer of an earlier call of the trace (verbatim), that one
    is. A call of a tool on which no message has an effect is explained by the tools offered.

    Args:
        trace_id: of a captured trace, or `trace_id:span_id` to begin at another call.
        model: as for `explain`; by default every call has its own.
        protect: as for `explain`, in every step.
        budget: the most calls for all steps together; a step takes no more than 40.
        depth: how many calls back from the final answer, that one included; ≥ 1.
        signal: as for `explain`.
        distance: as for `explain`.
        seed: as for `explain`.
        app: as for `explain`.
        on_round: as for `explain`.

    Raises:
        SmileTraceError: the final answer cannot be explained. Why an earlier call is not, its
            source says (`Source.not_followed`).
        ValueError: the budget or the depth is too small, or there is no such distance.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1 call, not {depth}")
    conf = Settings()
    options = ExplainOptions(
        protect=tuple(protect), budget=budget, signal=signal, distance=distance, seed=seed
    )
    trace_id, _, span_id = trace_id.partition(":")
    trace = read_trace(trace_id, conf)
    walk = _Walk(trace, conf, options, depth, model, app, on_round)
    return wait_for(walk.run(answered_call(trace, span_id)))


def estimate_path(
    trace_id: str,
    conf: Settings,
    options: ExplainOptions,
    *,
    model: AnyModel | None = None,
    app: str | None = None,
) -> Estimate:
    """What the path of a trace would ask at most: that of its final answer, with the tokens and the
    price of its dearest call. Asks nothing.

    Raises:
        SmileTraceError: the final answer could not be explained.
    """
    trace_id, _, span_id = trace_id.partition(":")
    trace = read_trace(trace_id, conf)
    final = answered_call(trace, span_id)

    def most(call: Call) -> Estimate:
        prepared = prepare_call(call, conf, options, model=model, app=app)
        return estimate_of(prepared, embeddings=conf.explain.embeddings)

    found = [most(final)]
    for call in _longest_of_each_model(trace.calls):
        with suppress(SmileTraceError):  # then it is not asked either
            found.append(most(call))
    tokens, usd = [one.tokens for one in found], [one.usd for one in found]
    return found[0].model_copy(
        update={
            "model": ", ".join(dict.fromkeys(one.model for one in found)),
            "tokens": None if None in tokens else max(n for n in tokens if n is not None),
            "usd": None if None in usd else max(n for n in usd if n is not None),
            "paid": any(one.paid for one in found),
        }
    )


def _longest_of_each_model(calls: Sequence[Call]) -> list[Call]:
    def size(call: Call) -> int:
        return sum(len(message.content) for message in call.messages)

    answered = [call for call in calls if call.answer is not None and call.model is not None]
    return list({call.model: call for call in sorted(answered, key=size)}.values())


@dataclass(frozen=True)
class _Wanted:
    """A call that is to be explained, and the sources (step, place) that led to it.

    `strength` is the smallest attribution on the way to it: what is strongest is asked first.
    """

    call: Call
    depth: int
    strength: float
    parts: list[str | None]
    leads: list[tuple[int, int]]

    @property
    def part(self) -> str | None:
        """The part of its answer that is explained: one that every source agrees on."""
        return self.parts[0] if len(set(self.parts)) == 1 else None


@dataclass
class _Walk:
    """One path under way, the strongest sources first."""

    trace: Trace
    conf: Settings
    options: ExplainOptions
    depth: int
    model: AnyModel | None
    app: str | None
    on_round: OnRound | None
    scope: str = field(default_factory=lambda: uuid.uuid4().hex)
    spent: int = 0
    cost: Cost = field(default_factory=lambda: Cost(usd=0.0))
    embed: Embed | None = None
    steps: list[PathStep] = field(default_factory=list)
    waiting: list[_Wanted] = field(default_factory=list)
    explained: dict[str, int] = field(default_factory=dict)

    async def run(self, final: Call) -> ExplanationPath:
        """The path from this call."""
        self.embed = open_embeddings(self.conf)
        self.waiting.append(_Wanted(final, 0, 1.0, [None], []))
        while self.waiting:
            wanted = max(self.waiting, key=lambda one: one.strength)
            self.waiting.remove(wanted)
            try:
                explanation, note = await self._explain(wanted)
            except SmileTraceError as error:
                if not self.steps:
                    raise
                self._lead(wanted, not_followed=f"that call is not explained: {error}")
                continue
            self._lead(wanted, step=len(self.steps))
            self._add(wanted, explanation, note)
        return ExplanationPath(
            trace_id=self.trace.trace_id,
            steps=tuple(self.steps),
            summary=summarize_path(self.steps),
            budget=self.options.budget,
            cost=self.cost,
        )

    def _lead(self, wanted: _Wanted, **update: object) -> None:
        for number, place in wanted.leads:
            step = self.steps[number]
            sources = list(step.sources)
            sources[place] = sources[place].model_copy(update=update)
            self.steps[number] = step.model_copy(update={"sources": tuple(sources)})

    def _add(self, wanted: _Wanted, explanation: Explanation, note: str | None) -> None:
        number, call = len(self.steps), wanted.call
        self.explained[call.id] = number
        found = sources_of(explanation, call, self.trace)
        sources = [
            Source(
                kind=one.kind,
                name=one.name,
                drivers=one.drivers,
                not_followed=one.missing,
            )
            for one in found
        ]
        step = PathStep(
            call=call.id,
            name=call_name(call, self.trace),
            depth=wanted.depth,
            explanation=explanation,
            sources=tuple(sources),
            note=note,
        )
        self.steps.append(step)
        for place, one in enumerate(found):
            if one.call is not None:
                self._want(one, one.call, wanted, (number, place))

    def _want(self, found: Found, call: Call, after: _Wanted, lead: tuple[int, int]) -> None:
        depth, strength = after.depth + 1, min(after.strength, found.drivers[0].attribution)
        waiting = next((one for one in self.waiting if one.call.id == call.id), None)
        if waiting is not None:
            waiting.parts.append(found.part)
            waiting.leads.append(lead)
            return
        wanted = _Wanted(call, depth, strength, [found.part], [lead])
        if call.id in self.explained:
            self._lead(wanted, step=self.explained[call.id])
        elif depth >= self.depth:
            why = f"that call is deeper than {self.depth} calls: give a larger depth"
            self._lead(wanted, not_followed=why)
        else:
            self.waiting.append(wanted)

    async def _explain(self, wanted: _Wanted) -> tuple[Explanation, str | None]:
        """The explanation of a call, and why the tools offered were not looked at, where they were
        to be."""
        call = wanted.call
        if call.not_repeatable:
            raise ExplanationFailed(f"it cannot be asked again ({call.not_repeatable})")
        if call.answer is None or call.truncated:
            raise ExplanationFailed("it holds no whole answer")
        explanation = await self._ask(wanted, "auto")
        offered = isinstance(call.parameters.get("tools"), list) and call.parameters["tools"]
        if not offered or read_tool_calls(call.answer) is None or drivers_of(explanation):
            return explanation, None
        try:
            by_tool = await self._ask(wanted, "tool")
        except SmileTraceError as error:
            return explanation, f"The tools offered were not looked at: {error}."
        return (by_tool if drivers_of(by_tool) else explanation), None

    async def _ask(self, wanted: _Wanted, unit: Literal["auto", "tool"]) -> Explanation:
        budget = self._share(wanted)
        options = ExplainOptions(
            unit=unit,
            protect=self.options.protect,
            budget=budget,
            signal=self.options.signal,
            distance=self.options.distance,
            seed=self.options.seed,
            part=wanted.part,
        )
        prepared = prepare_call(wanted.call, self.conf, options, model=self.model, app=self.app)
        ledger = MemoryLedger(budget)
        paid = MeteredModel(prepared.model, ledger=ledger, cache=ANSWERS, explanation=self.scope)
        try:
            explanation = await explain_metered(
                prepared, paid, embed=self.embed, on_round=self.on_round
            )
        finally:
            self.spent += ledger.calls
        self.cost = _sum(self.cost, explanation.cost)
        return explanation

    def _share(self, wanted: _Wanted) -> int:
        """Calls for a step: what is left, but for the least that each possible further one takes.

        Raises:
            ExplanationFailed: too few are left.
        """
        left = self.options.budget - self.spent
        ids = [call.id for call in self.trace.calls]
        before = set(ids[: ids.index(wanted.call.id)]) - self.explained.keys()
        further = {one.call.id for one in self.waiting}
        if wanted.depth + 1 < self.depth:
            further |= before
        kept = min(len(further), self.depth) * STEP_MINIMUM
        share = min(left, STEP_BUDGET, max(left - kept, STEP_MINIMUM))
        if self.steps and share < STEP_MINIMUM:
            raise ExplanationFailed(
                f"the budget of {self.options.budget} calls for the trace is used up: give a "
                "larger one"
            )
        return share


def _sum(one: Cost, other: Cost) -> Cost:
    known = one.usd is not None and other.usd is not None
    return Cost(
        target_calls=one.target_calls + other.target_calls,
        cached_calls=one.cached_calls + other.cached_calls,
        tokens=one.tokens + other.tokens,
        usd=(one.usd or 0.0) + (other.usd or 0.0) if known else None,
    )
