"""Word vectors from an OpenAI-compatible `/v1/embeddings`, in place of the packaged ones."""

import asyncio
import contextlib
import copy
import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_trace._guards import foreign
from smile_trace._guards.presentable import presentable
from smile_trace.models.base import ModelUnavailable
from smile_trace.models.kinds.endpoint import EndpointSettings, OpenAITransport
from smile_trace.models.ledger import Ledger, MemoryCache, MemoryLedger, ResponseCache
from smile_trace.models.openai_wire import token_count
from smile_trace.models.retry import Failure, pause_before_retry
from smile_trace.records import Response, Usage

BATCH = 256
"""Texts per request; OpenAI takes 2,048."""

Vector = NDArray[np.float64]


class Embeddings:
    """Turns texts into vectors; each distinct text is asked once in this object's life, so that a
    study repeated with it comes out the same. It blocks: call it in a thread. Raises
    ModelUnavailable if the settings name a key's variable that is not set."""

    def __init__(self, name: str, settings: EndpointSettings) -> None:
        self._name = name
        self._known: dict[str, Vector] = {}
        self._ledger: Ledger = MemoryLedger(sys.maxsize)
        self._cache: ResponseCache = MemoryCache(0)
        self._explanation = ""
        self._answered: Callable[[], None] = lambda: None
        self._transport = OpenAITransport.of(name, settings)

    def paid_from(
        self,
        ledger: Ledger,
        cache: ResponseCache,
        explanation: str,
        answered: Callable[[], None] = lambda: None,
    ) -> "Embeddings":
        """Return a copy that reserves attempts for an explanation, under its caps, and caches
        vectors as JSON; `answered` is called after each answer of the server."""
        paid = copy.copy(self)
        paid._ledger, paid._cache = ledger, cache
        paid._explanation, paid._answered = explanation, answered
        return paid

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the vectors of `texts`, shape (len(texts), dimensions); zero for a blank text.
        Raises ModelUnavailable if the server is down, refuses, or gives no vectors; BudgetExceeded
        if a cap of the ledger is reached."""
        new = [text for text in dict.fromkeys(texts) if text.strip() and text not in self._known]
        keys = {text: self._key(text) for text in new}
        cached = self._cache.get_many(list(keys.values()))
        for text, key in keys.items():
            with contextlib.suppress(KeyError, TypeError, ValueError):  # else it is asked again
                held = foreign.decode(cached[key].text or "")
                self._known[text] = np.array(held, dtype=np.float64).reshape(len(held))
        remaining = [text for text in new if text not in self._known]
        for start in range(0, len(remaining), BATCH):
            batch = remaining[start : start + BATCH]
            vectors = dict(zip(batch, self._ask(batch), strict=True))
            self._cache.put_many(
                {keys[text]: Response(text=json.dumps(v.tolist())) for text, v in vectors.items()}
            )
            self._known.update(vectors)
            self._answered()
        size = next((len(self._known[t]) for t in texts if t in self._known), 1)
        blank = np.zeros(size)
        return np.array([self._known.get(text, blank) for text in texts]).reshape(-1, size)

    def _ask(self, texts: list[str]) -> list[Vector]:
        length = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        bound = Usage(input_tokens=length, output_tokens=0)  # a token has at least one byte
        retry = 0
        while True:
            attempt = self._ledger.reserve(
                model=self._name,
                explanation=self._explanation,
                calls=1,
                tokens=length,
                usd=self._transport.price(bound),
            )
            reply = asyncio.run(self._post(texts))
            if not isinstance(reply, Failure):
                break
            if reply.releases:
                self._ledger.release(attempt, sent=reply.fate == "rejected")
            elif reply.fate == "rejected":
                self._ledger.settle(attempt, tokens=0, usd=0.0)
            pause = pause_before_retry(reply, retry, self._transport.retries)
            if pause is None:
                raise self._unavailable(
                    f"gives no embeddings ({reply.status or reply.reason}): correct the model "
                    f"{self._name!r}, or leave explain.embeddings out"
                )
            time.sleep(pause)
            retry += 1
        used = _used(reply) or bound
        self._ledger.settle(attempt, tokens=used.input_tokens or 0, usd=self._transport.price(used))
        return self._read(reply, len(texts))

    async def _post(self, texts: list[str]) -> object:
        body = {"model": self._transport.model, "input": texts}
        try:
            return await self._transport.reply("/embeddings", body)
        finally:
            await self._transport.aclose()

    def _read(self, reply: Any, count: int) -> list[Vector]:
        try:
            data = sorted(reply["data"], key=lambda item: item["index"])
            vectors = [np.array(item["embedding"], dtype=np.float64) for item in data]
        except Exception as error:
            raise self._unavailable(
                "gives embeddings that cannot be read: leave explain.embeddings out"
            ) from error
        if not all(v.ndim == 1 and v.size and np.isfinite(v).all() for v in vectors):
            raise self._unavailable(
                "returns embeddings that are not lists of numbers: leave explain.embeddings out"
            )
        if len(vectors) != count or len({v.shape for v in vectors}) != 1:
            raise self._unavailable(
                f"gave {len(vectors)} vectors for {count} texts: leave explain.embeddings out"
            )
        return vectors

    def _unavailable(self, said: str) -> ModelUnavailable:
        return ModelUnavailable(f"{presentable(self._transport.base_url)} {said}", model=self._name)

    def _key(self, text: str) -> str:
        there = self._transport.base_url, self._transport.model
        return hashlib.sha256(json.dumps(["embedding", *there, text]).encode()).hexdigest()


def _used(reply: Any) -> Usage | None:
    counted = reply.get("usage") if isinstance(reply, dict) else None
    tokens = token_count(counted.get("prompt_tokens")) if isinstance(counted, dict) else None
    return None if tokens is None else Usage(input_tokens=tokens, output_tokens=0)
