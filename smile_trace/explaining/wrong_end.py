"""Which step of a trace its wrong end comes from, and which part of what that step was given.

From the final answer back, each step of the path is asked without parts of its prompt, and every
response is continued to the end (`Continuation`): a part is a culprit if the end is right without
it. Where there is none, the path goes on to the calls that the step's own answer depends on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from smile_trace._guards.presentable import presentable
from smile_trace._options import TARGETS
from smile_trace._stats.intervals import wilson
from smile_trace._text.lists import listed, listed_few
from smile_trace.attribution.correction.search import CONFIRMING, MOST_FOUND, RIGHT_SHARE
from smile_trace.attribution.correction.sentences import by_chance
from smile_trace.attribution.correction.target import Target
from smile_trace.attribution.estimation.inference import LEVEL
from smile_trace.explaining.continuation import UNKNOWN, Continuation, RecordedTools
from smile_trace.explaining.driver import ExplanationFailed, cost_of
from smile_trace.explaining.grounding import GIVEN, holds_right, why_own
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.path_walk import (
    Asking,
    PathWalk,
    Wanted,
    as_source,
    checked,
    drivers_named,
)
from smile_trace.explaining.preparation import Prepared
from smile_trace.explaining.sources import call_name, sources_of
from smile_trace.models import Model, Request
from smile_trace.models.metered import MeteredModel
from smile_trace.records import Call, Correction, Explanation, Response, Segment
from smile_trace.records.formats.answers import read_tool_calls
from smile_trace.records.path import Culprit, CulpritKind, ExplanationPath, PathStep

END_BUDGET = 60
"""Runs of one step to the end, but for those that confirm."""

RIGHT = "The final answer is right."
NOTHING = "No step was found to blame: no removal in any of these calls makes the end right."
UNHELPFUL = "and no removal was found that makes the end right"


class EndAsking(Asking, Protocol):
    """How the calls of a trace with a wrong end are asked."""

    async def opened(self, call: Call, options: ExplainOptions) -> tuple[Prepared, MeteredModel]:
        """A call prepared to be asked, and its model."""
        ...

    async def explain_by(self, prepared: Prepared, model: Model) -> Explanation:
        """Explain a prepared call by this model."""
        ...


def without_target(options: ExplainOptions) -> ExplainOptions:
    """The options of an explanation of the logged answer."""
    none: dict[str, Any] = dict.fromkeys(TARGETS)
    return replace(options, **none)


@dataclass(kw_only=True)
class WrongEnd(PathWalk):
    """The walk of a path whose end has a target.

    Attributes:
        asking: how its calls are asked.
        asked: the options with the target of the end; `options` are those of the steps' own
            answers.
        tools: what tools returned.
        culprit: the earliest so far.
        ended: whether nothing before the steps so far can be to blame.
        unknown: the calls from which runs lead to where nothing is known.
    """

    asking: EndAsking
    asked: ExplainOptions
    tools: RecordedTools
    culprit: Culprit | None = None
    ended: bool = False
    unknown: set[str] = field(default_factory=set)
    target: Target = field(init=False)
    final: Call = field(init=False)

    async def run(self, final: Call) -> ExplanationPath:
        """See `PathWalk.run`; the summary begins with the culprit."""
        self.target = Target.of(self.asked.to_record("")) or Target()
        self.final = final
        path = await super().run(final)
        met = path.steps[0].explanation.met
        if not met and (self.culprit is None or self.culprit.kind == "tool"):
            await self._ask_stub()
        culprit = None if met else self._settled(path.steps[0])
        said = RIGHT if met else NOTHING if culprit is None else culprit.summary
        summary = f"{said} {path.summary}"
        return path.model_copy(update={"culprit": culprit, "summary": summary, "cost": self.cost})

    @property
    def _end(self) -> str:
        return self.final.answer_without_reasoning

    # -- one step -------------------------------------------------------------------------------

    async def _explain(self, wanted: Wanted) -> Explanation:
        call = checked(wanted.call)
        prepared, paid = await self.asking.opened(call, self.asked)
        continued = self._continued(call, paid)
        try:
            found = await self._of_end(prepared, continued, call)
        except ExplanationFailed as error:  # asked again as it was, it goes where nothing is known
            if UNKNOWN not in str(error):
                raise
            found = None
        if found is not None and self._decide(found, call):
            return found
        if found is None or any(UNKNOWN in (row.failure or "") for row in found.perturbations):
            self.unknown.add(call.id)
            if self.culprit is None:
                await self._blame_open(prepared, continued, call)
        return await super()._explain(wanted)

    def _decide(self, found: Explanation, call: Call) -> bool:
        """Blame somebody, if the ends tell whom; whether they explain the step."""
        if found.met:
            self.ended = True
        elif found.control is not None and by_chance(*found.control):
            again = _counted(*found.control)
            said = f" by chance: asked again as it was sent, the end is right{_share(again)}"
            self._blame_model(call, said, correction=again)
        elif found.corrections:
            self._blame_parts(found, call, found.corrections[0])
        else:
            own = why_own(call, self.target if call.id == self.final.id else None)
            if own is not None:
                self._blame_model(call, f": {own}")
            return False
        return True

    async def _with_tools(self, step: PathStep) -> PathStep:
        return step

    def _add(self, wanted: Wanted, explanation: Explanation) -> None:
        super()._add(wanted, explanation)
        if self.ended:
            self.waiting.clear()

    def _continued(self, call: Call, paid: MeteredModel) -> Continuation:
        async def ask(place: Call, request: Request) -> Response:
            other = None if place.id == call.id else await self.asking.opened(place, self.asked)
            [response] = await (other[1] if other else paid).generate([request])
            return response

        only_avoids = self.target.expected is None and self.target.contains is None
        return Continuation(self.trace, call, self.final, ask, paid, self.tools, only_avoids)

    async def _of_end(self, prepared: Prepared, continued: Continuation, call: Call) -> Explanation:
        """The explanation of the end by a step, told as one of the step's answer."""
        confirming = (
            0 if continued.deterministic(prepared.prompted.parameters) else MOST_FOUND * CONFIRMING
        )
        of_end = replace(
            prepared,
            prompted=prepared.prompted.model_copy(update={"answer": self._end, "reasoning": None}),
            options=replace(prepared.options, budget=min(END_BUDGET + confirming, self._left())),
        )
        found = await self.asking.explain_by(of_end, continued)
        self._count(found.cost)
        return found.model_copy(update={"answer": call.answer_without_reasoning})

    # -- who is to blame ------------------------------------------------------------------------

    def _blame(self, kind: CulpritKind, call: Call, said: str, **evidence: Any) -> None:
        summary = f"The answer is wrong since {said}."
        self.culprit = Culprit(kind=kind, call=call.id, summary=summary, **evidence)

    def _blame_model(self, call: Call, said: str, **evidence: Any) -> None:
        self.ended = True
        none = "" if evidence else f", {UNHELPFUL}"
        self._blame("model", call, f"{self._named(call)}{said}{none}", **evidence)

    def _blame_parts(
        self, found: Explanation, call: Call, correction: Correction, *, is_open: bool = False
    ) -> None:
        """Blame the parts that a correction removes, or where they came from."""
        sources = sources_of(found, call, self.trace)
        told = tuple(map(as_source, sources))
        step = PathStep(call=call.id, name="", explanation=found, sources=told)
        names = drivers_named(step, told)
        evidence: dict[str, Any] = {"parts": correction.parts}
        then = f"the end is right{_share(correction)}"
        if is_open:
            evidence["open"] = calls = _unknown_calls(found, correction.parts)
            then = f"{self._number(call)} {_asks(calls)}"
        else:
            evidence["correction"] = correction
        perhaps = ", perhaps" * is_open
        one = sources[0] if len({s.call and s.call.id for s in sources}) == 1 else None
        if one is not None and one.kind == "tool_result":
            said = f"{self._result(one.name, one.call)}{perhaps}: without {names}, {then}"
            self._blame("tool", one.call or call, said, **evidence)
        elif one is not None and one.kind == "output" and one.call is not None:
            said = f"{self._named(one.call)}{perhaps}: without {names}, {then}"
            self._blame("model", one.call, said, **evidence)
        else:
            self.ended = not is_open and all(source.call is None for source in sources)
            it = "it" if len(correction.parts) == 1 else "them"
            since = f"{self._named(call)}{perhaps} because of {names}"
            self._blame("part", call, f"{since}: without {it} from there on, {then}", **evidence)

    async def _blame_open(self, prepared: Prepared, continued: Continuation, call: Call) -> None:
        """Blame the parts without which tools are asked for what nobody knows."""
        target = replace(without_target(prepared.options), contains=(UNKNOWN,))
        asked = replace(prepared, options=target)
        found = await self._of_end(asked, replace(continued, unknown="text"), call)
        if found.control is not None and by_chance(*found.control):
            calls = _unknown_calls(found, ())
            said = f", perhaps by chance: asked again as it was sent, it {_asks(calls)}"
            self._blame_model(call, said, open=calls)
        elif found.corrections:
            self._blame_parts(found, call, found.corrections[0], is_open=True)

    async def _ask_stub(self) -> None:
        """Blame the last tool whose result the stub contradicts, if the end is right by that."""
        told, compared = self.tools.by_stub(), self.target.comparison(self._end, None)
        for call in reversed(self.trace.calls):
            made = read_tool_calls(call.answer_without_reasoning) or ()
            other = [one for one in made if told.result(one) != self.tools.result(one)]
            if not other:
                continue
            if self.culprit is not None and self.culprit.call == call.id:
                return
            prepared, paid = await self.asking.opened(call, self.asked)
            again = 1 if paid.deterministic(prepared.prompted.parameters) else CONFIRMING
            ends = [await self._continued(call, paid).corrected(k) for k in range(again)]
            self._count(cost_of(ends))
            texts = [end.text or "" for end in ends if end.ok]
            found = _counted(sum(compared.right(texts)), len(texts))
            if found.ci_low > RIGHT_SHARE:
                since = self._result(other[0].name, call)
                then = f"with what the stub says in its place, the end is right{_share(found)}"
                self._blame("tool", call, f"{since}: {then}", correction=found)
                return

    def _settled(self, final: PathStep) -> Culprit | None:
        """The culprit when everything is looked at; where no removal helped, the tool whose result
        the final answer depends on most, or the model, if that result holds what is right."""
        if self.culprit is None:
            found = sources_of(final.explanation, self.final, self.trace)
            one = next((s for s in found if s.kind == "tool_result" and s.open is None), None)
            if one is None:
                return None
            result = " ".join(self.final.messages[part.message].content for part in one.drivers)
            if holds_right(result, self.final, self.target):
                self._blame_model(self.final, f": {GIVEN}")
                return self.culprit
            said = (
                "No removal was found that makes the end right. The answer depends on "
                f"{self._result(one.name, one.call)}: if that call is as it should be, its result "
                "was wrong when it came in."
            )
            return Culprit(kind="tool", call=(one.call or self.final).id, summary=said)
        if self.culprit.kind != "tool":
            return self.culprit
        then = "That call was not looked at."
        if self.culprit.call in self.unknown:
            then = "Whether that call is right is open: others have results that are not known."
        elif self.culprit.call in self.explained:
            then = "Nothing was found wrong in that call."
        return self.culprit.model_copy(update={"summary": f"{self.culprit.summary} {then}"})

    # -- names ----------------------------------------------------------------------------------

    def _named(self, call: Call) -> str:
        calls = read_tool_calls(call.answer_without_reasoning)
        if call.id == self.final.id:
            name = "the final answer"
        elif calls is None:
            name = f"the output of {presentable(call_name(call, self.trace), longest=60)}"
        else:
            tools = dict.fromkeys(presentable(one.name, longest=60) for one in calls)
            name = f"the call of {listed(list(tools))}"
        return f"{name} ({self._number(call)})"

    def _result(self, tool: str, call: Call | None) -> str:
        called = f" (called in {self._number(call)})" if call is not None else ""
        return f"the result of {presentable(tool, longest=60)}{called}"

    def _number(self, call: Call) -> str:
        ids = [one.id for one in self.trace.calls]
        return f"step {ids.index(call.id) + 1} of {len(ids)}"


def _counted(right: int, of: int) -> Correction:
    low, high = (float(right), float(right)) if of == 1 else wilson(right, of, LEVEL)
    return Correction(parts=(), right=right, of=of, ci_low=low, ci_high=high)


def _share(found: Correction) -> str:
    """How often the end is right; nothing for a model that repeats itself."""
    if found.of == 1:
        return ""
    interval = f"{100 * found.ci_low:.0f} to {100 * found.ci_high:.0f} %"
    return f" in {found.right} of {found.of} runs [{interval}]"


def _unknown_calls(found: Explanation, parts: Sequence[Segment]) -> tuple[str, ...]:
    """The calls of tools whose results nobody knows, without these parts."""
    removed = {part.key for part in parts}
    calls = set()
    for row in found.perturbations:
        keys = zip(found.partitions[row.level], row.mask, strict=True)
        if UNKNOWN in (row.response or "") and removed == {key for key, kept in keys if not kept}:
            calls.add(str(row.response).removeprefix(UNKNOWN))
    return tuple(sorted(calls))


def _asks(calls: Sequence[str]) -> str:
    return f"calls {listed_few(calls, most=2, conjunction='or')}, whose result is not known"
