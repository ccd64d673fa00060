"""The public `explain()`: one explanation now, in the foreground."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, cast

from smile_trace.attribution import Embed, Study
from smile_trace.explaining.background import wait_for
from smile_trace.explaining.driver import ExplanationFailed, OnRound, resolve_signal, run
from smile_trace.explaining.named import named_model
from smile_trace.explaining.reading import AnyPrompt, read_call, read_prompt
from smile_trace.explaining.thinking import think
from smile_trace.models import Model, Request
from smile_trace.models.callable import CallableModel
from smile_trace.models.memory import MemoryCache, MemoryLedger
from smile_trace.models.metered import metered
from smile_trace.models.quiet import quiet
from smile_trace.models.registry import open_embeddings
from smile_trace.records import (
    JSON,
    Call,
    Explanation,
    ExplanationSettings,
    Prompted,
    Response,
)
from smile_trace.settings import Settings

AnyModel = str | Model | Callable[[str], Any]

SMALLEST_BUDGET = 4

_CACHE = MemoryCache()
"""Answers of this process; what the worker keeps is in the store."""


def explain(
    prompt: AnyPrompt | None = None,
    *,
    model: AnyModel | None = None,
    trace_id: str | None = None,
    answer: str | None = None,
    parameters: Mapping[str, JSON] | None = None,
    unit: Literal["word", "sentence", "message", "variable"] = "word",
    freeze: Sequence[str | re.Pattern[str]] = (),
    budget: int = 40,
    signal: Literal["auto", "text", "probability"] = "auto",
    seed: int = 0,
    fresh: bool = False,
    on_round: OnRound | None = None,
) -> Explanation:
    """Explain which parts of a prompt drive its answer, now; works in a running event loop too.

    Args:
        prompt: a text, a list of chat messages, or a rendering of a `Prompt`.
        model: a name from the settings, a Model, or a function `str -> str` (also async);
            `"demo"` is the packaged local model. With `trace_id` the call's own by default.
        trace_id: explain a captured call of the store instead: the trace's id (its first call
            that has an answer), or `trace_id:span_id`.
        answer: what the model said; asked first where it is missing, within the budget.
        parameters: request parameters, e.g. `{"temperature": 0}`.
        unit: what is left out.
        freeze: what is never left out: roles, exact texts, compiled patterns.
        budget: the most calls to the model, retries and the unperturbed prompt included.
        signal: compare the answers as texts, or by the probability of the given answer.
        seed: decides which parts are left out together.
        fresh: ask again what this process has asked before.
        on_round: called after every round with what was asked and what came back.

    Raises:
        SmileTraceError: it cannot be explained; the message says what to do. Among them
            `CannotExplain` (nothing can be left out), `ExplanationFailed` (the prompt cannot
            be asked), `NoModel`, `ModelUnavailable`, `NoSuchCall`.
        TypeError: neither or both of `prompt` and `trace_id`, or no `model`.
        ValueError: the prompt is empty, or a message has no role and content.
    """
    if (prompt is None) == (trace_id is None):
        raise TypeError("explain() takes either a prompt or a trace_id")
    if budget < SMALLEST_BUDGET:
        raise ValueError(f"budget must be at least {SMALLEST_BUDGET} calls, not {budget}")
    conf = Settings()
    call = None if trace_id is None else read_call(trace_id, conf)
    if call is None:
        prompted = read_prompt(cast(AnyPrompt, prompt), answer, dict(parameters or {}))
    else:
        own = Prompted.of(call)
        given = {"answer": answer, "parameters": None if parameters is None else dict(parameters)}
        changes = {name: value for name, value in given.items() if value is not None}
        prompted = own.model_copy(update=changes)
    asked = _model(model, call, conf)
    settings = ExplanationSettings(
        model=asked.name,
        unit=unit,
        freeze=tuple(f if isinstance(f, str) else f"/{f.pattern}/" for f in freeze),
        budget=budget,
        signal=signal,
        seed=seed,
    )
    work = _explain(
        prompted,
        asked,
        settings,
        tuple(freeze),
        embed=open_embeddings(conf),
        fresh=fresh,
        on_round=on_round,
    )
    return wait_for(work)


def _model(model: AnyModel | None, call: Call | None, settings: Settings) -> Model:
    if model is None:
        if call is None or call.model is None:
            raise TypeError("explain() needs a model: a name, a Model or a function")
        model = call.model
    if isinstance(model, str):
        return named_model(model, settings, call)
    if hasattr(model, "generate"):
        return cast(Model, model)
    if callable(model):
        return CallableModel(model)
    raise TypeError(f"a model is a name, a Model or a function, not {type(model).__name__}")


async def _explain(
    prompted: Prompted,
    model: Model,
    settings: ExplanationSettings,
    freeze: Sequence[str | re.Pattern[str]],
    *,
    embed: Embed | None,
    fresh: bool,
    on_round: OnRound | None,
) -> Explanation:
    paid = metered(
        model,
        ledger=MemoryLedger(settings.budget),
        cache=_CACHE,
        explanation=uuid.uuid4().hex,
        fresh=fresh,
    )
    signal = resolve_signal(settings, paid)
    before: list[Response] = []
    answer, left = prompted.answer, settings
    if answer is None:
        before = [await _ask_first(prompted, paid)]
        answer = before[0].text or ""
        if signal == "probability" and answer.strip():
            left = settings.model_copy(update={"budget": settings.budget - 1})
        else:  # the study's first baseline is this very answer, and counts it
            before = []
    make = partial(
        Study,
        prompted.model_copy(update={"answer": answer}),
        left,
        answer=answer,
        signal=signal,
        freeze=freeze,
        deterministic=paid.deterministic(prompted.parameters),
        remote=paid.remote,
        embed=embed,
    )
    study = await think(make)
    explanation = await run(study, paid, on_round=on_round, before=before)
    return explanation.model_copy(update={"settings": settings})


async def _ask_first(prompted: Prompted, model: Model) -> Response:
    request = Request(
        messages=prompted.messages, form=prompted.form, parameters=prompted.parameters
    )
    with quiet():
        [response] = await model.generate([request])
    if not response.ok:
        raise ExplanationFailed(f"the prompt could not be asked: {response.failure}")
    return response
