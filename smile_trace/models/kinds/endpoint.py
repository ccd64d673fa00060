"""`kind = "endpoint"`: any OpenAI-compatible server."""

import copy
import os
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from smile_trace._guards.presentable import hide
from smile_trace.models.accounting.meter import Meter, Unmetered
from smile_trace.models.base import Capabilities, Model, ModelUnavailable, Request
from smile_trace.models.items import Item
from smile_trace.models.openai_api import wire
from smile_trace.models.openai_api.transport import Transport
from smile_trace.models.scoring import first_token, prompt_logprobs
from smile_trace.records import JSON, Form, Response
from smile_trace.settings import EndpointSettings

LIST_SIZE = 16
"""Prompts per list request: few enough that progress shows and a failed request loses little."""


class Endpoint:
    """An OpenAI-compatible server. May be used from several event loops.

    Args:
        name: what people call the model (the captured name).
        settings: its address and how it is asked.

    Raises:
        ModelUnavailable: the settings name a key's variable that is not set.
    """

    def __init__(self, name: str, settings: EndpointSettings) -> None:
        self.name = name
        self._settings = settings
        self._model = settings.model or name
        # OpenAI has renamed the limit, and refuses the old name for new models.
        self._at_openai = "openai" in (urlsplit(settings.base_url).hostname or "")
        self._meter: Meter = Unmetered()
        self._transport = Transport(
            base_url=settings.base_url,
            model=self._model,
            key=read_key(settings.api_key_env, name),
            concurrency=settings.concurrency,
            timeout_seconds=settings.timeout_seconds,
            max_reply_mb=settings.max_reply_mb,
            retries=settings.retries,
        )

    def __repr__(self) -> str:
        return f"Endpoint({self._model!r} at {self._settings.base_url!r})"

    @property
    def identity(self) -> str:
        """Address, model, and what the settings add to every request."""
        settings = self._settings
        whole = " prompt_logprobs" if settings.prompt_logprobs else ""
        asked = f"{self._model} {settings.form} {settings.max_tokens}{whole}"
        return f"endpoint {settings.base_url} {asked}"

    @property
    def capabilities(self) -> Capabilities:
        """It scores the first token of an answer, or, with `prompt_logprobs`, all of them. It is
        remote unless the settings trust the server to repeat itself at temperature 0."""
        return Capabilities(
            scores_answers=True,
            asks_responses=self._settings.form is None,
            first_token_only=not self._settings.prompt_logprobs,
            remote=not self._settings.temperature_zero_is_deterministic,
            meters_attempts=True,
        )

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Whether the call was made at temperature 0."""
        return parameters.get("temperature") == 0

    def with_meter(self, meter: Meter) -> "Endpoint":
        """This endpoint with the same connections, reserving its attempts with `meter`."""
        metered = copy.copy(self)
        metered._meter = meter
        return metered

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One answer per request, in their order; a refused request is a failure.

        Raises:
            ModelUnavailable: the server is down, or refuses the key or the model.
            BudgetExceeded: a daily cap is reached.
        """
        return await self._ask([self._item(request) for request in requests])

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """Per request the log-probability that the answer begins as `answer` does (one token, see
        `first_token.read`); with `prompt_logprobs` those of all tokens of `answer`.

        Raises:
            ModelUnavailable: the server is down, or refuses the key or the model.
            BudgetExceeded: a daily cap is reached.
        """
        return await self._ask([self._item(request, answer) for request in requests])

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._transport.aclose()

    async def _ask(self, items: Sequence[Item]) -> list[Response]:
        size = LIST_SIZE if self._settings.list_requests else 1
        return await self._transport.ask(wire.batches(items, size=size), self._meter)

    def _item(self, request: Request, answer: str | None = None) -> Item:
        form = self._settings.form or request.form
        if form == "responses" and answer is not None and self._settings.prompt_logprobs:
            form = "chat"  # in which servers score the tokens of a prompt
        limit = self._limit(form)
        sent = wire.parameters(request, form=form, limit={limit: self._settings.max_tokens})
        asked = wire.question(request.messages, form=form, made=request.form)
        body = {"model": self._model, **asked, **sent}
        if answer is None:
            return Item(request, wire.PATHS[form], body)
        body = {name: value for name, value in body.items() if name not in wire.LIMITS}
        if self._settings.prompt_logprobs:
            body |= {limit: 1, **prompt_logprobs.extra(request, answer, form)}
            return Item(request, wire.PATHS[form], body, answer, prompt_logprobs.read(answer))
        body |= {limit: wire.FEWEST[form], **first_token.extra(form)}
        return Item(request, wire.PATHS[form], body, answer, first_token.read(answer))

    def _limit(self, form: Form) -> str:
        if form == "responses":
            return "max_output_tokens"
        return "max_completion_tokens" if form == "chat" and self._at_openai else "max_tokens"


def open_model(name: str, settings: EndpointSettings, **_: object) -> Model:
    """The model of a table of `kind = "endpoint"`."""
    return Endpoint(name, settings)


def read_key(variable: str | None, name: str) -> str | None:
    """The API key of the model `name`, from the environment variable that its settings give.

    Raises:
        ModelUnavailable: the variable is not set.
    """
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise ModelUnavailable(
            f"the key of the model {name!r} is missing: set the environment variable {variable}",
            permanent=True,
            model=name,
        )
    hide(key)
    return key
