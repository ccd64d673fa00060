"""The way from a captured model name to its settings, and from those to a Model."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.models.base import Model, ModelUnavailable
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.models.kinds.local import LocalSettings
from smile_trace.settings import PACKAGED_NAMES, ModelSettings, Settings, table_of
from smile_trace.trust.model_kinds import installed_kinds

if TYPE_CHECKING:
    from smile_trace.models.embeddings import Embeddings


class NoModel(SmileTraceError):
    """The settings have no table for a model."""

    code = ReasonCode.NO_MODEL


def settings_for(name: str, settings: Settings, *, known: Sequence[str] = ()) -> ModelSettings:
    """Return the settings of the model captured as `name`; see `settings.table_of`. `known`: names
    for the message. The worker passes none: it stores the message as the reason of many calls,
    which must not change with other tables. Raises NoModel if the settings have no table for it;
    the message says what to write."""
    found = table_of(settings.models, name)
    if found is None:
        names = f" (there are: {', '.join(known)})" if known else ""
        endpoint, *others = installed_kinds()
        said = [f'kind = "{endpoint}" and base_url = "https://…/v1"']
        said += [f'or kind = "{kind}"' for kind in others]
        missing = (
            "the call names no model: instrument its client, or"
            if name == "*"
            else f"no model for {name!r}{names}:"
        )
        raise NoModel(
            f'{missing} write in smile_trace.toml [models."{name}"] with {", ".join(said)}'
        )
    return found


PACKAGED_MODELS = {
    name: LocalSettings(kind="local", packaged=name, max_tokens=12) for name in PACKAGED_NAMES
}
"""The models that need no settings: `demo` and `demo-completion`."""


def settings_of(name: str, settings: Settings) -> ModelSettings:
    """The settings of the model called `name`; packaged ones need none. Raises NoModel without
    any."""
    if name in PACKAGED_MODELS and name not in settings.models:
        return PACKAGED_MODELS[name]
    known = list(dict.fromkeys([*settings.models, *PACKAGED_MODELS]))
    return settings_for(name, settings, known=known)


@contextmanager
def proxy_of_model(proxy: str, model: str) -> Iterator[None]:
    """Make a ModelUnavailable inside name both the proxy and the model whose calls wait for it."""
    try:
        yield
    except ModelUnavailable as error:
        why = f"the proxy {proxy!r} of the model {model!r}: {error}"
        raise ModelUnavailable(why, permanent=error.permanent) from error


def as_model(given: Model | Callable[[str], Any]) -> Model:
    """Return the Model itself, or a function from prompt to answer as a Model. Raises TypeError if
    it is neither, or a Model that declares no capabilities."""
    if hasattr(given, "generate"):
        if not hasattr(given, "capabilities"):
            raise TypeError(
                f"{type(given).__name__} declares no capabilities: give it the attribute "
                "capabilities = smile_trace.models.Capabilities(…)"
            )
        return cast("Model", given)
    if callable(given):
        from smile_trace.models.callable import CallableModel

        return CallableModel(given)
    raise TypeError(f"a model is a name, a Model or a function, not {type(given).__name__}")


@lru_cache(maxsize=8)
def _embeddings(name: str, settings: EndpointSettings) -> "Embeddings":
    from smile_trace.models.embeddings import Embeddings

    return Embeddings(name, settings)


def open_embeddings(settings: Settings) -> "Embeddings | None":
    """Return the embeddings model that `explain.embeddings` names; None for the packaged word
    vectors. The same settings give the same object, which caches its vectors. Raises NoModel if the
    settings have no such model, or it is not an endpoint; ModelUnavailable if its key is missing;
    NotTrusted if the settings' file names a host that is not allowed yet."""
    name = settings.explain.embeddings
    if name is None:
        return None
    found = settings_for(name, settings)
    settings.check_trust("models")
    if not isinstance(found, EndpointSettings):
        raise NoModel(f'explain.embeddings names {name!r}, which must be of kind = "endpoint"')
    return _embeddings(name, found)
