"""One server: connections, retries, and the reservation of attempts."""

import asyncio
import json
import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from smile_trace._guards import foreign
from smile_trace._guards.addresses import is_loopback
from smile_trace._guards.bounded_http import HEADERS, MAX_REPLY_MB, ReplyRefused, bounded
from smile_trace._guards.foreign import ForeignDataError
from smile_trace._guards.presentable import hide, presentable
from smile_trace.errors import BudgetExceeded
from smile_trace.models.base import ModelUnavailable, ReasoningRefused, Request
from smile_trace.models.metered import Meter, Metered, ask_all
from smile_trace.models.retry import Failure, pause_before_retry, read_error
from smile_trace.records import JSON, Response, Usage
from smile_trace.records.formats.answers import refusal_text
from smile_trace.settings import ServerSettings

Read = Callable[[Response, dict[str, JSON]], Response]

_READ_FIRST = ("tools", "system", "instructions", "prompt", "messages", "input")
"""The fields of a body that make up its prompt, in the order in which servers join them."""
_IN_HEADERS = ("betas",)
"""What stands among a body's fields and is sent as a header, as clients take it."""


@dataclass(frozen=True)
class Item:
    """One request with its body and path. `read` turns the response into the score of `answer`."""

    request: Request
    path: str
    body: dict[str, JSON]
    answer: str | None = None
    read: Read | None = None

    @property
    def beginning(self) -> str:
        """A sort key that puts items with the same beginning next to each other."""
        return json.dumps([self.body.get(name) for name in _READ_FIRST])


@dataclass(frozen=True)
class Batch:
    """Items that share one HTTP request; `indices` are their places among all items."""

    indices: tuple[int, ...]
    items: tuple[Item, ...]

    @property
    def path(self) -> str:
        """The path of the HTTP request."""
        return self.items[0].path

    @property
    def body(self) -> dict[str, JSON]:
        """The body of the HTTP request; several items give a list of prompts."""
        body = self.items[0].body
        if len(self.items) == 1:
            return body
        return {**body, "prompt": [item.body["prompt"] for item in self.items]}


@dataclass(kw_only=True, eq=False, repr=False)
class Transport(ABC):
    """One server and the model asked there, by a client of the form of a provider's own.

    Automatic logging does not see its low-level form (`client.post`): our own calls leave no trace
    in the user's tracker. May be used from several event loops; each has its own connections and
    `concurrency`. An attempt has one deadline, replies are bounded, and redirects to another server
    are not followed.

    Args:
        base_url: the address that paths are relative to.
        key: None if none is sent. It is in no message and no representation.
        timeout_seconds: the deadline of one attempt.
        free: whether the server is our own and costs nothing.
    """

    base_url: str
    model: str
    key: str | None
    concurrency: int
    timeout_seconds: float
    retries: int
    max_reply_mb: float = MAX_REPLY_MB
    free: bool = False
    _loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Any, asyncio.Semaphore]] = (
        field(default_factory=weakref.WeakKeyDictionary, init=False)
    )

    @classmethod
    def of(cls, name: str, settings: ServerSettings) -> Self:
        """Return the server of the model `name` in the settings. Raises ModelUnavailable if its
        key's variable is not set."""
        return cls(
            base_url=settings.base_url,
            model=settings.model or name,
            key=read_key(settings.api_key_env, name),
            concurrency=settings.concurrency,
            timeout_seconds=settings.timeout_seconds,
            max_reply_mb=settings.max_reply_mb,
            retries=settings.retries,
        )

    @property
    @abstractmethod
    def client(self) -> ModuleType:
        """The client's package, or `http_client`, imported when a model is first asked."""

    @abstractmethod
    def _connect(self, **common: Any) -> Any:
        """Return a client of this package that tries nothing again; `common` is what every client
        takes (`base_url`, `timeout`, `http_client`)."""

    @abstractmethod
    def _headers(self, body: Mapping[str, JSON]) -> Mapping[str, Any]:
        """Return the headers of a request, beside the client's own."""

    @abstractmethod
    def _bound(self, body: Mapping[str, JSON]) -> Usage:
        """Return the most tokens that a request can use."""

    @abstractmethod
    def _responses(self, reply: object, items: Sequence[Item]) -> list[Response]:
        """Return the reply's answers in order; foreign data may make it raise anything."""

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here[0].close()

    async def post(self, path: str, body: Mapping[str, JSON]) -> object:
        """POST JSON once, uncounted; `path` is relative to `base_url`, or an address on the same
        server.

        Raises:
            APIError: the client's; no reply, or an HTTP error status.
            ReplyRefused: the reply is too large, packed, or a redirect; with some releases an
                APIError.
            TimeoutError: the reply was not complete at the deadline.
            ValueError: the reply is not JSON, or beyond the bounds of foreign data.
            UnicodeEncodeError: the body holds text that cannot be encoded (a lone surrogate).
        """
        client, _ = self._here()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                sent = {name: value for name, value in body.items() if name not in _IN_HEADERS}
                reply = await client.post(
                    path, body=sent, cast_to=object, options={"headers": self._headers(body)}
                )
        except RecursionError:
            raise ForeignDataError("nested too deeply") from None
        return foreign.clean(reply)

    async def reply(self, path: str, body: Mapping[str, JSON]) -> object:
        """Return what `post` does, or the Failure behind what it raises."""
        try:
            return await self.post(path, body)
        except (self.client.APIError, ReplyRefused, TimeoutError, ValueError) as error:
            return read_error(error, client=self.client, timeout=self.timeout_seconds)

    async def ask(self, batches: Sequence[Batch], meter: Meter) -> list[Response]:
        """Ask every batch, as many at once as `concurrency`; return answers by the items' indices.
        An item that an explanation's own cap forbids is a failure. Raises ModelUnavailable if
        nothing can be asked; BudgetExceeded if a daily cap is reached."""
        _, slots = self._here()
        asks = [partial(self._ask_in_slot, batch, meter) for batch in batches]
        answers: dict[int, Response] = {}
        for batch, got in zip(batches, await ask_all(asks, slots), strict=True):
            if isinstance(got, BudgetExceeded):
                got = [Response(failure=str(got))] * len(batch.items)
            answers.update(zip(batch.indices, got, strict=True))
        return [answers[index] for index in range(len(answers))]

    def _here(self) -> tuple[Any, asyncio.Semaphore]:
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            client = self._connect(
                base_url=self.base_url,
                timeout=self.timeout_seconds,
                http_client=self.client.DefaultAsyncHttpxClient(
                    headers=HEADERS,
                    event_hooks={"response": [bounded(self.max_reply_mb)]},
                ),
            )
            self._loops[loop] = client, asyncio.Semaphore(self.concurrency)
        return self._loops[loop]

    async def _ask_in_slot(self, batch: Batch, meter: Meter) -> list[Response]:
        async with meter.slot():
            return await self._ask(batch, meter)

    async def _ask(self, batch: Batch, meter: Meter) -> list[Response]:
        bound = self._bound(batch.body)
        retry = 0
        while True:
            attempt = await meter.reserve(
                [item.request for item in batch.items],
                answer=batch.items[0].answer,
                bound=bound,
                usd=self.price(bound),
            )
            result = await self._attempt(batch)
            if not isinstance(result, Failure):
                await meter.settle(attempt, result)
                return result
            if result.releases:
                await meter.release(attempt, sent=result.fate == "rejected")
            else:
                unknown = result.fate == "unknown"
                await meter.settle(attempt, None if unknown else _failed(batch, result))
            pause = pause_before_retry(result, retry, self.retries)
            if pause is None:
                return await self._give_up(batch, result, meter)
            await asyncio.sleep(pause)
            retry += 1

    async def _give_up(self, batch: Batch, failure: Failure, meter: Meter) -> list[Response]:
        if failure.unavailable is not None:
            raise self._unavailable(failure, batch.path)
        if failure.fate == "rejected" and len(batch.items) > 1:
            # One item that is rejected must not cost the others their answers.
            singles = [await self._ask(Batch((0,), (item,)), meter) for item in batch.items]
            return [response for [response] in singles]
        return _failed(batch, failure)

    async def _attempt(self, batch: Batch) -> list[Response] | Failure:
        reply = await self.reply(batch.path, batch.body)
        if isinstance(reply, Failure):
            alone = len(batch.items) == 1 and batch.items[0].answer is None
            return [self._refusal(batch)] if reply.filtered and alone else reply
        return [
            self._priced(response) for response in read_reply(self._responses, reply, batch.items)
        ]

    def _refusal(self, batch: Batch) -> Response:
        """Return the answer to a prompt that a content filter kept from the model. The service
        charges for reading it (Azure) without counting it: the bound is what is known."""
        read = Usage(input_tokens=self._bound(batch.body).input_tokens, output_tokens=0)
        response = Response(text=refusal_text(""), finish_reason="content_filter", usage=read)
        return self._priced(response)

    def _unavailable(self, failure: Failure, path: str) -> ModelUnavailable:
        where = presentable(self.base_url)
        match failure.unavailable:
            case "reasoning":
                return ReasoningRefused(failure.reason)
            case "refused":
                said = (
                    f"{where} refuses the model {self.model!r} ({failure.reason}): "
                    "correct its settings or its key"
                )
            case "busy":
                said = f"{where} is too busy ({failure.reason}): try again later"
            case _:
                said = (
                    f"{where} does not answer: start the server, or correct the base_url "
                    f"of the model {self.model!r}"
                )
        return ModelUnavailable(said, permanent=failure.unavailable == "refused")

    def price(self, usage: Usage) -> float | None:
        """Return the price of `usage` in US dollars; None if unknown."""
        return 0.0 if self.free else price(usage, self.model, self.base_url)

    def _priced(self, response: Response) -> Response:
        if response.usage is None and not self.free:
            return response
        return response.model_copy(update={"usd": self.price(response.usage or Usage())})


class ServerModel(Metered):
    """A model of a server, by its captured name. May be used from several event loops. Raises
    ModelUnavailable if the settings name a key's variable that is not set."""

    server: ClassVar[type[Transport]]

    def __init__(self, name: str, settings: ServerSettings) -> None:
        self.name = name
        self._settings = settings
        self._transport = self.server.of(name, settings)
        self._model = self._transport.model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._model!r} at {self._settings.base_url!r})"

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Whether the call was made at temperature 0."""
        return parameters.get("temperature") == 0

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._transport.aclose()


def read_reply(
    read: Callable[[object, Sequence[Item]], list[Response]], reply: object, items: Sequence[Item]
) -> list[Response]:
    """Return the responses that `read` finds in a reply; a malformed reply is a failure."""
    try:
        return read(reply, items)
    except Exception as error:  # noqa: BLE001 - a reply is foreign data
        said = presentable(f"{type(error).__name__}: {error}", longest=200)
        return [Response(failure=f"the server's reply cannot be read ({said})")] * len(items)


def _failed(batch: Batch, failure: Failure) -> list[Response]:
    """Return the failed responses of a batch; a rejected batch cost nothing."""
    if failure.fate == "rejected":
        nothing = Usage(input_tokens=0, output_tokens=0)
        response = Response(failure=failure.reason, usage=nothing, usd=0.0)
    else:
        response = Response(failure=failure.reason)
    return [response] * len(batch.items)


def read_key(variable: str | None, name: str) -> str | None:
    """Return the API key of the model `name` from the environment variable in its settings. Raises
    ModelUnavailable if the variable is not set."""
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


def price(usage: Usage, model: str, base_url: str) -> float | None:
    """Return the price of `usage` in US dollars at the provider behind `base_url`; None if unknown,
    as on this machine. The prices are those of the installed genai-prices; no network is used."""
    if is_loopback(urlsplit(base_url).hostname or ""):
        return None
    import genai_prices  # the settings are read without it, and a local model needs none

    counted = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    try:
        priced = genai_prices.calc_price(counted, model, provider_api_url=base_url)
    except LookupError:
        return None
    return float(priced.total_price)
