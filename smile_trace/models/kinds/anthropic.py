"""`kind = "anthropic"`: Anthropic's Messages API."""

import copy
import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from smile_trace.models.accounting.meter import Meter, Unmetered
from smile_trace.models.anthropic_api import wire
from smile_trace.models.base import Capabilities, Model, ModelUnavailable, Request
from smile_trace.models.items import Batch, Item
from smile_trace.models.kinds.endpoint import read_key
from smile_trace.records import JSON, Response
from smile_trace.settings import AnthropicSettings

if TYPE_CHECKING:
    from smile_trace.models.anthropic_api.transport import Transport


class AnthropicModel:
    """A model of Anthropic's. May be used from several event loops.

    Args:
        name: what people call the model (the captured name).
        settings: its address and how it is asked.

    Raises:
        ModelUnavailable: the client is not installed, or the key's variable is not set.
    """

    capabilities = Capabilities(remote=True, meters_attempts=True)

    def __init__(self, name: str, settings: AnthropicSettings) -> None:
        if importlib.util.find_spec("anthropic") is None:
            raise ModelUnavailable(
                "a model of Anthropic's needs Anthropic's client: "
                "pip install 'smile-trace[anthropic]'",
                permanent=True,
            )
        self.name = name
        self._settings = settings
        self._model = settings.model or name
        self._meter: Meter = Unmetered()
        self._transport = _transport(name, settings)

    def __repr__(self) -> str:
        return f"AnthropicModel({self._model!r} at {self._settings.base_url!r})"

    @property
    def identity(self) -> str:
        """Address, model, and what the settings add to every request."""
        return f"anthropic {self._settings.base_url} {self._model} {self._settings.max_tokens}"

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Whether the call was made at temperature 0."""
        return parameters.get("temperature") == 0

    def with_meter(self, meter: Meter) -> "AnthropicModel":
        """This model with the same connections, reserving its attempts with `meter`."""
        metered = copy.copy(self)
        metered._meter = meter
        return metered

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One answer per request, in their order; a refused request is a failure.

        Raises:
            ModelUnavailable: the service is down, or refuses the key or the model.
            NotRepeatable: the messages hold what this API has no form for.
            BudgetExceeded: a daily cap is reached.
        """
        items = [self._item(request) for request in requests]
        batches = [Batch((index,), (item,)) for index, item in enumerate(items)]
        return await self._transport.ask(batches, self._meter)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._transport.aclose()

    def _item(self, request: Request) -> Item:
        body = wire.body(request, max_tokens=self._settings.max_tokens)
        return Item(request, wire.PATH, {"model": self._model, **body})


def open_model(name: str, settings: AnthropicSettings, **_: object) -> Model:
    """The model of a table of `kind = "anthropic"`."""
    return AnthropicModel(name, settings)


def _transport(name: str, settings: AnthropicSettings) -> "Transport":
    from smile_trace.models.anthropic_api.transport import Transport  # needs the client

    return Transport(
        base_url=settings.base_url,
        model=settings.model or name,
        key=read_key(settings.api_key_env, name),
        concurrency=settings.concurrency,
        timeout_seconds=settings.timeout_seconds,
        max_reply_mb=settings.max_reply_mb,
        retries=settings.retries,
    )
