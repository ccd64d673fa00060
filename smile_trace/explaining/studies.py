"""Makes the Study of an explanation: its segments, and a proxy for its model where there is one."""

import re
from collections.abc import Mapping
from typing import Any

from smile_trace.attribution import (
    CannotExplain,
    Embed,
    PerturbationStudy,
    Proxy,
    ProxyStudy,
    Study,
    find_answer_span,
    solver_of,
)
from smile_trace.attribution.answer_span import AnswerSpan, AnswerSpanNotFound
from smile_trace.attribution.correction.study import CorrectionStudy
from smile_trace.attribution.correction.target import Target
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import UnitMissing
from smile_trace.errors import ReasonCode
from smile_trace.explaining.options import ExplainOptions
from smile_trace.models import Model, Request
from smile_trace.models.base import limit_of
from smile_trace.records import JSON, ExplanationSettings, Note, Prompted, Signal
from smile_trace.records.formats.answers import read_refusal, read_tool_calls
from smile_trace.records.formats.cells import why_whole, with_cells
from smile_trace.records.formats.requests import with_offered_tools

BY_CELLS = ("auto", "cell")
"""The units that cut images into cells."""
REASONING = "reasoning"
"""The part of the answer that is the model's reasoning before it."""


def as_explained(prompted: Prompted, options: ExplainOptions) -> Prompted:
    """The prompt to be cut, and what is explained of it: for the unit `tool`, the tools offered
    become one of its messages, for `auto` and `cell` the cells of its images; for the part
    `reasoning`, that stands in place of the answer. Raises CannotExplain if the answer is reasoning
    alone, and that is not asked for."""
    if options.answer_part == REASONING and prompted.reasoning is not None:
        prompted = prompted.explaining_reasoning()
    elif (why := why_no_final_answer(prompted)) is not None:
        raise CannotExplain(why)
    if options.unit in BY_CELLS:
        return with_cells(prompted)
    return with_offered_tools(prompted) if options.unit == "tool" else prompted


def why_no_final_answer(prompted: Prompted) -> str | None:
    """Why the reasoning that was logged led to no answer; None if it did."""
    if prompted.reasoning is None or prompted.answer is None or prompted.answer.strip():
        return None
    limit = limit_of(Request.of(prompted)) if prompted.answer_cut else 0
    cut = f", cut off at its limit of {limit:,} tokens" if limit else ""
    return (
        f'its answer is only reasoning{cut}: explain the reasoning with answer_part="reasoning", '
        "or a call whose limit leaves room for an answer"
    )


def partition(prompted: Prompted, options: ExplainOptions) -> tuple[Segmentation, Note | None]:
    """The segmentation, and a note if it is not by the unit of the options. Raises CannotExplain if
    nothing can be removed, or own spans are not in the prompt."""
    unit = options.unit
    try:
        return Segmentation(prompted, unit, options.protect), None
    except UnitMissing:
        if not isinstance(unit, str | re.Pattern):
            raise
    missing = f"part of unit {unit!r}" if isinstance(unit, str) else f"match for /{unit.pattern}/"
    note = Note(
        code=ReasonCode.UNIT_MISSING,
        text=f"The prompt has no {missing}, so it was divided by its structure (unit 'auto').",
    )
    return Segmentation(prompted, "auto", options.protect), note


PROXY_CALLS = 200
"""Default calls to the proxy."""


_NO_PROXY_FOR_TOOLS = "the answer is a tool call, so the model itself is asked"
_NO_PROXY_FOR_REFUSALS = "the answer is a refusal, so the model itself is asked"
_NO_PROXY_FOR_TARGETS = "the answer has a target, so the model itself is asked"


def make_study(
    prompted: Prompted,
    model: Model,
    options: ExplainOptions,
    settings: ExplanationSettings,
    *,
    signal: Signal,
    whole_without_part: bool = False,
    proxy: Model | None = None,
    proxy_calls: int = PROXY_CALLS,
    embed: Embed | None = None,
    scores: Mapping[str, float | None] | None = None,
) -> Study:
    """The Study of a prompt and its answer, with a proxy unless `why_no_proxy` excludes it.

    Args:
        options: what is removed and protected, the part of the answer, and the solver (without
            proxy).
        settings: as for `PerturbationStudy`; its budget is the target's.
        signal: how the target's answers are compared.
        whole_without_part: explain an answer without the part as a whole, with a note.
        proxy: a cheaper model that is asked in the target's place.
        proxy_calls: the most calls to the proxy, including those for the target's masks.
        embed: word vectors; None for the packaged ones, `StudyVectors.table` for others.
        scores: what the scorer of the settings makes of answers; filled before they are told.

    Raises:
        CannotExplain: nothing can be removed from this prompt, or the answer is reasoning alone.
        AnswerSpanNotFound: the answer does not hold the part.
    """
    prompted = prompted.without_earlier_reasoning(taken=model.capabilities.takes_reasoning)
    prompted = as_explained(prompted, options)
    answer = prompted.answer or ""
    partitioner, note = partition(prompted, options)
    wanted = None if prompted.of_reasoning else options.answer_part
    target = Target.of(settings, scores)
    of_field = target is not None and target.field is not None
    whole = why_whole(prompted.messages) if options.unit in BY_CELLS else ()
    of_images = [Note(code=ReasonCode.IMAGE_WHOLE, text=text) for text in whole]
    part, part_note = _part(answer, wanted, whole_without_part=whole_without_part or of_field)
    signal = "text" if prompted.of_reasoning else signal
    shared: dict[str, Any] = {
        "answer": answer,
        "signal": signal,
        "partitioner": partitioner,
        "notes": (
            *(one for one in (note, None if of_field else part_note) if one is not None),
            *of_images,
        ),
        "deterministic": model.deterministic(prompted.parameters),
        "remote": model.capabilities.remote,
        "embed": embed,
        "part": part,
    }
    if target is not None:
        del shared["signal"]
        return CorrectionStudy(
            prompted, settings, target, **shared, solver=solver_of(options.solver)
        )
    if proxy is None or why_no_proxy(answer, settings) is not None:
        return PerturbationStudy(prompted, settings, **shared, solver=solver_of(options.solver))
    low_fidelity = as_proxy(proxy, prompted.parameters, max(proxy_calls - settings.budget, 2))
    return ProxyStudy(prompted, settings, proxy=low_fidelity, **shared)


def why_no_proxy(answer: str, settings: ExplanationSettings) -> str | None:
    """Why no proxy is asked about this answer; None for a text. A small model calls other tools and
    refuses differently, and cannot score another model's; and it errs otherwise."""
    if settings.target:
        return _NO_PROXY_FOR_TARGETS
    if read_tool_calls(answer) is not None:
        return _NO_PROXY_FOR_TOOLS
    return None if read_refusal(answer) is None else _NO_PROXY_FOR_REFUSALS


def _part(
    answer: str, part: str | None, *, whole_without_part: bool
) -> tuple[AnswerSpan | None, Note | None]:
    if part is None:
        return None, None
    try:
        return find_answer_span(answer, part), None
    except AnswerSpanNotFound:
        if not whole_without_part:
            raise
    text = f"The answer does not contain {part!r}, so the whole answer is explained."
    return None, Note(code=ReasonCode.PART_MISSING, text=text)


def as_proxy(model: Model, parameters: Mapping[str, JSON], calls: int) -> Proxy:
    """The study's view of a proxy, which scores the logged answer if it can."""
    return Proxy(
        name=model.name,
        signal="probability" if model.capabilities.scores_whole_answers else "text",
        deterministic=model.deterministic(dict(parameters)),
        calls=calls,
    )
