"""Which step of a trace its wrong end comes from, and which part of what that step was given.

From the final answer back, each step of the path is asked without parts of its prompt, and every
response is continued to the end (`Continuation`): a part is a culprit if the end is right without
it. Of several the one counts whose end is most like the logged one: what says something else avoids
much. Where there is none, the path goes on to the calls that the step's own answer depends on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from smile_trace._guards.presentable import presentable
from smile_trace._options import TARGETS
from smile_trace._stats.intervals import wilson
from smile_trace._text.lists import listed, listed_few, per_cent
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.attribution.correction.search import CONFIRMING, MOST_FOUND, RIGHT_SHARE
from smile_trace.attribution.correction.sentences import by_chance
from smile_trace.attribution.correction.target import Target
from smile_trace.attribution.estimation.inference import LEVEL
from smile_trace.attribution.segmentation.selections import asks
from smile_trace.explaining.continuation import (
    EARLY,
    LIKE,
    UNKNOWN,
    Continuation,
    RecordedTools,
)
from smile_trace.explaining.driver import ExplanationFailed, cost_of
from smile_trace.explaining.grounding import said_instead, why_own, word_for_word
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
from smile_trace.records import Call, Correction, Explanation, Observation, Response, Segment
from smile_trace.records.formats.answers import Called, read_tool_calls
from smile_trace.records.path import Culprit, CulpritKind, ExplanationPath, PathStep

END_BUDGET = 60
"""Runs of one step to the end, but for those that confirm."""

SAME = 0.02
"""Ends that are further from the logged one by less are as like it."""

RIGHT = "The final answer is right."
NOTHING = (
    "No step was found to blame: no removal in any of these calls makes the final answer right."
)
UNHELPFUL = "and no removal was found that makes the final answer right"


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
        culprit: the likeliest so far.
        changed, at: how far its end is from the logged one, 1 if that was not measured; the call
            that was asked without it.
        also: what is confirmed, in words.
        aside: parts of what was asked without which something else is said: they are not removed
            from earlier calls.
        ended: whether nothing before the steps so far can be to blame.
        unknown: the calls from which runs lead to where nothing is known.
    """

    asking: EndAsking
    asked: ExplainOptions
    tools: RecordedTools
    culprit: Culprit | None = None
    changed: float = 1.0
    at: str | None = None
    also: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
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
        culprit = None if met else self._settled()
        if culprit is not None:
            said = culprit.summary
        else:
            said = RIGHT if met else " ".join([NOTHING, *self._possible(path.steps[0])])
        summary = f"{said} {path.summary}"
        return path.model_copy(update={"culprit": culprit, "summary": summary, "cost": self.cost})

    @property
    def _end(self) -> str:
        return self.final.answer_without_reasoning

    # -- one step -------------------------------------------------------------------------------

    async def _explain(self, wanted: Wanted) -> Explanation:
        call = checked(wanted.call)
        asked = replace(self.asked, protect=(*self.asked.protect, *self.aside))
        prepared, paid = await self.asking.opened(call, asked)
        continued = self._continued(call, paid)
        try:
            found = await self._of_end(prepared, continued, call)
        except ExplanationFailed as error:  # asked again as it was, it goes where nothing is known
            if UNKNOWN not in str(error):
                raise
            found = None
        if found is not None and self._decide(found, call):
            return found
        failed = [UNKNOWN] if found is None else [row.failure or "" for row in found.perturbations]
        if any(why.startswith((UNKNOWN, EARLY)) for why in failed):
            self.unknown.add(call.id)
        if any(why.startswith(UNKNOWN) for why in failed) and self._may_be_open():
            await self._blame_open(prepared, continued, call)
        return await super()._explain(wanted)

    def _decide(self, found: Explanation, call: Call) -> bool:
        """Blame somebody, if the ends tell whom; whether they explain the step."""
        if found.met:
            self.ended = True
        elif found.control is not None and by_chance(*found.control):
            again = _counted(*found.control)
            said = (
                " by chance: when the same request is sent again, the final answer is right"
                f"{_share(again)}"
            )
            self._blame_model(call, said, correction=again)
        else:
            own = why_own(call, self.target if call.id == self.final.id else None)
            for one in found.corrections[:MOST_FOUND]:
                self._blame_parts(found, call, one, self._change(found, one))
            if own is not None and self.changed > LIKE:
                self._blame_model(call, f": {own}")
            return bool(found.corrections) and self.changed <= LIKE
        return True

    def _change(self, found: Explanation, correction: Correction) -> float:
        """How far the right ends without these parts are from the logged one."""
        texts = [row.response or "" for row in _without(found, correction.parts)]
        right = self.target.comparison(self._end, None).right(texts)
        ends = [text for text, met in zip(texts, right, strict=True) if met]
        changes = text_comparison(self._end, None, "words").changes(ends)
        return sum(changes) / len(changes) if changes else 1.0

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
        began = "began" if "correction" in evidence else "may have begun"
        summary = f"The error {began} in {said}."
        self.culprit = Culprit(kind=kind, call=call.id, summary=summary, **evidence)

    def _blame_model(self, call: Call, said: str, **evidence: Any) -> None:
        self.ended = True
        none = "" if evidence or self.also else f", {UNHELPFUL}"
        self._blame("model", call, f"{self._named(call)}{said}{none}", **evidence)

    def _blame_parts(
        self, found: Explanation, call: Call, correction: Correction, changed: float | None = None
    ) -> None:
        """Blame the parts that a correction removes, or where they came from; without `changed`
        they are open. Of two that are confirmed the one is to blame whose end changes less, of two
        alike what the other came from."""
        alone = found.model_copy(update={"corrections": (correction,)})
        sources = sources_of(alone, call, self.trace)
        told = tuple(map(as_source, sources))
        names = drivers_named(PathStep(call=call.id, name="", explanation=found), told)
        evidence: dict[str, Any] = {"parts": correction.parts}
        then = f"the final answer is right{_share(correction)}"
        if changed is None:
            evidence["open"] = calls = _unknown_calls(found, correction.parts)
            then = f"{self._number(call)} {_asks(calls)}"
        else:
            evidence["correction"] = correction
            if changed > LIKE and _is_asked(correction.parts, call):
                self.aside += [part.text for part in correction.parts]
            else:
                self.also.append(names)
            known = self.culprit
            came = known is not None and known.kind == "tool" and self.at != call.id
            if known is not None and changed > self.changed + (SAME if came else -SAME):
                return
            self.changed, self.at = changed, call.id
        one = sources[0] if len({s.call and s.call.id for s in sources}) == 1 else None
        if one is not None and one.kind == "tool_result":
            said = f"{self._result(one.name, one.call)}: without {names}, {then}"
            self._blame("tool", one.call or call, said, **evidence)
        elif one is not None and one.kind == "output" and one.call is not None:
            said = f"{self._named(one.call)}: without {names}, {then}"
            self._blame("model", one.call, said, **evidence)
        else:
            self.ended = self.changed <= LIKE and all(source.call is None for source in sources)
            it = "it" if len(correction.parts) == 1 else "them"
            said = f"{self._named(call)} because of {names}: without {it} from there on, {then}"
            self._blame("part", call, said, **evidence)

    def _may_be_open(self) -> bool:
        """Whether what could not be confirmed may be to blame: where nothing else is, or only what
        was asked last, without which something else is said."""
        found = self.culprit
        asked = found is not None and found.parts and _is_asked(found.parts, self.final)
        return found is None or bool(asked and self.changed > LIKE)

    async def _blame_open(self, prepared: Prepared, continued: Continuation, call: Call) -> None:
        """Blame the parts without which tools are asked for what nobody knows."""
        target = replace(without_target(prepared.options), contains=(UNKNOWN,))
        asked = replace(prepared, options=target)
        found = await self._of_end(asked, replace(continued, unknown="text"), call)
        if found.control is not None and by_chance(*found.control):
            calls = _unknown_calls(found, ())
            said = f" by chance: when the same request is sent again, it {_asks(calls)}"
            self._blame_model(call, said, open=calls)
            return
        given = [one for one in found.corrections if not _is_asked(one.parts, call)]
        for one in given[:1] or found.corrections[: self.culprit is None]:
            self._blame_parts(found, call, one)

    async def _ask_stub(self) -> None:
        """Blame the last tool whose result the stub contradicts, if the end is right by that."""
        told, compared = self.tools.by_stub(), self.target.comparison(self._end, None)
        for call in reversed(self.trace.calls):
            other = [o for o in _calls_of(call) if told.result(o) != self.tools.result(o)]
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
                then = "with the result of the stub in its place, the final answer is right"
                said = f"{self._result(other[0].name, call)}: {then}{_share(found)}"
                self._blame("tool", call, said, correction=found)
                return

    def _settled(self) -> Culprit | None:
        """The culprit when everything is looked at, and what else was confirmed."""
        if self.culprit is None:
            return None
        said = [self.culprit.summary]
        if self.culprit.kind == "tool" and self.culprit.call in self.unknown:
            open_ended = "some of its continuations do not show it"
            said.append(f"It is not settled whether that call is right: {open_ended}.")
        elif self.culprit.kind == "tool" and self.culprit.call not in self.explained:
            said.append("That call was not examined.")
        elif self.culprit.kind == "tool":
            said.append("In that call, no removal was found that makes the final answer right.")
        if also := [name for name in dict.fromkeys(self.also) if name not in self.culprit.summary]:
            named = listed_few(also, most=2, conjunction="or")
            said.append(f"The final answer is also right without {named}.")
        return self.culprit.model_copy(update={"summary": " ".join(said)})

    def _possible(self, final: PathStep) -> list[str]:
        """What may be wrong where no removal helped: the results that the final answer depends on,
        but for those that the stub confirms, and where the words stand that it should not say."""
        found = sources_of(final.explanation, self.final, self.trace)
        made = [(one, call) for call in self.trace.calls for one in _calls_of(call)]
        from_tools = {(s.name, s.call.id) for s in found if s.kind == "tool_result" and s.call}
        doubtful = [
            presentable(one.name, longest=60)
            for one, call in made
            if (one.name, call.id) in from_tools and not self.tools.confirms(one)
        ]
        said = []
        if doubtful:
            named = listed(list(dict.fromkeys(doubtful)), "or")
            said.append(f"The result of {named}, which the answer depends on, may be wrong.")
        for text in said_instead(self._end, self.target):
            holding = [at for at in made if word_for_word(text, self.tools.result(at[0]))]
            if len(holding) == 1:
                [(one, call)] = holding
                said.append(f"“{presentable(text)}” is in {self._result(one.name, call)}.")
        return said

    # -- names ----------------------------------------------------------------------------------

    def _named(self, call: Call) -> str:
        calls = read_tool_calls(call.answer_without_reasoning)
        if call.id == self.final.id:
            name = "the final answer"
        elif calls is None:
            name = f"the output of {presentable(call_name(call, self.trace), longest=60)}"
        else:
            tools = dict.fromkeys(presentable(one.name, longest=60) for one in calls)
            name = f"the call to {listed(list(tools))}"
        return f"{name} ({self._number(call)})"

    def _result(self, tool: str, call: Call | None) -> str:
        called = f" (called in {self._number(call)})" if call is not None else ""
        return f"the result of {presentable(tool, longest=60)}{called}"

    def _number(self, call: Call) -> str:
        ids = [one.id for one in self.trace.calls]
        return f"step {ids.index(call.id) + 1} of {len(ids)}"


def _calls_of(call: Call) -> Sequence[Called]:
    return read_tool_calls(call.answer_without_reasoning) or ()


def _counted(right: int, of: int) -> Correction:
    low, high = (float(right), float(right)) if of == 1 else wilson(right, of, LEVEL)
    return Correction(parts=(), right=right, of=of, ci_low=low, ci_high=high)


def _share(found: Correction) -> str:
    """How often the end is right; nothing for a model that repeats itself."""
    if found.of == 1:
        return ""
    interval = per_cent(found.ci_low, found.ci_high)
    return f" in {found.right} of {found.of} runs [{interval}]"


def _unknown_calls(found: Explanation, parts: Sequence[Segment]) -> tuple[str, ...]:
    """The calls of tools whose results nobody knows, without these parts."""
    said = [row.response or "" for row in _without(found, parts)]
    return tuple(sorted({text.removeprefix(UNKNOWN) for text in said if UNKNOWN in text}))


def _without(found: Explanation, parts: Sequence[Segment]) -> list[Observation]:
    """The rows that lack just these parts."""
    removed = {part.key for part in parts}

    def lacks(row: Observation) -> bool:
        keys = zip(found.partitions[row.level], row.mask, strict=True)
        return removed == {key for key, kept in keys if not kept}

    return list(filter(lacks, found.perturbations))


def _is_asked(parts: Sequence[Segment], call: Call) -> bool:
    """Whether these parts stand in what was asked last."""
    asked = [number for number, message in enumerate(call.messages) if asks(message)]
    return all(part.message in asked[-1:] for part in parts)


def _asks(calls: Sequence[str]) -> str:
    return f"calls {listed_few(calls, most=2, conjunction='or')}, whose result is unknown"
