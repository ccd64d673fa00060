"""One case under one signal, as every explainer asks it: masks in, numbers out, calls counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.attribution.cases import Case
from smile_trace.attribution.answer_change.response_scores import log_probability, share_lost
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.records import Response, Signal

Array = NDArray[np.float64]
Masks = NDArray[np.bool_]


class Answering(Protocol):
    """Where responses come from: the real model's `Scores`, or a planted one."""

    def generate(self, texts: Sequence[str]) -> list[Response]: ...

    def score(self, texts: Sequence[str], answer: str) -> list[Response]: ...


class TooMany(Exception):
    """More distinct texts than the question's limit."""


@dataclass
class Question:
    """Why does the model give this answer?

    The players are the case's words; those of the protected tail are none. `asked` holds the
    distinct texts that were asked for, which is what a call is; the unperturbed prompt is one of
    them. A mask that leaves nothing to send asks nothing and has the value 0.

    Args:
        case: the prompt.
        signal: "probability" asks for the log-probabilities of the case's one-word answer,
            "text" for what the model says, compared with what it says to the whole prompt.
        scores: where responses come from.
    """

    case: Case
    signal: Signal
    scores: Answering
    asked: set[str] = field(default_factory=set)
    limit: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        said = "" if self.signal == "probability" else self.scores.generate([self.case.prompt])[0]
        self.answer = " " + self.case.answer if isinstance(said, str) else said.text or ""
        self._text_change = text_comparison(self.answer, None, cut=True)

    def again(self) -> "Question":
        """The same question, nothing asked yet."""
        return Question(self.case, self.signal, self.scores)

    @property
    def players(self) -> tuple[str, ...]:
        """The texts that can be removed, in order."""
        return self.case.words

    @property
    def size(self) -> int:
        """How many players there are."""
        return len(self.players)

    def text(self, keep: Sequence[bool] | Masks) -> str:
        """The prompt with only these players; "" where nothing is left."""
        retained = [word for word, kept in zip(self.players, keep, strict=True) if kept]
        return " ".join([*retained, *self.case.tail])

    def responses(self, texts: Sequence[str]) -> list[Response]:
        """What comes back for texts that are not empty; each distinct one is a call.

        Raises:
            TooMany: there is a limit, and these would be more.
            ValueError: one is not the prompt with words removed; its explainer is run wrongly.
        """
        if strange := [text for text in texts if not self._is_left(text)]:
            raise ValueError(f"{strange[0]!r} is no part of {self.case.prompt!r}")
        if self.limit is not None and len(self.asked.union(texts)) > self.limit:
            raise TooMany
        self.asked.update(texts)
        if self.signal == "probability":
            return self.scores.score(texts, self.answer)
        return self.scores.generate(texts)

    def values(self, keep: Masks) -> Array:
        """How much of the answer is left under each mask, in [0, 1], shape (rows,).

        Probability: the geometric mean over the answer's tokens, of one token its probability.
        Text: 1 − smile-trace's text distance, which the peers are given too.
        """
        return self.values_of([self.text(mask) for mask in np.asarray(keep, dtype=bool)])

    def values_of(self, texts: Sequence[str]) -> Array:
        """`values`, of texts."""
        known = dict(
            zip(some := [t for t in texts if t.strip()], self.responses(some), strict=True)
        )
        return np.array([self._value(known.get(text)) for text in texts])

    def logits(self, keep: Masks) -> Array:
        """log p − log(1 − p) of the whole answer's probability p; of the value, in text."""
        if self.signal == "text":
            p = self.values(keep)
        else:
            texts = [self.text(mask) for mask in np.asarray(keep, dtype=bool)]
            known = dict(
                zip(some := [t for t in texts if t.strip()], self.responses(some), strict=True)
            )
            sums = [sum(known[t].logprobs or ()) if t in known else -np.inf for t in texts]
            p = np.exp(np.array(sums))
        p = np.clip(p, 1e-6, 1 - 1e-6)
        logits: Array = np.log(p) - np.log1p(-p)
        return logits

    def changes(self, keep: Masks) -> Array:
        """The answer change of each mask: 1 − value / value of the whole prompt, in [0, 1]."""
        whole = float(self.values(np.ones((1, self.size), dtype=bool))[0])
        return np.clip(1 - self.values(keep) / max(whole, 1e-12), 0, 1)

    def _is_left(self, text: str) -> bool:
        """Whether the text holds nothing but words of the prompt, in their order."""
        words = iter(self.case.prompt.split())
        return all(word in words for word in text.split())

    def _value(self, response: Response | None) -> float:
        if response is None:
            return 0.0
        if self.signal == "probability":
            logprobs = response.logprobs or ()
            return 1 - share_lost(log_probability(logprobs), 0.0, len(logprobs))
        return 1 - self._text_change.changes([response.text or ""])[0]


def every_mask(size: int) -> Masks:
    """All keep-masks, shape (2**size, size); row k keeps the players whose bit of k is set."""
    masks: Masks = (np.arange(2**size)[:, None] >> np.arange(size)) & 1 == 1
    return masks
