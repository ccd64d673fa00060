"""The way to an OpenAI-compatible server: connections, retries, and the count of attempts."""

import asyncio
import random
import weakref
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import openai
from openai._types import Omit, RequestOptions

from smile_trace.models import wire
from smile_trace.models.attempts import Attempts, ask_all
from smile_trace.models.base import ModelUnavailable
from smile_trace.models.ledger import BudgetExceeded
from smile_trace.models.prices import price
from smile_trace.models.wire import Batch
from smile_trace.records import JSON, Response, Usage

_FIRST_WAIT, _LONGEST_WAIT, _LONGEST_RETRY_AFTER = 0.5, 20.0, 120.0


class Transport:
    """One server and the model asked there, in the openai client's low-level form.

    That form (`client.post`) is the one that automatic logging does not see: our own calls
    leave no trace in the user's tracker. May be used from several event loops; each has its
    own connections and its own `concurrency`.

    Args:
        base_url: the address up to and including `/v1`.
        model: the model's name there.
        key: the key, or None where none is sent. It is in no message and no representation.
        free: whether the server is our own and costs nothing.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        key: str | None,
        concurrency: int,
        timeout_seconds: float,
        retries: int,
        free: bool = False,
    ) -> None:
        self.base_url = base_url
        self._model = model
        self._key = key
        self._concurrency = concurrency
        self._timeout = timeout_seconds
        self._retries = retries
        self._free = free
        self._options: RequestOptions = {} if key else {"headers": {"Authorization": Omit()}}
        self._loops: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[openai.AsyncOpenAI, asyncio.Semaphore]
        ] = weakref.WeakKeyDictionary()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here[0].close()

    async def post(self, path: str, body: Mapping[str, JSON]) -> object:
        """One POST of JSON, without retries and uncounted; gives the decoded reply.

        Args:
            path: relative to `base_url`, or a whole address on the same server.

        Raises:
            openai.APIError: no reply, or an HTTP error status.
            UnicodeError: the body holds text that cannot be encoded (a lone surrogate).
        """
        client, _ = self._here()
        return await client.post(path, body=dict(body), cast_to=object, options=self._options)

    async def ask(self, batches: Sequence[Batch], attempts: Attempts) -> list[Response]:
        """Ask every batch, as many at once as `concurrency`; answers by the items' indices.

        An item that an explanation's own cap forbids is a failure.

        Raises:
            ModelUnavailable: nothing can be asked.
            BudgetExceeded: a daily cap is reached.
        """
        _, slots = self._here()
        asks = [partial(self._ask, batch, attempts) for batch in batches]
        answers: dict[int, Response] = {}
        for batch, got in zip(batches, await ask_all(asks, slots), strict=True):
            if isinstance(got, BudgetExceeded):
                got = [Response(failure=str(got)) for _ in batch.items]
            answers.update(zip(batch.indices, got, strict=True))
        return [answers[index] for index in range(len(answers))]

    def _here(self) -> tuple[openai.AsyncOpenAI, asyncio.Semaphore]:
        """Client and slots of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            client = openai.AsyncOpenAI(
                api_key=self._key or "none",
                base_url=self.base_url,
                timeout=self._timeout,
                max_retries=0,
            )
            self._loops[loop] = client, asyncio.Semaphore(self._concurrency)
        return self._loops[loop]

    async def _ask(self, batch: Batch, attempts: Attempts) -> list[Response]:
        """One batch, asked again where that can help; every attempt is told."""
        most = wire.most_tokens(batch.body)
        for retry in range(self._retries + 1):
            last = retry == self._retries
            attempt = await attempts.before(
                [item.request for item in batch.items],
                answer=batch.items[0].answer,
                most=most,
                usd=self._price(most),
            )
            try:
                reply = await self.post(batch.path, batch.body)
                got = self._priced(_read(reply, batch))
            except UnicodeError:
                failure = "the prompt is not valid Unicode text and cannot be sent"
                got = [Response(failure=failure) for _ in batch.items]
                await attempts.after(attempt, got)
                return got if len(batch.items) == 1 else await self._alone(batch, attempts)
            except openai.APIConnectionError as error:
                await attempts.after(attempt, None)  # the server may have worked on it
                if not last:
                    await asyncio.sleep(_backoff(retry))
                    continue
                return self._silent(batch, error)
            except openai.APIStatusError as error:
                refusal = _Refusal(error, self._key)
                got = [Response(failure=refusal.reason) for _ in batch.items]
                await attempts.after(attempt, got)
                if refusal.retry and not last:
                    await asyncio.sleep(refusal.wait or _backoff(retry))
                    continue
                self._give_up(refusal, error)
                return got if len(batch.items) == 1 else await self._alone(batch, attempts)
            await attempts.after(attempt, got)
            return got
        raise AssertionError("the loop returns or raises")

    async def _alone(self, batch: Batch, attempts: Attempts) -> list[Response]:
        """Every item by itself: one that is refused must not cost the others their answers."""
        alone = [await self._ask(single, attempts) for single in batch.split()]
        return [response for responses in alone for response in responses]

    def _silent(self, batch: Batch, error: openai.APIConnectionError) -> list[Response]:
        if isinstance(error, openai.APITimeoutError):
            failure = f"no answer within {self._timeout:g} seconds"
            return [Response(failure=failure) for _ in batch.items]
        raise ModelUnavailable(
            f"{self.base_url} does not answer: start the server, or correct the base_url of "
            f"the model {self._model!r}"
        ) from error

    def _give_up(self, refusal: "_Refusal", error: openai.APIStatusError) -> None:
        """Raise where no other request would fare better."""
        if refusal.permanent:
            raise ModelUnavailable(
                f"{self.base_url} refuses the model {self._model!r} ({refusal.reason}): "
                "correct its settings or its key",
                permanent=True,
            ) from error
        if refusal.busy:
            raise ModelUnavailable(
                f"{self.base_url} is too busy ({refusal.reason}): try again later"
            ) from error

    def _price(self, usage: Usage) -> float | None:
        return 0.0 if self._free else price(usage, self._model, self.base_url)

    def _priced(self, responses: Sequence[Response]) -> list[Response]:
        return [
            response.model_copy(update={"usd": self._price(response.usage or Usage())})
            if response.usage is not None or self._free
            else response
            for response in responses
        ]


def _read(reply: object, batch: Batch) -> list[Response]:
    """The reply's responses; a reply out of all order is a failure, whatever is wrong in it."""
    try:
        return wire.responses(reply, batch.items)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        failure = f"the server's reply cannot be read ({type(error).__name__}: {error})"
        return [Response(failure=failure) for _ in batch.items]


class _Refusal:
    """What an HTTP error status means for this attempt and for the next."""

    def __init__(self, error: openai.APIStatusError, key: str | None) -> None:
        status = error.status_code
        detail: Mapping[str, Any] = error.body if isinstance(error.body, dict) else {}
        message = str(detail.get("message") or error.message)
        spent = "insufficient_quota" in (detail.get("code"), detail.get("type"))
        self.wait = _retry_after(error.response.headers)
        self.permanent = status in (401, 403, 404) or spent
        self.busy = status in (429, 502, 503, 504)
        again = status in (408, 409, 429) or status >= 500
        soon = self.wait is None or self.wait <= _LONGEST_RETRY_AFTER
        self.retry = again and soon and not self.permanent
        if key:  # some servers repeat the key that they refuse
            message = message.replace(key, "[key]")
        self.reason = f"HTTP {status}: {message[:300]}"
        if _too_long(detail, message):
            self.reason = "prompt longer than the model's context"


def _too_long(detail: Mapping[str, Any], message: str) -> bool:
    kinds = {"context_length_exceeded", "exceed_context_size_error"}
    if kinds & {str(detail.get("code")), str(detail.get("type"))}:
        return True
    return "maximum context length" in message or "exceeds the available context" in message


def _backoff(retry: int) -> float:
    """Exponential, with jitter so that many clients do not come back together; seconds."""
    return min(_FIRST_WAIT * 2.0**retry, _LONGEST_WAIT) * random.uniform(0.5, 1.0)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either form of the `Retry-After` header (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds()) if at.tzinfo else None
