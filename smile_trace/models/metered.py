"""The wrapper around a model that caches every answer and reserves every attempt."""

import asyncio
import copy
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol, Self, TypeGuard, TypeVar

from smile_trace.errors import BudgetExceeded, SmileTraceError
from smile_trace.models.base import (
    Model,
    ModelUnavailable,
    Request,
    checked,
    counts_tokens,
    cut_before_answer,
    limit_of,
    raised_limit,
    scores_answers,
    with_limit,
    with_reasoning_apart,
    without_answer,
)
from smile_trace.models.ledger import Ledger, ResponseCache
from smile_trace.records import JSON, Response, Usage


class Meter:
    """Is told of every attempt, retries included; this one allows everything and counts nothing."""

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Return the context in which a request is in flight: entering it waits until others,
        unknown to the model, leave room."""
        return nullcontext()

    async def reserve(
        self, requests: Sequence[Request], *, answer: str | None, bound: Usage, usd: float | None
    ) -> str:
        """Reserve one attempt before it is sent; return the attempt's id.

        Args:
            requests: what this attempt asks (several in a list request).
            answer: the given answer if it is scored, else None.
            bound, usd: the most that it can use and cost; `usd` is None if no price is known.

        Raises:
            BudgetExceeded: it must not be sent.
        """
        return ""

    async def settle(self, attempt: str, responses: Sequence[Response] | None) -> None:
        """Settle an attempt with its responses, in the order of its requests. None means unknown
        usage (a broken connection, a time-out): the attempt counts with its cost bound, as an
        unsettled one does."""

    async def release(self, attempt: str, *, sent: bool) -> None:
        """Release a free attempt: the model rejected it, or (not `sent`) was never reached."""


class Metered:
    """A model whose attempts are reserved one by one."""

    _meter = Meter()

    def with_meter(self, meter: Meter) -> Self:
        """Return this model, with the same connections, reserving its attempts with `meter`."""
        metered = copy.copy(self)
        metered._meter = meter
        return metered


class MeteringModel(Model, Protocol):
    """A model that declares `meters_attempts`."""

    def with_meter(self, meter: Meter) -> Model:
        """Return this model, with the same connections, reserving its attempts with `meter`."""
        ...


def meters_attempts(model: Model) -> TypeGuard[MeteringModel]:
    """Whether the model declares that it meters its attempts itself."""
    return model.capabilities.meters_attempts


T = TypeVar("T")


async def ask_all(
    asks: Sequence[Callable[[], Awaitable[T]]], slots: AbstractAsyncContextManager[object]
) -> list[T | BudgetExceeded]:
    """Run every ask, as many at once as there are free `slots`; return results in order.

    An explanation's own cap is an error in the result's place. Any other error stops new asks, and
    is raised when all asks in flight, which are paid for, have ended. Raises ModelUnavailable if
    nothing can be asked; BudgetExceeded if a daily cap is reached; SmileTraceError if the store
    cannot be written.
    """
    results: dict[int, T | BudgetExceeded] = {}
    stop: list[SmileTraceError] = []

    async def run(index: int) -> None:
        async with slots:
            if stop:
                return
            try:
                results[index] = await asks[index]()
            except BudgetExceeded as error:
                if error.daily:
                    stop.append(error)
                results[index] = error
            except SmileTraceError as error:
                stop.append(error)

    await asyncio.gather(*(run(index) for index in range(len(asks))))
    if stop:
        raise stop[0]
    return [results[index] for index in range(len(asks))]


logger = logging.getLogger(__name__)

_warned: set[tuple[str, str]] = set()

Ask = Callable[[Sequence[Request]], Awaitable[list[Response]]]


class _Reserved(NamedTuple):
    keys: tuple[str, ...]
    tokens: int
    usd: float | None


class MeteredModel(Meter):
    """A model whose answers are cached by content and whose attempts are paid from a ledger.

    An answer is cached the moment it arrives, before its attempt is settled and before it is
    returned, so that no crash makes it be paid for twice. Answers of a model without an identity (a
    function) are reused within this explanation only.

    Args:
        explanation: what the attempts belong to; the ledger's cap per explanation applies.
        fresh: of the cache, read only what this explanation put there.
        paid_as: the model's name in the settings, if its own differs (a function).
        slot: see `Meter.slot`.
    """

    def __init__(
        self,
        model: Model,
        *,
        ledger: Ledger,
        cache: ResponseCache,
        explanation: str,
        fresh: bool = False,
        paid_as: str | None = None,
        slot: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        self.name = model.name
        # The attempts are metered here.
        self.capabilities = replace(model.capabilities, meters_attempts=False)
        self._model = model
        self._slot = slot
        self._paid_as = paid_as or model.name
        self._meters = model.capabilities.meters_attempts
        self._asked = model.with_meter(self) if meters_attempts(model) else model
        self._ledger = ledger
        self._cache = cache
        self._explanation = explanation
        self._fresh = fresh
        self._own: set[str] = set()  # keys that this explanation put into the cache
        self._open: dict[str, _Reserved] = {}
        self._settled = asyncio.Condition()
        self.limit: int | None = None
        """The raised limit of answers in tokens; set it to go on with that of an earlier run."""
        self.on_answer: Callable[[Response], None] | None = None
        """Called with each answer that is paid for as it arrives, its reasoning apart."""

    @property
    def identity(self) -> str | None:
        """The model's identity."""
        return self._model.identity

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        """Whether the same request gives the same answer."""
        return self._model.deterministic(parameters)

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return answers from the cache, and from the model for the rest, the reasoning apart.

        Where a reply is cut before its answer (all tokens went into the reasoning), it is asked
        again with a larger limit, which then holds for all further requests. A reply without an
        answer even so is a failure. See `Model.generate`.
        """
        ask = partial(self._answers, answer=None, ask=self._asked.generate)
        asked = requests if self.limit is None else self._raised(requests)
        found = [with_reasoning_apart(response) for response in await ask(asked)]
        pairs = list(zip(requests, found, strict=True))
        cut = [k for k, pair in enumerate(pairs) if cut_before_answer(*pair)]
        if cut and self.limit is None:
            self.limit = max(raised_limit(*pairs[k]) for k in cut)
            again = await ask(self._raised([requests[k] for k in cut]))
            for k, response in zip(cut, again, strict=True):
                found[k] = _after(found[k], with_reasoning_apart(response))
        return [self._told(*pair) for pair in zip(requests, found, strict=True)]

    async def known(self, requests: Sequence[Request]) -> list[Response | None]:
        """The answer to each request that the cache has, the reasoning apart."""
        keys = [self._key(request, None) for request in requests]
        found = await asyncio.to_thread(self._cache.get_many, keys)
        apart = {key: with_reasoning_apart(response) for key, response in found.items()}
        pairs = ((request, apart.get(key)) for request, key in zip(requests, keys, strict=True))
        return [None if r and cut_before_answer(request, r) else r for request, r in pairs]

    def _raised(self, requests: Sequence[Request]) -> list[Request]:
        return [with_limit(request, self.limit or 0) for request in requests]

    def _told(self, request: Request, response: Response) -> Response:
        """The response, a failure if it still has no answer."""
        if self.limit is not None:
            response = response.model_copy(update={"limit": self.limit})
        if not cut_before_answer(request, response):
            return response
        return without_answer(response, self.limit or limit_of(request))

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """Return scores from the cache, and from the model for the rest; see `ScoringModel.score`.
        Raises TypeError if the model does not declare that it scores answers."""
        if not scores_answers(self._asked):
            raise TypeError(f"the model {self.name!r} does not score answers")
        return await self._answers(requests, answer, partial(self._asked.score, answer=answer))

    async def count_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Return the input tokens of each request; nothing is answered or paid. Raises TypeError if
        the model does not declare that it counts tokens."""
        if not counts_tokens(self._model):
            raise TypeError(f"the model {self.name!r} does not count tokens")
        return await self._model.count_tokens(requests)

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()

    async def _answers(
        self,
        requests: Sequence[Request],
        answer: str | None,
        ask: Ask,
    ) -> list[Response]:
        keys = [self._key(request, answer) for request in requests]
        wanted = [key for key in dict.fromkeys(keys) if not self._fresh or key in self._own]
        found = await asyncio.to_thread(self._cache.get_many, wanted)
        for key in self._own & found.keys():  # this explanation paid for it
            found[key] = found[key].model_copy(update={"cached": False})
        missing = {key: r for key, r in zip(keys, requests, strict=True) if key not in found}
        if missing:
            batch = list(missing.values())
            one_by_one = partial(self._one_by_one, answer=answer, ask=ask)
            responses = await (ask(batch) if self._meters else one_by_one(batch))
            sound = [checked(r, scored=answer is not None) for r in responses]
            found |= zip(missing, sound, strict=True)
        return [found[key] for key in keys]

    async def _one_by_one(
        self, requests: Sequence[Request], answer: str | None, ask: Ask
    ) -> list[Response]:
        async def one(request: Request) -> Response:
            attempt = await self.reserve([request], answer=answer, bound=Usage(), usd=None)
            try:
                async with self.slot():
                    [response] = await ask([request])
            except ModelUnavailable:  # others may go on without it, and would wait for it
                await self.release(attempt, sent=True)
                raise
            await self.settle(attempt, [response])
            return response

        got = await ask_all([partial(one, request) for request in requests], nullcontext())
        return [Response(failure=str(r)) if isinstance(r, BudgetExceeded) else r for r in got]

    # -- a Meter for the model ------------------------------------------------------------------

    def slot(self) -> AbstractAsyncContextManager[None]:
        """See `Meter.slot`."""
        return self._slot()

    async def reserve(
        self, requests: Sequence[Request], *, answer: str | None, bound: Usage, usd: float | None
    ) -> str:
        """See `Meter.reserve`. If a cap is reached, wait for the attempts in flight before raising:
        they are reserved at their cost bound, and mostly cost less."""
        if usd is None and self._meters and self._ledger.caps_money:
            _warn_once(
                "no price is known for the model %r: caps in dollars do not apply to it, those in "
                "calls and tokens do (calls_per_day, tokens_per_day)",
                self.name,
            )
        tokens = (bound.input_tokens or 0) + (bound.output_tokens or 0)
        model, calls = self._paid_as, len(requests)
        delay = partial(self._ledger.delay, model=model, calls=calls, tokens=tokens)
        if wait := await asyncio.to_thread(delay):
            await asyncio.sleep(wait)
        reserve = partial(
            self._ledger.reserve,
            model=model,
            explanation=self._explanation,
            calls=calls,
            tokens=tokens,
            usd=usd,
        )
        async with self._settled:
            while True:
                try:
                    attempt = await asyncio.to_thread(reserve)
                    break
                except BudgetExceeded:
                    if not self._open:
                        raise
                    await self._settled.wait()
            keys = tuple(self._key(request, answer) for request in requests)
            self._open[attempt] = _Reserved(keys, tokens, usd)
        return attempt

    async def settle(self, attempt: str, responses: Sequence[Response] | None) -> None:
        """Cache the answers, then settle; see `Meter.settle`."""
        reserved = self._open[attempt]
        if responses is not None:
            pairs = zip(reserved.keys, responses, strict=True)
            answered = {key: r for key, r in pairs if r.ok and r.finite}
            await asyncio.to_thread(self._cache.put_many, answered)
            self._own.update(answered)
            if self.on_answer is not None:
                for response in answered.values():
                    self.on_answer(with_reasoning_apart(response))
            tokens, usd = self._used(responses, reserved)
            await asyncio.to_thread(self._ledger.settle, attempt, tokens=tokens, usd=usd)
        await self._close(attempt)

    async def release(self, attempt: str, *, sent: bool) -> None:
        """See `Meter.release`."""
        await asyncio.to_thread(self._ledger.release, attempt, sent=sent)
        await self._close(attempt)

    async def _close(self, attempt: str) -> None:
        async with self._settled:
            del self._open[attempt]
            self._settled.notify_all()

    def _used(self, responses: Sequence[Response], reserved: _Reserved) -> tuple[int, float | None]:
        """Return the tokens and US dollars of the responses. A failure has its cost, too (a
        filtered answer was generated); if the model did not count tokens, the cost bound is
        charged."""
        counted = [tokens for r in responses if (tokens := _counted(r.usage)) is not None]
        if len(counted) < len(responses):
            if reserved.tokens:
                _warn_once(
                    "the model %r reports no readable token counts: every such attempt is "
                    "charged at the most that it can use",
                    self.name,
                )
            return reserved.tokens, reserved.usd
        priced = [response.usd for response in responses if response.usd is not None]
        return sum(counted), sum(priced) if len(priced) == len(responses) else None

    def _key(self, request: Request, answer: str | None) -> str:
        """Hash what decides an answer: the model, the form, the parameters without the seed, the
        exact messages, the replicate, a scored answer, or else how long the answer may be."""
        parameters = {n: v for n, v in request.parameters.items() if n != "seed"}
        messages = [message.identity for message in request.messages]
        scope = self._model.identity or f"only {self._explanation}"
        content = [scope, request.form, parameters, messages, request.replicate, answer]
        if answer is None and request.answer_limit is not None:
            content.append(request.answer_limit)
        if request.prefilled:
            content.append("prefilled")
        text = json.dumps(content, sort_keys=True, default=repr)
        return hashlib.sha256(text.encode()).hexdigest()


def _after(cut: Response, again: Response) -> Response:
    """The second response to a request, with the tokens and the price of the first."""
    if cut.cached:
        return again
    usage, usd = cut.usage, cut.usd
    if usage is not None and again.usage is not None:
        usage = Usage(
            input_tokens=(usage.input_tokens or 0) + (again.usage.input_tokens or 0),
            output_tokens=(usage.output_tokens or 0) + (again.usage.output_tokens or 0),
        )
    usd = None if usd is None or again.usd is None else usd + again.usd
    requests = 1 + (not again.cached)
    update = {"usage": usage, "usd": usd, "requests": requests, "cached": False}
    return again.model_copy(update=update)


def _counted(usage: Usage | None) -> int | None:
    if usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    return usage.input_tokens + usage.output_tokens


def _warn_once(message: str, model: str) -> None:
    if (message, model) not in _warned:
        _warned.add((message, model))
        logger.warning(message, model)
