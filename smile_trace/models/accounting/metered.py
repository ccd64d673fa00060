"""The wrapper that keeps every answer, and reserves every attempt before it is sent."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

from smile_trace.models.accounting.ledger import BudgetExceeded, Ledger, ResponseCache
from smile_trace.models.accounting.meter import Attempts, ask_all
from smile_trace.models.base import Model, Request, ScoringModel
from smile_trace.records import JSON, Response, Usage

logger = logging.getLogger(__name__)

_unpriced: set[str] = set()

Ask = Callable[[Sequence[Request]], Awaitable[list[Response]]]


@runtime_checkable
class _Telling(Protocol):
    """A model that tells about its attempts itself, retries included."""

    def with_attempts(self, attempts: Attempts) -> Model: ...


class _Reserved(NamedTuple):
    """An attempt in flight: the keys of its requests, and the most that it can use."""

    keys: tuple[str, ...]
    tokens: int
    usd: float | None


class Metered:
    """A Model whose answers are kept by content and whose attempts are paid from a ledger.

    What is in the cache is never asked again. An answer is kept the moment it arrives, before
    it is settled and before anybody is told, so that no crash makes it be paid for twice.
    Answers of a model without an identity (a callable) are kept for this explanation only.

    Args:
        model: what is asked.
        ledger: where every attempt is reserved and settled.
        cache: where answers are kept.
        explanation: what the attempts belong to; the ledger's cap per explanation applies.
        fresh: of the cache, read only what this explanation put there.
        paid_as: the model's name in the settings, where its own is another one (a function).
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
    ) -> None:
        self._model = model
        self._paid_as = paid_as or model.name
        self._tells = isinstance(model, _Telling)
        self._asked: Any = model.with_attempts(self) if isinstance(model, _Telling) else model
        self._ledger = ledger
        self._cache = cache
        self._explanation = explanation
        self._fresh = fresh
        self._own: set[str] = set()  # keys that this explanation put into the cache
        self._open: dict[str, _Reserved] = {}
        self._settled = asyncio.Condition()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def identity(self) -> str | None:
        """The model's identity."""
        return self._model.identity

    @property
    def remote(self) -> bool:
        """Whether somebody else's machine answers."""
        return self._model.remote

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        """Whether the same request gives the same answer."""
        return self._model.deterministic(parameters)

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answers from the cache, and from the model for the rest; see `Model.generate`.

        Raises:
            ModelUnavailable: nothing can be asked at all.
            BudgetExceeded: a daily cap is reached.
        """
        return await self._through(requests, None, self._asked.generate)

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()

    async def _through(
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
            responses = await (ask(batch) if self._tells else self._one_by_one(batch, answer, ask))
            found |= zip(missing, responses, strict=True)
        return [found[key] for key in keys]

    async def _one_by_one(
        self, requests: Sequence[Request], answer: str | None, ask: Ask
    ) -> list[Response]:
        """Ask a model that does not tell about its attempts: each request is one."""

        async def one(request: Request) -> Response:
            attempt = await self.before([request], answer=answer, most=Usage(), usd=None)
            [response] = await ask([request])
            await self.after(attempt, [response])
            return response

        got = await ask_all([partial(one, request) for request in requests], nullcontext())
        return [Response(failure=str(r)) if isinstance(r, BudgetExceeded) else r for r in got]

    # -- what the model tells -------------------------------------------------------------------

    async def before(
        self, requests: Sequence[Request], *, answer: str | None, most: Usage, usd: float | None
    ) -> str:
        """Reserve an attempt; see `Attempts.before`. Waits for what is in flight before it
        gives up: that is reserved at its largest possible cost, and mostly costs less."""
        if usd is None and self._tells and getattr(self._ledger, "caps_money", True):
            _say_unpriced(self.name)
        tokens = (most.input_tokens or 0) + (most.output_tokens or 0)
        reserve = partial(
            self._ledger.reserve,
            model=self._paid_as,
            explanation=self._explanation,
            calls=len(requests),
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

    async def after(self, attempt: str, responses: Sequence[Response] | None) -> None:
        """Keep the answers, then settle; see `Attempts.after`."""
        reserved = self._open[attempt]
        if responses is not None:
            kept = {k: r for k, r in zip(reserved.keys, responses, strict=True) if r.ok}
            await asyncio.to_thread(self._cache.put_many, kept)
            self._own.update(kept)
            tokens, usd = _used(responses, reserved)
            await asyncio.to_thread(self._ledger.settle, attempt, tokens=tokens, usd=usd)
        await self._close(attempt)

    async def release(self, attempt: str, *, sent: bool) -> None:
        """Give the reservation back; see `Attempts.release`."""
        await asyncio.to_thread(self._ledger.release, attempt, sent=sent)
        await self._close(attempt)

    async def _close(self, attempt: str) -> None:
        async with self._settled:
            del self._open[attempt]
            self._settled.notify_all()

    def _key(self, request: Request, answer: str | None) -> str:
        """What decides an answer: the model, the form, the parameters without the seed, the
        exact messages, the replicate, and the given answer where it is scored."""
        parameters = {n: v for n, v in request.parameters.items() if n != "seed"}
        messages = [[message.role, message.content] for message in request.messages]
        scope = self._model.identity or f"only {self._explanation}"
        content = [scope, request.form, parameters, messages, request.replicate, answer]
        text = json.dumps(content, sort_keys=True, default=repr)
        return hashlib.sha256(text.encode()).hexdigest()


class ScoringMetered(Metered):
    """`Metered` around a model that also scores given answers."""

    @property
    def first_token_only(self) -> bool:
        """Whether `score` knows the answer's first token only."""
        return bool(getattr(self._model, "first_token_only", False))

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """Scores from the cache, and from the model for the rest; see `ScoringModel.score`.

        Raises:
            ModelUnavailable: nothing can be asked at all.
            BudgetExceeded: a daily cap is reached.
        """
        ask = partial(self._asked.score, answer=answer)
        return await self._through(requests, answer, ask)


def metered(
    model: Model,
    *,
    ledger: Ledger,
    cache: ResponseCache,
    explanation: str,
    fresh: bool = False,
    paid_as: str | None = None,
) -> Metered:
    """`model` with every answer kept and every attempt paid; it scores if `model` does."""
    kind = ScoringMetered if isinstance(model, ScoringModel) else Metered
    return kind(
        model,
        ledger=ledger,
        cache=cache,
        explanation=explanation,
        fresh=fresh,
        paid_as=paid_as,
    )


def _used(responses: Sequence[Response], reserved: _Reserved) -> tuple[int, float | None]:
    """Tokens and dollars of what came back. A failure has its cost, too (a filtered answer was
    generated); where the server did not count, the largest possible cost stands."""
    counted = [response.usage for response in responses if response.usage is not None]
    if len(counted) < len(responses):
        return reserved.tokens, reserved.usd
    tokens = sum((usage.input_tokens or 0) + (usage.output_tokens or 0) for usage in counted)
    priced = [response.usd for response in responses if response.usd is not None]
    return tokens, sum(priced) if len(priced) == len(responses) else None


def _say_unpriced(model: str) -> None:
    if model not in _unpriced:
        _unpriced.add(model)
        logger.warning(
            "no price is known for the model %r: no cap in dollars holds for it, those in calls "
            "and tokens do (calls_per_day, tokens_per_day)",
            model,
        )
