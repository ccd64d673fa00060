"""Checks what is to be explained, and opens its models by name, before anything is asked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from smile_trace.attribution import distance_named, solver_of
from smile_trace.attribution.correction.target import Target
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.inputs import read_prompt, read_trace, repeatable_call
from smile_trace.explaining.options import AnyModel, ExplainOptions, Question
from smile_trace.models import Model
from smile_trace.models.ledger import MemoryCache
from smile_trace.models.registry import as_model, settings_of
from smile_trace.records import JSON, Call, Explanation, ExplanationSettings, Prompted, Trace
from smile_trace.records.call import answer_limit, trace_id_of
from smile_trace.settings import ModelSettings, Settings

ANSWERS = MemoryCache()
"""This process's foreground answers; those of models with a table in the settings are also in the
store, where the workers' are."""

_open: dict[tuple[int, str, str], Model] = {}
"""Open models by process id (a forked child does not own its parent's servers), name, settings."""


def judge_settings(name: str, settings: Settings) -> ModelSettings:
    """Return the settings of a model that is to judge. Raises SmileTraceError if there is no such
    model, or it is a function of the application."""
    how = settings_of(name, settings)
    if how.calls_function:
        raise SmileTraceError(
            f"{name!r} is a function of the application, which cannot judge: name an endpoint or a "
            "local model"
        )
    return how


def named_model(name: str, settings: Settings, call: Call | None, app: str | None = None) -> Model:
    """The model called `name`; see `settings_of`. `call`: the captured call, whose function a model
    of kind "rerun" calls again; `app`: the module that the operator named for such a model. Raises
    NoModel if the settings have no such model; ModelUnavailable if an extra, a file, a key or the
    module is missing; NotTrusted if the settings' file names a host that is not allowed yet."""
    asked = settings_of(name, settings)
    settings.check_trust("models")
    if asked.calls_function:
        return asked.open(name, call=call, app=app)
    key = os.getpid(), name, asked.model_dump_json()
    if key not in _open:
        _open[key] = asked.open(name)
    return _open[key]


def open_any(
    model: AnyModel, settings: Settings, call: Call | None = None, app: str | None = None
) -> Model:
    """The named model, the Model itself, or the function as a Model. Errors are those of
    `named_model`, and TypeError for anything else."""
    if isinstance(model, str):
        return named_model(model, settings, call, app)
    return as_model(model)


@dataclass(frozen=True)
class Prepared:
    """A prompt, the model that is asked about it, and the options. `name` and `how` are the model's
    name and table in the settings, None for a Model or a function; `proxy_how` is its proxy's
    table, `judge` and `judge_how` the model that is its scorer. `trace` and `call_id` are those of
    the captured call, None for a prompt."""

    prompted: Prompted
    model: Model
    options: ExplainOptions
    how: ModelSettings | None
    proxy: Model | None = None
    proxy_how: ModelSettings | None = None
    judge: Model | None = None
    judge_how: ModelSettings | None = None
    name: str | None = None
    call_id: str | None = None
    trace: Trace | None = None

    @property
    def trace_id(self) -> str | None:
        """The trace of the captured call."""
        return None if self.call_id is None else trace_id_of(self.call_id)

    @property
    def settings(self) -> ExplanationSettings:
        """The record that is stored with the explanation, with the errors of
        `ExplainOptions.to_record`."""
        return self.options.to_record(
            self.model.name, None if self.proxy is None else self.proxy.name
        )

    def without_proxy(self) -> "Prepared":
        """The same, with every call to the model itself."""
        options = replace(self.options, proxy=None)
        return replace(self, options=options, proxy=None, proxy_how=None)


def stored_explanation(question: Question, conf: Settings) -> Explanation | None:
    """The explanation of a captured call that the store holds, if the question's options agree with
    it. Raises StoreError if the store cannot be opened."""
    if question.chosen is None:
        return None
    from smile_trace.store.stored import look_up  # takes a second to load, and a prompt needs none

    return look_up(str(question.trace_id), question.chosen, conf).explanation


def prepare(question: Question, conf: Settings) -> Prepared:
    """Read the prompt or the call and open its models, without asking anything yet. Raises
    SmileTraceError if it cannot be explained; the message says what to do. TypeError: neither or
    both of `prompt` and `trace_id`, or no `model`; ValueError if there is no such distance or
    solver."""
    options = question.options
    prompt, answer, parameters = question.prompt, question.answer, question.parameters
    if (prompt is None) == (question.trace_id is None):
        raise TypeError("explain() takes either a prompt or a trace_id")
    call = trace = None
    if prompt is not None:
        prompted = read_prompt(prompt, answer, dict(parameters or {}))
    else:
        trace_id, _, span_id = str(question.trace_id).partition(":")
        trace = read_trace(trace_id, conf)
        call = repeatable_call(trace, span_id)
        prompted = Prompted.of(call).model_copy(update=_given(answer, parameters))
    prepared = _prepared(prompted, call, conf, options, question.model, question.app)
    return replace(prepared, trace=trace)


def prepare_call(
    call: Call,
    conf: Settings,
    options: ExplainOptions,
    *,
    model: AnyModel | None = None,
    app: str | None = None,
) -> Prepared:
    """Like `prepare`, for a call that was read already."""
    return _prepared(Prompted.of(call), call, conf, options, model, app)


def _given(answer: str | None, parameters: Mapping[str, JSON] | None) -> dict[str, Any]:
    """The fields of a captured call that the caller replaces."""
    changes: dict[str, Any] = {}
    if parameters is not None:
        changes["parameters"] = dict(parameters)
    if answer is not None:
        changes |= {"answer": answer, "answer_limit": answer_limit(answer)}
    return changes


def _prepared(
    prompted: Prompted,
    call: Call | None,
    conf: Settings,
    options: ExplainOptions,
    model: AnyModel | None,
    app: str | None,
) -> Prepared:
    distance_named(options.distance)
    solver_of(options.solver)
    prompted = prompted.with_reasoning_apart()
    if options.smallest_effect is None:
        options = replace(options, smallest_effect=conf.explain.smallest_effect)
    asked = _asked(model, call)
    name = asked if isinstance(asked, str) else None
    proxy, opened = options.proxy, open_any(asked, conf, call, app)
    judge = options.scorer if isinstance(options.scorer, str) else None
    Target.of(options.to_record(opened.name))
    scored = opened.capabilities.scores_whole_answers and prompted.reasoning is None
    return Prepared(
        prompted=prompted,
        model=opened,
        options=options.for_prompt(prompted.messages, scored=scored),
        how=None if name is None else settings_of(name, conf),
        name=name,
        call_id=None if call is None else call.id,
        proxy=None if proxy is None else open_any(proxy, conf),
        proxy_how=settings_of(proxy, conf) if isinstance(proxy, str) else None,
        judge_how=None if judge is None else judge_settings(judge, conf),
        judge=None if judge is None else named_model(judge, conf, None),
    )


def _asked(model: AnyModel | None, call: Call | None) -> AnyModel:
    if model is not None:
        return model
    if call is None or call.model is None:
        raise TypeError("explain() needs a model: a name, a Model or a function")
    return call.model
