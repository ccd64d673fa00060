"""What the packaged model says when it is sampled, kept on disk by text, study and replicate."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from benchmarks.attribution.scores import TOKENS
from smile_trace.models import Request
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.records import Message, Response

CACHE = Path(__file__).parents[2] / ".bench-cache" / "samples.db"

Draw = tuple[str, int, int]
"""A text, the seed of the study that asks, and the replicate: each is drawn anew, once."""


class Samples:
    """The packaged Gemma 3 270M, sampled without a seed; draws of one batch are independent.

    Args:
        temperature: above 0.
        path: the SQLite file; made where there is none.
    """

    def __init__(self, temperature: float, path: Path = CACHE) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.temperature = temperature
        self._known = sqlite3.connect(path, timeout=60)
        self._known.execute(
            "create table if not exists said (temperature real, text text, seed int,"
            " replicate int, answer text, primary key (temperature, text, seed, replicate))"
        )
        self._model = LocalModel(
            "demo", LocalSettings(kind="local", packaged="demo-completion", max_tokens=TOKENS)
        )
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Stop the model and close the file."""
        self._loop.run_until_complete(self._model.aclose())
        self._loop.close()
        self._known.close()

    def generate(self, draws: Sequence[Draw]) -> list[Response]:
        """What the model says, TOKENS tokens, per draw."""
        known = {draw: self._look_up(draw) for draw in draws}
        missing = [draw for draw, text in known.items() if text is None]
        known.update(zip(missing, self._ask(missing), strict=True))
        return [Response(text=known[draw]) for draw in draws]

    def _look_up(self, draw: Draw) -> str | None:
        row = self._known.execute(
            "select answer from said"
            " where temperature = ? and text = ? and seed = ? and replicate = ?",
            (self.temperature, *draw),
        ).fetchone()
        return None if row is None else str(row[0])

    def _ask(self, draws: Sequence[Draw]) -> list[str]:
        if not draws:
            return []
        requests = [
            Request(
                messages=(Message(role="user", content=text),),
                form="completion",
                parameters={"temperature": self.temperature, "max_tokens": TOKENS},
            )
            for text, _, _ in draws
        ]
        responses = self._loop.run_until_complete(self._model.generate(requests))
        for response in responses:
            if not response.ok:
                raise RuntimeError(response.failure)
        said = [response.text or "" for response in responses]
        with self._known:
            self._known.executemany(
                "insert into said values (?, ?, ?, ?, ?)",
                [(self.temperature, *draw, text) for draw, text in zip(draws, said, strict=True)],
            )
        return said
