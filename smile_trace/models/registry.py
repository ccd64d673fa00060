"""From a captured model name to the Model that is asked."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.models.base import Model, ModelUnavailable
from smile_trace.records import Call
from smile_trace.settings import (
    EndpointSettings,
    LocalSettings,
    ModelSettings,
    RerunSettings,
    Settings,
)

if TYPE_CHECKING:
    from smile_trace.models.openai_api.embeddings import Embeddings


UNMAPPED = "no model for "
"""How the sentence about a model that the settings do not map begins."""


class NoModel(SmileTraceError):
    """The settings do not say how a model is asked."""

    code = ReasonCode.NO_MODEL


def settings_for(name: str, settings: Settings, *, known: Sequence[str] = ()) -> ModelSettings:
    """How the model captured as `name` is asked: its own table, else that of `"*"`.

    Args:
        name: the captured name.
        settings: the settings.
        known: names for the message to list. The worker gives none: it keeps the message as
            the reason of many calls, which has to stay the same when tables come and go.

    Raises:
        NoModel: neither is there; the message says what to write.
    """
    found = settings.models.get(name, settings.models.get("*"))
    if found is None:
        names = f" (there are: {', '.join(known)})" if known else ""
        raise NoModel(
            f"{UNMAPPED}{name!r}{names}: write in smile_trace.toml "
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
            from smile_trace.models.kinds.endpoint import Endpoint

            return Endpoint(name, settings)
        case LocalSettings():
            from smile_trace.models.kinds.local import LocalModel

            return LocalModel(name, settings)
        case RerunSettings():
            from smile_trace.models.kinds.rerun import Rerun

            if call is None:
                raise ModelUnavailable(
                    f'the model {name!r} is a function to be called again (kind = "rerun"): '
                    "that explains captured calls only, so give a trace id",
                    permanent=True,
                )
            return Rerun(call, app=app)


@lru_cache(maxsize=8)
def _embeddings(name: str, settings: EndpointSettings) -> "Embeddings":
    from smile_trace.models.openai_api.embeddings import Embeddings

    return Embeddings(name, settings)


def open_embeddings(settings: Settings) -> "Embeddings | None":
    """The word vectors that `explain.embeddings` names; None for the packaged ones.

    The same settings give the same object, which remembers the vectors that it was given.

    Raises:
        NoModel: the settings have no such model, or it is no endpoint.
        ModelUnavailable: its key is missing.
    """
    name = settings.explain.embeddings
    if name is None:
        return None
    found = settings_for(name, settings)
    if not isinstance(found, EndpointSettings):
        raise NoModel(f'explain.embeddings names {name!r}, which must be of kind = "endpoint"')
    return _embeddings(name, found)
