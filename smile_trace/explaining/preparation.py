"""What a person hands to `explain()`, read and checked before anything is asked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from smile_trace.attribution.segmentation.units import AnyUnit, named
from smile_trace.explaining.inputs import AnyPrompt, read_call, read_prompt
from smile_trace.explaining.named_models import AnyModel, named_model, open_any, settings_of
from smile_trace.explaining.proxies import beside_proxy
from smile_trace.models import Model
from smile_trace.records import JSON, Call, ExplanationSettings, Prompted
from smile_trace.settings import ModelSettings, Settings

SMALLEST_BUDGET = 4


@dataclass(frozen=True)
class Prepared:
    """A prompt, who is asked about it, and how.

    `how` is the model's table in the settings, None where a Model or a function was given;
    `proxy_how` is that of its proxy.
    """

    prompted: Prompted
    model: Model
    settings: ExplanationSettings
    unit: AnyUnit
    protect: tuple[str | re.Pattern[str], ...]
    how: ModelSettings | None
    proxy: Model | None = None
    proxy_how: ModelSettings | None = None


def prepare(
    prompt: AnyPrompt | None,
    conf: Settings,
    *,
    model: AnyModel | None,
    trace_id: str | None,
    answer: str | None,
    parameters: Mapping[str, JSON] | None,
    unit: AnyUnit,
    protect: Sequence[str | re.Pattern[str]],
    app: str | None,
    proxy: AnyModel | None = None,
    **settings: Any,
) -> Prepared:
    """Read what is explained and open its model, which asks nothing yet.

    Args are those of `explain`; `settings` are the fields of ExplanationSettings.

    Raises:
        SmileTraceError: it cannot be explained; the message says what to do.
        TypeError: neither or both of `prompt` and `trace_id`, or no `model`.
        ValueError: the prompt is empty, a message has no role and content, the budget is too
            small, or there is no such unit.
    """
    if (prompt is None) == (trace_id is None):
        raise TypeError("explain() takes either a prompt or a trace_id")
    if settings["budget"] < SMALLEST_BUDGET:
        budget = settings["budget"]
        raise ValueError(f"budget must be at least {SMALLEST_BUDGET} calls, not {budget}")
    call = None if trace_id is None else read_call(trace_id, conf)
    if call is None:
        prompted = read_prompt(cast(AnyPrompt, prompt), answer, dict(parameters or {}))
    else:
        own = Prompted.of(call)
        given = {"answer": answer, "parameters": None if parameters is None else dict(parameters)}
        changes = {name: value for name, value in given.items() if value is not None}
        prompted = own.model_copy(update=changes)
    opened, how = _model(model, call, conf, app)
    stands_in = None if proxy is None else open_any(proxy, conf)
    if stands_in is not None:
        settings |= {"proxy": stands_in.name, "budget": beside_proxy(settings["budget"])}
    return Prepared(
        prompted=prompted,
        model=opened,
        settings=ExplanationSettings(
            model=opened.name,
            unit=named(unit),
            protect=tuple(f if isinstance(f, str) else f"/{f.pattern}/" for f in protect),
            **settings,
        ),
        unit=unit,
        protect=tuple(protect),
        how=how,
        proxy=stands_in,
        proxy_how=settings_of(proxy, conf) if isinstance(proxy, str) else None,
    )


def _model(
    model: AnyModel | None, call: Call | None, settings: Settings, app: str | None
) -> tuple[Model, ModelSettings | None]:
    if model is None:
        if call is None or call.model is None:
            raise TypeError("explain() needs a model: a name, a Model or a function")
        model = call.model
    if isinstance(model, str):
        return named_model(model, settings, call, app), settings_of(model, settings)
    return open_any(model, settings), None
