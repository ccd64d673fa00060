"""Models by name for the foreground; one that is served by us stays up for the next call."""

import os

from smile_trace.models import Model
from smile_trace.models.registry import open_model, settings_for
from smile_trace.records import Call
from smile_trace.settings import LocalSettings, RerunSettings, Settings

DEMO = "demo"
_DEMO_SETTINGS = LocalSettings(kind="local", max_tokens=16)

_open: dict[tuple[int, str, str], Model] = {}
"""By process id (a forked child does not own its parent's servers), name and settings."""


def named_model(name: str, settings: Settings, call: Call | None) -> Model:
    """The model called `name` in the settings; `"demo"` is the packaged one without any.

    Raises:
        NoModel: the settings have no such model.
        ModelUnavailable: an extra, a file, a key or the module is missing.
    """
    demo = name == DEMO and DEMO not in settings.models
    asked = _DEMO_SETTINGS if demo else settings_for(name, settings)
    if isinstance(asked, RerunSettings):
        return open_model(name, asked, call=call)
    key = os.getpid(), name, asked.model_dump_json()
    if key not in _open:
        _open[key] = open_model(name, asked)
    return _open[key]
