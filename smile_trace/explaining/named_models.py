"""Models by name for the foreground; one that is served by us stays up for the next call."""

import os

from smile_trace.models import Model
from smile_trace.models.registry import open_model, settings_for
from smile_trace.records import Call
from smile_trace.settings import LocalSettings, ModelSettings, RerunSettings, Settings

DEMO = "demo"
_DEMO_SETTINGS = LocalSettings(kind="local", max_tokens=16)

_open: dict[tuple[int, str, str], Model] = {}
"""By process id (a forked child does not own its parent's servers), name and settings."""


def settings_of(name: str, settings: Settings) -> ModelSettings:
    """How the model called `name` is asked; `"demo"` is the packaged one without any settings.

    Raises:
        NoModel: the settings have no such model.
    """
    if name == DEMO and DEMO not in settings.models:
        return _DEMO_SETTINGS
    return settings_for(name, settings, known=list(dict.fromkeys([*settings.models, DEMO])))


def named_model(name: str, settings: Settings, call: Call | None, app: str | None = None) -> Model:
    """The model called `name`, see `settings_of`.

    Args:
        name: its name in the settings.
        settings: the settings.
        call: the captured call, which a model of kind "rerun" calls again.
        app: the module that the operator named for such a model.

    Raises:
        NoModel: the settings have no such model.
        ModelUnavailable: an extra, a file, a key or the module is missing.
    """
    asked = settings_of(name, settings)
    if isinstance(asked, RerunSettings):
        return open_model(name, asked, call=call, app=app)
    key = os.getpid(), name, asked.model_dump_json()
    if key not in _open:
        _open[key] = open_model(name, asked)
    return _open[key]
