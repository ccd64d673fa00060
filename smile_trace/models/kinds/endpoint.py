"""`kind = "endpoint"`: any OpenAI-compatible server."""

import os
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Literal
from urllib.parse import urlsplit

from smile_trace._guards.presentable import presentable
from smile_trace.models import openai_wire
from smile_trace.models.base import Capabilities, Model, ModelUnavailable, Request
from smile_trace.models.retry import Failure
from smile_trace.models.scoring import (
    first_token_fields,
    prompt_logprobs_fields,
    read_first_token,
    read_prompt_logprobs,
)
from smile_trace.models.transport import Item, ServerModel, Transport, price
from smile_trace.records import JSON, Call, Form, Prompted, Response, Usage
from smile_trace.records.message import AS_ITEM, FIELD
from smile_trace.settings import ServerSettings

LIST_SIZE = 16
"""Prompts per list request: few enough that progress shows and a failed request loses little."""


class EndpointSettings(ServerSettings):
    """Any OpenAI-compatible server."""

    kind: Literal["endpoint"] = "endpoint"
    base_url: str
    """The address up to and including `/v1`."""
    list_requests: bool = False
    """Send several completion prompts in one request (llama.cpp, vLLM take that)."""
    temperature_zero_is_deterministic: bool = False
    """Trust this server to repeat itself at temperature 0."""
    prompt_logprobs: bool = False
    """The server scores a prompt's tokens (vLLM): the probability of the whole logged answer in
    one request, in place of its first token's."""

    @property
    def scores_whole_answers(self) -> bool:
        """True with `prompt_logprobs`."""
        return self.prompt_logprobs

    def open(self, name: str, *, app: str | None = None, call: Call | None = None) -> Model:
        """Return the server."""
        return Endpoint(name, self)

    def attempt_bound(self, name: str, prompted: Prompted) -> tuple[Usage, float | None]:
        """Return the tokens and price of the body that is sent."""
        bound = openai_wire.request_bound(prompted, form=self.form, max_tokens=self.max_tokens)
        return bound, price(bound, self.model or name, self.base_url)


TABLE = EndpointSettings


class OpenAITransport(Transport):
    """An OpenAI-compatible server; `base_url` is the address up to and including `/v1`."""

    @property
    def client(self) -> ModuleType:
        """Ours: OpenAI's package takes long to load."""
        from smile_trace.models import http_client

        return http_client

    def _connect(self, **common: Any) -> Any:
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return self.client.AsyncClient(headers={**key, **_account(self.base_url)}, **common)

    def _headers(self, body: Mapping[str, JSON]) -> Mapping[str, Any]:
        return {}

    def _bound(self, body: Mapping[str, JSON]) -> Usage:
        return openai_wire.token_bound(body)

    def _responses(self, reply: object, items: Sequence[Item]) -> list[Response]:
        return openai_wire.responses(reply, items)

    def _unavailable(self, failure: Failure, path: str) -> ModelUnavailable:
        if failure.status != 404 or path != openai_wire.PATHS["responses"]:
            return super()._unavailable(failure, path)
        return ModelUnavailable(
            f"{presentable(self.base_url)} has no Responses API, or not the model "
            f'{self.model!r} ({failure.reason}): set form = "chat" for it, to use chat '
            "completions, or correct its name",
            permanent=True,
        )


class Endpoint(ServerModel):
    """An OpenAI-compatible server, by its captured name."""

    server = OpenAITransport
    _settings: EndpointSettings

    def __init__(self, name: str, settings: EndpointSettings) -> None:
        super().__init__(name, settings)
        # OpenAI has renamed the limit, and refuses the old name for new models.
        self._at_openai = "openai" in (urlsplit(settings.base_url).hostname or "")

    @property
    def identity(self) -> str:
        """Address, model, and what the settings add to every request."""
        settings = self._settings
        whole = " prompt_logprobs" if settings.prompt_logprobs else ""
        asked = f"{self._model} {settings.form} {settings.max_tokens}{whole}"
        return f"endpoint {settings.base_url} {asked}"

    @property
    def capabilities(self) -> Capabilities:
        """The endpoint scores an answer's first token, or, with `prompt_logprobs`, all tokens. It
        is remote unless the settings trust the server to repeat itself at temperature 0."""
        return Capabilities(
            scores_answers=True,
            asks_responses=self._settings.form is None,
            first_token_only=not self._settings.prompt_logprobs,
            remote=not self._settings.temperature_zero_is_deterministic,
            meters_attempts=True,
            takes_reasoning=(FIELD,) if self._settings.form else (FIELD, *AS_ITEM),
        )

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return one answer per request; see `Model.generate`."""
        return await self._ask([self._item(request) for request in requests])

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """Return, per request, the log-probability that the answer begins as `answer` does (one
        token, see `read_first_token`); with `prompt_logprobs` those of all tokens of `answer`."""
        return await self._ask([self._item(request, answer) for request in requests])

    async def _ask(self, items: Sequence[Item]) -> list[Response]:
        size = LIST_SIZE if self._settings.list_requests else 1
        return await self._transport.ask(openai_wire.batches(items, size=size), self._meter)

    def _item(self, request: Request, answer: str | None = None) -> Item:
        form = self._settings.form or request.form
        if form == "responses" and answer is not None and self._settings.prompt_logprobs:
            form = "chat"  # in which servers score the tokens of a prompt
        limit = self._limit(form)
        sent = openai_wire.parameters(request, form=form, limit={limit: self._settings.max_tokens})
        asked = openai_wire.question(request.messages, form=form, made=request.form)
        body = {"model": self._model, **asked, **sent}
        if answer is None:
            return Item(request, openai_wire.PATHS[form], body)
        body = {name: value for name, value in body.items() if name not in openai_wire.LIMITS}
        if self._settings.prompt_logprobs:
            body |= {limit: 1, **prompt_logprobs_fields(request, answer, form)}
            read = read_prompt_logprobs(answer)
        else:
            body |= {limit: openai_wire.FEWEST[form], **first_token_fields(form)}
            read = read_first_token(answer)
        return Item(request, openai_wire.PATHS[form], body, answer, read)

    def _limit(self, form: Form) -> str:
        if form == "responses":
            return "max_output_tokens"
        return "max_completion_tokens" if form == "chat" and self._at_openai else "max_tokens"


_ACCOUNT = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
"""The variables by which OpenAI's client says whom a request is charged to, and their headers."""


def _account(base_url: str) -> dict[str, str]:
    if urlsplit(base_url).hostname != "api.openai.com":
        return {}
    return {header: os.environ[name] for name, header in _ACCOUNT.items() if os.environ.get(name)}
