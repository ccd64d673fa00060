"""Any OpenAI-compatible server."""

import copy
import os
from collections.abc import Mapping, Sequence

from smile_trace.models import wire
from smile_trace.models.attempts import Attempts, Unmetered
from smile_trace.models.base import ModelUnavailable, Request
from smile_trace.models.transport import Transport
from smile_trace.models.wire import Item
from smile_trace.records import JSON, Response
from smile_trace.settings import EndpointSettings

LIST_SIZE = 16
"""Prompts per list request: small enough that progress shows and little is lost with one."""


class Endpoint:
    """An OpenAI-compatible server. May be used from several event loops.

    Args:
        name: what people call the model (the captured name).
        settings: where it is and how it is asked.

    Raises:
        ModelUnavailable: the settings name a key's variable that is not set.
    """

    first_token_only = True
    """`score` knows the answer's first token only."""

    def __init__(self, name: str, settings: EndpointSettings) -> None:
        self.name = name
        self._settings = settings
        self._model = settings.model or name
        self._attempts: Attempts = Unmetered()
        self._transport = Transport(
            base_url=settings.base_url,
            model=self._model,
            key=_key(settings.api_key_env, name),
            concurrency=settings.concurrency,
            timeout_seconds=settings.timeout_seconds,
            retries=settings.retries,
        )

    def __repr__(self) -> str:
        return f"Endpoint({self._model!r} at {self._settings.base_url!r})"

    @property
    def identity(self) -> str:
        """Address, model and what the settings add to every request."""
        settings = self._settings
        return f"endpoint {settings.base_url} {self._model} {settings.form} {settings.max_tokens}"

    @property
    def remote(self) -> bool:
        """True, unless the settings trust the server to repeat itself at temperature 0."""
        return not self._settings.temperature_zero_is_deterministic

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Whether the call was made at temperature 0."""
        return parameters.get("temperature") == 0

    def with_attempts(self, attempts: Attempts) -> "Endpoint":
        """This endpoint, with the same connections, telling `attempts` what it sends."""
        told = copy.copy(self)
        told._attempts = attempts
        return told

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One answer per request, in their order; a refused request is a failure.

        Raises:
            ModelUnavailable: the server is gone, or refuses the key or the model.
            BudgetExceeded: a daily cap is reached.
        """
        items = [self._item(request) for request in requests]
        size = LIST_SIZE if self._settings.list_requests else 1
        return await self._transport.ask(wire.batches(items, size=size), self._attempts)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._transport.aclose()

    def _item(self, request: Request) -> Item:
        form = self._settings.form or request.form
        sent = wire.parameters(request, form=form, max_tokens=self._settings.max_tokens)
        body = {"model": self._model, **wire.question(request.messages, form=form), **sent}
        return Item(request, wire.PATHS[form], body)


def _key(variable: str | None, name: str) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise ModelUnavailable(
            f"the key of the model {name!r} is missing: set the environment variable {variable}",
            permanent=True,
        )
    return key
