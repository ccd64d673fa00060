"""Models as a person names them: by a name of the settings, as a Model, or as a function."""

import os
from collections.abc import Callable
from typing import Any

from smile_trace.models import Model
from smile_trace.models.kinds.local import LocalSettings
from smile_trace.models.ledger import MemoryCache
from smile_trace.models.registry import as_model, settings_for
from smile_trace.records import Call
from smile_trace.settings import PACKAGED_NAMES, ModelSettings, Settings

AnyModel = str | Model | Callable[[str], Any]

ANSWERS = MemoryCache()
"""Answers of this process in the foreground; the worker's are in the store."""

PACKAGED_MODELS = {
    name: LocalSettings(kind="local", packaged=name, max_tokens=12) for name in PACKAGED_NAMES
}
"""The models that need no settings: `demo` and `demo-completion`."""

_open: dict[tuple[int, str, str], Model] = {}
"""Open models, kept for the next call, by process id (a forked child does not own its parent's
servers), name and settings."""


def settings_of(name: str, settings: Settings) -> ModelSettings:
    """The settings of the model called `name`; the packaged ones need no settings.

    Raises:
        NoModel: the settings have no such model.
    """
    if name in PACKAGED_MODELS and name not in settings.models:
        return PACKAGED_MODELS[name]
    known = list(dict.fromkeys([*settings.models, *PACKAGED_MODELS]))
    return settings_for(name, settings, known=known)


def named_model(name: str, settings: Settings, call: Call | None, app: str | None = None) -> Model:
    """The model called `name`, see `settings_of`.

    Args:
        name: its name in the settings.
        settings: the settings.
        call: the captured call, whose function a model of kind "rerun" calls again.
        app: the module that the operator named for such a model.

    Raises:
        NoModel: the settings have no such model.
        ModelUnavailable: an extra, a file, a key or the module is missing.
        NotTrusted: the settings' file names a host that is not allowed yet.
    """
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
    """The model of that name in the settings, the Model itself, or the function as a Model.

    Args:
        model: who is asked.
        settings: the settings.
        call: as for `named_model`.
        app: as for `named_model`.

    Raises:
        NoModel: the settings have no model of that name.
        ModelUnavailable: an extra, a file, a key or the module is missing.
        TypeError: it is none of these.
    """
    if isinstance(model, str):
        return named_model(model, settings, call, app)
    return as_model(model)
