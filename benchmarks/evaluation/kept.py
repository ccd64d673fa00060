"""The packaged model as `explain()` takes it, its answers kept on disk."""

import asyncio
from collections.abc import Sequence

from benchmarks.attribution.scores import Scores
from smile_trace.models import Capabilities, Request
from smile_trace.records import JSON, Response


class Kept:
    """The model behind `scores`: at temperature 0, the first tokens, each text asked once."""

    name = "demo"
    identity = "the packaged model, kept"
    capabilities = Capabilities(scores_answers=True)

    def __init__(self, scores: Scores) -> None:
        self._scores = scores

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        """Always: the temperature is 0."""
        return True

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """What it says after each text."""
        return await asyncio.to_thread(self._scores.generate, _texts(requests))

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """The log-probabilities of `answer`'s tokens after each text."""
        return await asyncio.to_thread(self._scores.score, _texts(requests), answer)

    async def aclose(self) -> None:
        """Nothing to close: who made the scores does."""


def _texts(requests: Sequence[Request]) -> list[str]:
    return [request.messages[0].content for request in requests]
