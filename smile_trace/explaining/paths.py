"""The public `explain_path()`: from the final answer of a trace back to what it came from."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from smile_trace._options import TARGETS, Texts, unusual, written_options
from smile_trace.attribution import Embed
from smile_trace.attribution.segmentation.units import AnyUnit
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.api import ask_once, explain_metered
from smile_trace.explaining.continuation import RecordedTools, Stub
from smile_trace.explaining.driver import OnRound, wait_for
from smile_trace.explaining.inputs import answered_call, read_trace
from smile_trace.explaining.options import AnyModel, ExplainOptions, Question
from smile_trace.explaining.path_walk import NOT_EXPLAINED, STEP_BUDGET, PathWalk
from smile_trace.explaining.preparation import Prepared, prepare_call
from smile_trace.explaining.spending import Estimate, ForegroundSpending, estimate_of
from smile_trace.explaining.wrong_end import WrongEnd, without_target
from smile_trace.models import Model
from smile_trace.models.metered import MeteredModel
from smile_trace.records import JSON, Call, Explanation, Response, Trace
from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings

PATH_BUDGET = 240
"""Default calls for a path: four steps of 40, and the tools offered in each."""
WRONG_END_BUDGET = 640
"""Default calls where the end is wrong: every step is also continued to the end."""
PATH_DEPTH = 5
"""Default calls from the final answer back."""


def explain_path(
    trace_id: str,
    *,
    model: AnyModel | None = None,
    unit: AnyUnit = "auto",
    protect: Sequence[str | re.Pattern[str]] = (),
    budget: int | None = None,
    depth: int = PATH_DEPTH,
    signal: Literal["auto", "text", "probability"] = "auto",
    distance: str = "content",
    expected: str | None = None,
    contains: Texts | None = None,
    avoid: Texts | None = None,
    stub: Stub | None = None,
    seed: int = 0,
    app: str | None = None,
    fresh: bool = False,
    on_round: OnRound | None = None,
) -> ExplanationPath:
    """Explain the final answer of a trace, and the calls that it came from, step by step.

    Where a part that an answer depends on is the result of a tool, the call that called this tool
    is explained next; where it is the answer of an earlier call of the trace (verbatim), that call
    is. What an answer may depend on, since it was not measured well enough to tell, is followed
    after what is certain. Calls of tools are also explained by the tools offered, with the rest of
    the budget. A call that the store explains already, with these options, is not asked again.

    With a target (`expected`, `contains`, `avoid`) that the final answer does not meet, `culprit`
    says where it went wrong: every step of the path is asked without parts of its prompt, and
    continued to the end. A tool called with the very arguments of the trace has the recorded
    result, for others `stub` is asked, and without it the end is open. Where nothing but a
    tool is found to blame, the stub's results are tried in place of the recorded. No tool is run.

    A path that the store has, with the options that are given here, is returned as it is stored.
    One with a call that could not be explained is not kept: that may be known another time.

    Args:
        trace_id: of a captured trace, or `trace_id:span_id` to begin at another call.
        model: as for `explain`; by default every call has its own.
        unit: as for `explain`, in every step.
        protect: as for `explain`, in every step.
        budget: the most calls for all steps together, by default 240, with a target 640; a step
            takes no more than 40, and 60 runs to the end. They count toward the caps per day as for
            `explain`.
        depth: how many calls back from the final answer, that one included; ≥ 1.
        signal: as for `explain`.
        distance: as for `explain`.
        expected: what the final answer should have been, as for `explain`.
        contains: what the final answer should have held, as for `explain`.
        avoid: what the final answer should not have held, as for `explain`.
        stub: what a tool would return: a function of its name and arguments, None if unknown. Where
            a tool may be to blame it is asked for the calls of the trace, too.
        seed: as for `explain`.
        app: as for `explain`.
        fresh: as for `explain`.
        on_round: as for `explain`.

    Raises:
        SmileTraceError: the final answer cannot be explained. For an earlier call that cannot be
            explained, its source says why (`Source.not_followed`).
        ValueError: the budget or the depth is too small, or there is no such distance or unit.
    """
    conf = Settings()
    question = Question(
        trace_id=trace_id,
        model=model,
        unit=unit,
        protect=tuple(protect),
        budget=budget,
        signal=signal,
        distance=distance,
        expected=expected,
        contains=contains,
        avoid=avoid,
        seed=seed,
        app=app,
    )
    question = replace(question, budget=budget or default_budget(question))
    chosen = None if stub is not None else _chosen(question, depth)
    if chosen is not None and not fresh:
        from smile_trace.store.stored import look_up

        if (stored := look_up(trace_id, chosen, conf, "path").path) is not None:
            return stored
    trace = read_trace(trace_id.partition(":")[0], conf)
    path = ask_path(question, trace, conf, depth=depth, stub=stub, fresh=fresh, on_round=on_round)
    leads = [source.not_followed or "" for step in path.steps for source in step.sources]
    if chosen is not None and not any(why.startswith(NOT_EXPLAINED) for why in leads):
        from smile_trace.store.stored import keep

        keep(path, trace, path.steps[0].call, chosen, conf, wanted=trace_id)
    return path


def default_budget(question: Question) -> int:
    """The most calls for a path, if no budget is given."""
    return WRONG_END_BUDGET if question.target else PATH_BUDGET


def _chosen(question: Question, depth: int) -> dict[str, Any] | None:
    """The options that are no defaults, as they are written at the command line."""
    names = ("model", "unit", "protect", "budget", "signal", "distance", "seed", *TARGETS)
    defaults = {"budget": default_budget(question), "depth": PATH_DEPTH}
    given = {name: getattr(question, name) for name in names} | {"depth": depth}
    written = written_options(
        {name: value for name, value in given.items() if value != defaults.get(name)}
    )
    return None if written is None else unusual(written)


def ask_path(
    question: Question,
    trace: Trace,
    conf: Settings,
    *,
    depth: int = PATH_DEPTH,
    stub: Stub | None = None,
    fresh: bool = False,
    on_round: OnRound | None = None,
) -> ExplanationPath:
    """`explain_path` of a question with a budget about this trace, also where the store has the
    path."""
    if depth < 1:
        raise ValueError(f"depth must be at least 1 call, not {depth}")
    options = question.options
    final = answered_call(trace, str(question.trace_id).partition(":")[2])
    with ForegroundSpending(conf, options.calls, trace_id=trace.trace_id) as spending:
        asking = _Asking(
            conf,
            options,
            question.model,
            question.app,
            spending,
            spending.embeddings(),
            fresh,
            on_round,
            _chosen(question, depth),
        )
        if not options.target:
            return wait_for(PathWalk(trace, asking, options, depth).run(final))
        walk = WrongEnd(
            trace=trace,
            asking=asking,
            options=without_target(options),
            depth=depth,
            asked=options,
            tools=RecordedTools(trace, stub),
        )
        return wait_for(walk.run(final))


@dataclass(frozen=True)
class _Asking:
    """Asks the calls of one path, all paid from one budget."""

    conf: Settings
    options: ExplainOptions
    model: AnyModel | None
    app: str | None
    spending: ForegroundSpending
    embed: Embed | None
    fresh: bool
    on_round: OnRound | None
    chosen: dict[str, Any] | None

    async def stored(self, call: Call, options: ExplainOptions) -> Explanation | None:
        """See `path_walk.Asking.stored`."""
        if self.fresh or self.chosen is None:
            return None
        from smile_trace.store.stored import look_up, of_step

        unit, protect, part = options.unit, options.protect, options.answer_part
        asked = of_step(self.chosen, unit=unit, protect=protect, answer_part=part)
        found = await asyncio.to_thread(look_up, call.id, asked, self.conf)
        return found.as_thorough(options.calls, options.answer_part)

    async def most(self, call: Call) -> int:
        """See `path_walk.Asking.most`."""
        return STEP_BUDGET

    async def explain(self, call: Call, options: ExplainOptions) -> Explanation:
        """See `path_walk.Asking.explain`."""
        return await self.explain_by(*await self.opened(call, options))

    async def explain_by(self, prepared: Prepared, model: Model) -> Explanation:
        """See `wrong_end.EndAsking.explain_by`."""
        return await explain_metered(prepared, model, embed=self.embed, on_round=self.on_round)

    async def answer(self, call: Call, parameters: dict[str, JSON]) -> Response:
        """See `path_walk.Asking.answer`."""
        prepared, paid = await self.opened(call, self.options)
        update = {"parameters": parameters}
        return await ask_once(prepared.prompted.model_copy(update=update), paid)

    async def opened(self, call: Call, options: ExplainOptions) -> tuple[Prepared, MeteredModel]:
        """See `wrong_end.EndAsking.opened`."""
        prepared = prepare_call(call, self.conf, options, model=self.model, app=self.app)
        # The store is opened here, which may take as long as its database does.
        metered = partial(self.spending.metered, fresh=self.fresh)
        return prepared, await asyncio.to_thread(metered, prepared.model, prepared.name)


def estimate_path(question: Question, trace: Trace, conf: Settings) -> Estimate:
    """The most that a path would ask: the calls of its final answer, with the tokens and the price
    of its dearest call. Raises as `explain_path`, and asks nothing."""
    final = answered_call(trace, str(question.trace_id).partition(":")[2])

    def most(call: Call) -> Estimate:
        prepared = prepare_call(
            call, conf, question.options, model=question.model, app=question.app
        )
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
