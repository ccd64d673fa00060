"""The walk from the final answer of a trace back, and the summary of the path."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from smile_trace._text.lists import listed
from smile_trace.attribution.design.planner import MIN_LEVEL_CALLS
from smile_trace.attribution.segmentation.units import AnyUnit
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.driver import ExplanationFailed, cost_of
from smile_trace.explaining.options import MIN_BUDGET, ExplainOptions
from smile_trace.explaining.sources import Found, OfferedTools, call_name, sources_of, tools_of
from smile_trace.records import JSON, Call, Cost, Explanation, Response, Trace
from smile_trace.records.path import ExplanationPath, PathStep, Source

NOT_EXPLAINED = "that call is not explained"
_MAX_NAMED = 3
"""Sources of a step that are named; the others are counted."""


def summarize_path(steps: Sequence[PathStep]) -> str:
    """The sources of each step, from the final answer back: “The final answer depends on “arrives:
    Friday” in the result of get_order. …”"""
    final = steps[0]
    said = [[f"{step.title} {_depends(step)}.", step.remarks] for step in steps]
    if not final.sources:
        said = [[final.explanation.summary, final.remarks]]
    return " ".join(text for texts in said for text in texts if text)


def _depends(step: PathStep) -> str:
    certain = [source for source in step.sources if source.open is None]
    perhaps = [source for source in step.sources if source.open is not None]
    if certain:
        said = f"depends on {drivers_named(step, certain)}"
    elif is_open := [s.at_most for s in step.explanation.segments if s.verdict == "open"]:
        said = (
            f"depends on nothing for certain: open parts could matter by up to {max(is_open):.2f}"
        )
    else:
        said = "depends on nothing that was removed from its messages"
    return f"{said}; perhaps on {drivers_named(step, perhaps)}" if perhaps else said


def drivers_named(step: PathStep, sources: Sequence[Source]) -> str:
    """The drivers of some sources of a step, and where they are."""
    named = [_driver(step, source) for source in sources[:_MAX_NAMED]]
    more = len(sources) - len(named)
    return listed([*named, f"{more} more"] if more else named)


def _driver(step: PathStep, source: Source) -> str:
    others = len(source.drivers) - 1
    more = f" and {others} more" if others else ""
    return f"{step.named(source.drivers[0])}{more} {source.where}"


class Asking(Protocol):
    """How the calls of a path are asked: with which models, and who pays."""

    async def stored(self, call: Call, options: ExplainOptions) -> Explanation | None:
        """The stored explanation that was asked for like this one, with no smaller budget."""
        ...

    async def most(self, call: Call) -> int:
        """The most calls for this step."""
        ...

    async def explain(self, call: Call, options: ExplainOptions) -> Explanation:
        """Explain a call or raise SmileTraceError; unit, part and budget of the options are the
        step's."""
        ...

    async def answer(self, call: Call, parameters: dict[str, JSON]) -> Response:
        """Ask a call once more with other parameters, or raise SmileTraceError."""
        ...


class BudgetUsedUp(ExplanationFailed):
    """Too few calls are left of the path's budget for another step."""

    def __init__(self, budget: int) -> None:
        super().__init__(f"not looked at: the budget of {budget} calls is used up")


STEP_BUDGET = 40
"""Maximum calls for one step, unless a worker is about to ask more for its explanation."""
STEP_MINIMUM = MIN_LEVEL_CALLS + 2
"""Calls that are kept for each further step; a step with fewer is not explained."""


@dataclass(frozen=True)
class Wanted:
    """A call to be explained, and the sources (step, place) that led to it. `strength` is the
    smallest attribution on the way to it, and `open` whether one on it is not certain: what is
    certain is asked first, and the strongest of it."""

    call: Call
    depth: int
    strength: float
    open: bool
    parts: list[str | None]
    leads: list[tuple[int, int]]

    @property
    def part(self) -> str | None:
        """The part of its answer to explain, if every source agrees on one."""
        return self.parts[0] if len(set(self.parts)) == 1 else None


@dataclass
class PathWalk:
    """One path under way: certain sources before open ones, the strongest first; the tools offered
    come last.

    A call that is explained already is not asked again: its explanation is the step. The next step
    depends on the explanations alone, not on cached answers.

    Attributes:
        trace: its calls in order of start.
        options: of every step, with the budget of all of them together.
        depth: how many calls back from the final answer, that one included; ≥ 1.
    """

    trace: Trace
    asking: Asking
    options: ExplainOptions
    depth: int
    spent: int = 0
    cost: Cost = field(default_factory=lambda: Cost(usd=0.0))
    steps: list[PathStep] = field(default_factory=list)
    waiting: list[Wanted] = field(default_factory=list)
    explained: dict[str, int] = field(default_factory=dict)

    async def run(self, final: Call) -> ExplanationPath:
        """The path from this call. Raises SmileTraceError only if this call cannot be explained: an
        earlier one is noted on its source instead."""
        self.waiting.append(Wanted(final, 0, 1.0, False, [None], []))
        while self.waiting:
            wanted = max(self.waiting, key=lambda one: (not one.open, one.strength))
            self.waiting.remove(wanted)
            try:
                explanation = await self._explain(wanted)
            except SmileTraceError as error:
                if not self.steps:
                    raise
                used_up = isinstance(error, BudgetUsedUp)
                why = str(error) if used_up else f"{NOT_EXPLAINED}: {error}"
                self._lead(wanted, not_followed=why)
                continue
            self._lead(wanted, step=len(self.steps))
            self._add(wanted, explanation)
        # Where no message has an effect, the tools are all that is left to explain the call.
        for number in sorted(range(len(self.steps)), key=lambda n: bool(self.steps[n].sources)):
            self.steps[number] = await self._with_tools(self.steps[number])
        return ExplanationPath(
            trace_id=self.trace.trace_id,
            steps=tuple(self.steps),
            summary=summarize_path(self.steps),
            budget=self.options.calls,
            cost=self.cost,
        )

    def _lead(self, wanted: Wanted, **update: object) -> None:
        for number, place in wanted.leads:
            step = self.steps[number]
            sources = list(step.sources)
            sources[place] = sources[place].model_copy(update=update)
            self.steps[number] = step.model_copy(update={"sources": tuple(sources)})

    def _add(self, wanted: Wanted, explanation: Explanation) -> None:
        number, call = len(self.steps), wanted.call
        self.explained[call.id] = number
        found = sources_of(explanation, call, self.trace)
        step = PathStep(
            call=call.id,
            name=call_name(call, self.trace),
            depth=wanted.depth,
            explanation=explanation,
            sources=tuple(as_source(one) for one in found),
        )
        self.steps.append(step)
        for place, one in enumerate(found):
            if one.call is not None:
                self._want(one, one.call, wanted, (number, place))

    def _want(self, found: Found, call: Call, after: Wanted, lead: tuple[int, int]) -> None:
        depth, strength = after.depth + 1, min(after.strength, found.strength)
        is_open = after.open or found.open is not None
        waiting = next((one for one in self.waiting if one.call.id == call.id), None)
        if waiting is not None:
            waiting.parts.append(found.part)
            waiting.leads.append(lead)
            if waiting.open and not is_open:
                certain = replace(waiting, open=False, strength=strength)
                self.waiting[self.waiting.index(waiting)] = certain
            return
        wanted = Wanted(call, depth, strength, is_open, [found.part], [lead])
        if call.id in self.explained:
            self._lead(wanted, step=self.explained[call.id])
        elif depth >= self.depth:
            why = f"that call is more than {self.depth} calls back: give a larger depth"
            self._lead(wanted, not_followed=why)
        else:
            self.waiting.append(wanted)

    async def _explain(self, wanted: Wanted) -> Explanation:
        call = checked(wanted.call)
        step = self._step(self.options.unit, min(STEP_BUDGET, self.options.calls), wanted.part)
        stored = await self.asking.stored(call, step)
        if stored is not None:
            return stored
        return await self._ask(call, replace(step, budget=await self._share(wanted)))

    async def _with_tools(self, step: PathStep) -> PathStep:
        """The step with the effect of the tools offered, if it calls one."""
        call = next(one for one in self.trace.calls if one.id == step.call)
        offered = OfferedTools(call)
        if not offered:
            return step
        try:
            note = await self._instead(call, offered)
            if step.sources and offered.is_kept(await self._answer(call, offered.undescribed())):
                return step.model_copy(update={"note": note})
            by_tool = await self._ask(call, self._step("tool", min(self._left(), STEP_MINIMUM)))
        except BudgetUsedUp as error:
            return step.model_copy(update={"note": f"The tools offered were {error}."})
        except SmileTraceError as error:
            note = f"The tools offered were not looked at: {str(error).rstrip('.')}."
            return step.model_copy(update={"note": note})
        sources = (*step.sources, *map(as_source, tools_of(by_tool)))
        update = {"sources": sources, "by_tool": by_tool, "note": note}
        return step.model_copy(update=update)

    async def _instead(self, call: Call, offered: OfferedTools) -> str | None:
        others = offered.without()
        return None if others is None else offered.instead(await self._answer(call, others))

    def _step(self, unit: AnyUnit, budget: int, part: str | None = None) -> ExplainOptions:
        return replace(self.options, unit=unit, budget=budget, answer_part=part)

    async def _ask(self, call: Call, step: ExplainOptions) -> Explanation:
        explanation = await self.asking.explain(call, step)
        self._count(explanation.cost)
        return explanation

    async def _answer(self, call: Call, parameters: dict[str, JSON]) -> Response:
        self._left()
        response = await self.asking.answer(call, parameters)
        self._count(cost_of([response]))
        if not response.ok:
            raise ExplanationFailed(f"the request failed: {response.failure}")
        return response

    def _count(self, cost: Cost) -> None:
        self.spent += cost.target_calls + cost.cached_calls
        self.cost = _sum(self.cost, cost)

    def _left(self) -> int:
        """Calls left; raises BudgetUsedUp if they are too few for any explanation."""
        left = self.options.calls - self.spent
        if left < MIN_BUDGET:
            raise BudgetUsedUp(self.options.calls)
        return left

    async def _share(self, wanted: Wanted) -> int:
        """Calls for a step: what is left, less the minimum for each possible further step."""
        left = self.options.calls - self.spent
        ids = [call.id for call in self.trace.calls]
        before = set(ids[: ids.index(wanted.call.id)]) - self.explained.keys()
        further = {one.call.id for one in self.waiting}
        if wanted.depth + 1 < self.depth:
            further |= before
        kept = min(len(further), self.depth) * STEP_MINIMUM
        most = await self.asking.most(wanted.call)
        share = min(left, most, max(left - kept, STEP_MINIMUM))
        if self.steps and share < STEP_MINIMUM:
            raise BudgetUsedUp(self.options.calls)
        return share


def checked(call: Call) -> Call:
    """The call, if it can be explained; else ExplanationFailed."""
    if call.not_repeatable:
        raise ExplanationFailed(f"it cannot be asked again ({call.not_repeatable})")
    if call.answer is None or call.truncated:
        raise ExplanationFailed("it has no complete answer")
    return call


def as_source(found: Found) -> Source:
    """What a path says of a source."""
    return Source(
        kind=found.kind,
        name=found.name,
        drivers=found.drivers,
        not_followed=found.missing,
        open=found.open,
    )


def _sum(one: Cost, other: Cost) -> Cost:
    known = one.usd is not None and other.usd is not None
    return Cost(
        target_calls=one.target_calls + other.target_calls,
        cached_calls=one.cached_calls + other.cached_calls,
        tokens=one.tokens + other.tokens,
        usd=(one.usd or 0.0) + (other.usd or 0.0) if known else None,
    )
