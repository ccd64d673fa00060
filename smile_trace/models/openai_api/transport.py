"""The way to an OpenAI-compatible server: connections, retries, and the count of attempts."""

import asyncio
import random
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import openai
from openai._types import Omit, RequestOptions

from smile_trace.models.accounting.cost import price
from smile_trace.models.accounting.ledger import BudgetExceeded
from smile_trace.models.accounting.meter import Attempts, ask_all
from smile_trace.models.base import ModelUnavailable
from smile_trace.models.openai_api import wire
from smile_trace.models.openai_api.wire import Batch
from smile_trace.records import JSON, Response, Usage

_FIRST_WAIT, _LONGEST_WAIT, LONGEST_RETRY_AFTER = 0.5, 20.0, 120.0


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
            ValueError: the reply is no JSON.
            UnicodeEncodeError: the body holds text that cannot be encoded (a lone surrogate).
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
                got = _failures(batch, str(got))
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
            attempt = await attempts.before(
                [item.request for item in batch.items],
                answer=batch.items[0].answer,
                most=most,
                usd=self._price(most),
            )
            outcome = await self._attempt(batch)
            if outcome.release:
                await attempts.release(attempt, sent=outcome.refused)
            else:
                await attempts.after(attempt, outcome.responses if outcome.counted else None)
            if not outcome.again or retry == self._retries:
                break
            await asyncio.sleep(outcome.wait or backoff(retry))
        if outcome.stop is not None:
            raise outcome.stop
        if outcome.refused and len(batch.items) > 1:
            # One item that is refused must not cost the others their answers.
            alone = [await self._ask(single, attempts) for single in batch.split()]
            return [response for responses in alone for response in responses]
        return outcome.responses

    async def _attempt(self, batch: Batch) -> "_Outcome":
        """Send a batch once."""
        try:
            reply = await self.post(batch.path, batch.body)
        except UnicodeEncodeError:
            failure = "the prompt is not valid Unicode text and cannot be sent"
            return _Outcome(_refusals(batch, failure), refused=True)
        except openai.APIConnectionError as error:
            return self._unanswered(batch, error)
        except openai.APIStatusError as error:
            return self._refused(batch, error)
        except (openai.APIResponseValidationError, ValueError) as error:
            failures = _failures(batch, f"the server's reply is no JSON ({error})")
            return _Outcome(failures, counted=False)
        return _Outcome(self._priced(_read(reply, batch)))

    def _unanswered(self, batch: Batch, error: openai.APIConnectionError) -> "_Outcome":
        """What it means that no reply came: was the server reached?"""
        reached = not never_reached(error)
        if reached and isinstance(error, openai.APITimeoutError):
            failure = f"no answer within {self._timeout:g} seconds"
            return _Outcome(_failures(batch, failure), counted=False, again=True)
        stop = ModelUnavailable(
            f"{self.base_url} does not answer: start the server, or correct the base_url "
            f"of the model {self._model!r}"
        )
        failures = _failures(batch, "the connection broke")
        return _Outcome(failures, counted=not reached, again=True, stop=stop)

    def _refused(self, batch: Batch, error: openai.APIStatusError) -> "_Outcome":
        """What an HTTP error status means for this attempt and for the next."""
        status = error.status_code
        detail: Mapping[str, Any] = error.body if isinstance(error.body, dict) else {}
        message = str(detail.get("message") or error.message)
        if self._key:  # some servers repeat the key that they refuse
            message = message.replace(self._key, "[key]")
        reason = f"HTTP {status}: {message[:300]}"
        if _too_long(detail, message):
            reason = "prompt longer than the model's context"
        spent = "insufficient_quota" in (detail.get("code"), detail.get("type"))
        wait = retry_after(error.response.headers)
        stop = None
        if status in (401, 403, 404) or spent:
            stop = ModelUnavailable(
                f"{self.base_url} refuses the model {self._model!r} ({reason}): correct its "
                "settings or its key",
                permanent=True,
            )
        elif status in (429, 502, 503, 504):
            stop = ModelUnavailable(f"{self.base_url} is too busy ({reason}): try again later")
        passing = status in (408, 409, 429) or status >= 500
        soon = wait is None or wait <= LONGEST_RETRY_AFTER
        return _Outcome(
            _refusals(batch, reason),
            refused=True,
            again=passing and soon and not spent,
            wait=wait,
            stop=stop,
        )

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
        reason = f"the server's reply cannot be read ({type(error).__name__}: {error})"
        return _failures(batch, reason)


@dataclass(frozen=True)
class _Outcome:
    """How one attempt ended.

    `counted`: it is known what it used. `refused`: the server did not take the batch.
    `again`: another attempt can help, after `wait` seconds where the server said so. `stop`:
    what to raise where no attempt is left, since no other request would fare better.
    """

    responses: list[Response]
    counted: bool = True
    refused: bool = False
    again: bool = False
    wait: float | None = None
    stop: ModelUnavailable | None = None

    @property
    def release(self) -> bool:
        """Whether it is known that the model takes nothing for now, whatever it is."""
        return self.counted and self.stop is not None


def never_reached(error: openai.APIError) -> bool:
    """Whether there was no connection to send anything through (which client is below openai's
    has changed with its releases: what their errors are called has not)."""
    names = {"ConnectError", "ConnectTimeout", "PoolTimeout"}
    return type(error.__cause__).__name__ in names


def _failures(batch: Batch, reason: str) -> list[Response]:
    return [Response(failure=reason) for _ in batch.items]


def _refusals(batch: Batch, reason: str) -> list[Response]:
    """Failures that cost nothing. What came with a success and cannot be read may have."""
    nothing = Usage(input_tokens=0, output_tokens=0)
    return [Response(failure=reason, usage=nothing, usd=0.0) for _ in batch.items]


def _too_long(detail: Mapping[str, Any], message: str) -> bool:
    kinds = {"context_length_exceeded", "exceed_context_size_error"}
    if kinds & {str(detail.get("code")), str(detail.get("type"))}:
        return True
    return "maximum context length" in message or "exceeds the available context" in message


def backoff(retry: int) -> float:
    """Exponential, with jitter so that many clients do not come back together; seconds."""
    return min(_FIRST_WAIT * 2.0**retry, _LONGEST_WAIT) * random.uniform(0.5, 1.0)


def retry_after(headers: Mapping[str, str]) -> float | None:
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
