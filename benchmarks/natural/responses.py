"""What the model answers and how likely its answers are: stored, or asked and then stored.

`results/responses.json.xz` holds all that the table needs, keyed by a hash of the question, so
that the benchmark runs again without the model.
"""

import hashlib
import json
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from smile_trace.records import Response

STORED = Path(__file__).parent / "results" / "responses.json.xz"


class Model(Protocol):
    """Generates at temperature 0, and scores the tokens of a given answer."""

    def generate(self, texts: Sequence[str], tokens: int) -> list[list[int]]: ...

    def score(self, texts: Sequence[str], answer: Sequence[int]) -> list[list[float]]: ...

    def decode(self, tokens: Sequence[int]) -> str: ...


class Responses:
    """Answers and scores, each question asked once; log-probabilities to a hundredth of a nat.

    Args:
        open_model: starts the model when something is asked that is not stored.
        path: where everything that was asked is stored by `save`.
    """

    def __init__(self, open_model: Callable[[], Model], path: Path = STORED) -> None:
        self._open, self._path = open_model, path
        self._model: Model | None = None
        self._known: dict[str, Any] = {}
        self._asked = False
        if path.exists():
            self._known = json.loads(lzma.decompress(path.read_bytes()))

    @property
    def model(self) -> Model:
        """Started on first use."""
        if self._model is None:
            self._model, self._asked = self._open(), True
        return self._model

    def answer(self, prompt: str, tokens: int) -> tuple[str, list[int]]:
        """The model's own answer: its text and its tokens."""
        key = _key("answer", prompt, tokens)
        if key not in self._known:
            ids = self.model.generate([prompt], tokens)[0]
            self._known[key] = [self.model.decode(ids), ids]
        text, ids = self._known[key]
        return text, ids

    def generate(self, texts: Sequence[str], tokens: int) -> list[Response]:
        """What it says to each text."""

        def ask(some: Sequence[str]) -> list[str]:
            return [self.model.decode(ids) for ids in self.model.generate(some, tokens)]

        return [Response(text=text) for text in self._answers("generate", texts, tokens, ask)]

    def score(self, texts: Sequence[str], answer: str, ids: Sequence[int]) -> list[Response]:
        """The log-probabilities of an answer's tokens after each text."""

        def ask(some: Sequence[str]) -> list[list[int]]:
            return [[round(-100 * value) for value in row] for row in self.model.score(some, ids)]

        found = self._answers("score", texts, answer, ask)
        return [Response(text=answer, logprobs=tuple(-n / 100 for n in row)) for row in found]

    def save(self) -> None:
        """Store all that is known, where anything was asked."""
        if not self._asked:
            return
        text = json.dumps(self._known, ensure_ascii=False, separators=(",", ":"))
        self._path.parent.mkdir(exist_ok=True)
        self._path.write_bytes(lzma.compress(text.encode(), preset=9))

    def _answers(
        self,
        kind: str,
        texts: Sequence[str],
        what: str | int,
        ask: Callable[[Sequence[str]], Sequence[Any]],
    ) -> list[Any]:
        keys = [_key(kind, text, what) for text in texts]
        missing = {k: t for k, t in zip(keys, texts, strict=True) if k not in self._known}
        if missing:
            self._known.update(zip(missing, ask(list(missing.values())), strict=True))
        return [self._known[key] for key in keys]


def _key(kind: str, text: str, what: str | int) -> str:
    return hashlib.sha256(f"{kind}\0{what}\0{text}".encode()).hexdigest()[:12]
