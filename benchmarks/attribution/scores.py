"""What the packaged model answers, cached on disk by exact text: each text is asked once."""

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from smile_trace.models import Request
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.records import Message, Response

CACHE = Path(__file__).parents[2] / ".bench-cache" / "attribution.db"
TOKENS = 4
"""Tokens of a generated answer, at temperature 0."""

_BATCH = 64


class Packaged:
    """The packaged Gemma 3 270M, and a file of what it said.

    Args:
        path: the SQLite file; made where there is none.
        table: its only table.
    """

    def __init__(self, path: Path, table: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._known = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._known.execute(f"create table if not exists {table}")
        how = LocalSettings(kind="local", packaged="demo-completion", max_tokens=TOKENS)
        self._model = LocalModel("demo", how)
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Stop the model and close the file."""
        self._loop.run_until_complete(self._model.aclose())
        self._loop.close()
        self._known.close()

    def _said(self, texts: Sequence[str], temperature: float, answer: str = "") -> list[Response]:
        """What it says to each text, or how likely `answer` is after it."""
        requests = [
            Request(
                messages=(Message(role="user", content=text),),
                form="completion",
                parameters={"temperature": temperature, "max_tokens": TOKENS},
            )
            for text in texts
        ]
        asking = self._model.score(requests, answer) if answer else self._model.generate(requests)
        responses = self._loop.run_until_complete(asking)
        for response in responses:
            if not response.ok:
                raise RuntimeError(response.failure)
        return responses


class Scores(Packaged):
    """Asked at temperature 0, with a cache by exact text."""

    def __init__(self, path: Path = CACHE) -> None:
        super().__init__(
            path, "response (prompt text, answer text, json text, primary key (prompt, answer))"
        )
        self._lock = threading.RLock()  # some peers ask from threads of their own
        self.asked = 0

    def generate(self, texts: Sequence[str]) -> list[Response]:
        """What the model says after each text, TOKENS tokens."""
        return self._responses(texts, "")

    def score(self, texts: Sequence[str], answer: str) -> list[Response]:
        """The log-probabilities of `answer`'s tokens after each text."""
        return self._responses(texts, answer)

    def _responses(self, texts: Sequence[str], answer: str) -> list[Response]:
        """The answer "" stands for a free one."""
        with self._lock:
            known = {text: self._look_up(text, answer) for text in dict.fromkeys(texts)}
            missing = [text for text, response in known.items() if response is None]
            for start in range(0, len(missing), _BATCH):
                some = missing[start : start + _BATCH]
                known.update(zip(some, self._ask(some, answer), strict=True))
        return [response for text in texts if (response := known[text]) is not None]

    def _look_up(self, text: str, answer: str) -> Response | None:
        row = self._known.execute(
            "select json from response where prompt = ? and answer = ?", (text, answer)
        ).fetchone()
        return None if row is None else Response.model_validate_json(row[0])

    def _ask(self, texts: Sequence[str], answer: str) -> list[Response]:
        responses = self._said(texts, 0, answer)
        self.asked += len(texts)
        with self._known:
            self._known.executemany(
                "insert or replace into response values (?, ?, ?)",
                [
                    (text, answer, response.model_dump_json(exclude_defaults=True))
                    for text, response in zip(texts, responses, strict=True)
                ],
            )
        return responses
