"""From a captured model name to the Model that is asked."""

from smile_trace.errors import SmileTraceError
from smile_trace.models.base import Model, ModelUnavailable
from smile_trace.records import Call
from smile_trace.settings import (
    EndpointSettings,
    LocalSettings,
    ModelSettings,
    RerunSettings,
    Settings,
)


class NoModel(SmileTraceError):
    """The settings do not say how a model is asked."""


def settings_for(name: str, settings: Settings) -> ModelSettings:
    """How the model captured as `name` is asked: its own table, else that of `"*"`.

    Raises:
        NoModel: neither is there; the message says what to write.
    """
    found = settings.models.get(name, settings.models.get("*"))
    if found is None:
        raise NoModel(
            f"no model for {name!r}: write in smile_trace.toml "
            f'[models."{name}"] with kind = "endpoint" and base_url = "https://…/v1", '
            'or kind = "local", or kind = "rerun"'
        )
    return found


def open_model(
    name: str, settings: ModelSettings, *, app: str | None = None, call: Call | None = None
) -> Model:
    """The model of these settings. Nothing is started or asked yet.

    Args:
        name: what people call it (the captured name).
        settings: how it is asked.
        app: the module that the operator named, for `kind = "rerun"`.
        call: the captured call, for `kind = "rerun"`, which calls its function again.

    Raises:
        ModelUnavailable: an extra, a file, a key or the module is missing.
    """
    match settings:
        case EndpointSettings():
            from smile_trace.models.endpoint import Endpoint

            return Endpoint(name, settings)
        case LocalSettings():
            from smile_trace.models.local import LocalModel

            return LocalModel(name, settings)
        case RerunSettings():
            from smile_trace.models.rerun import Rerun

            if call is None:
                raise ModelUnavailable(
                    f'the model {name!r} is a function to be called again (kind = "rerun"): '
                    "that explains captured calls only, so give a trace id",
                    permanent=True,
                )
            return Rerun(call, app=app)
