"""Who is asked again: a model of the settings, a Model, or a function."""

from collections.abc import Callable
from typing import Any, cast

from smile_trace.explaining.named_models import named_model
from smile_trace.models import Model
from smile_trace.models.kinds.callable import CallableModel
from smile_trace.settings import Settings

AnyModel = str | Model | Callable[[str], Any]


def open_any(model: AnyModel, settings: Settings) -> Model:
    """The model of that name in the settings, the Model itself, or a function as one.

    Raises:
        NoModel: the settings have no model of that name.
        ModelUnavailable: an extra, a file, a key or the module is missing.
    """
    if isinstance(model, str):
        return named_model(model, settings, None)
    if hasattr(model, "generate"):
        return cast(Model, model)
    return CallableModel(model)
