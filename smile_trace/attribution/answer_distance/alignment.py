"""Two sentences laid side by side: what stands in the same frame, and what took its place."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from smile_trace.attribution.answer_distance.edits import Edit, edits
from smile_trace.attribution.answer_distance.polarity import opposite_axis
from smile_trace.attribution.answer_distance.tokens import Kind, Sentence, Token


@dataclass(frozen=True)
class Replaced:
    """Tokens of the logged sentence, and those in their place (both may be empty)."""

    logged: tuple[Token, ...]
    response: tuple[Token, ...]


@dataclass(frozen=True)
class Alignment:
    """The logged sentence and the sentence of the response that says most of it."""

    logged: Sentence
    response: Sentence

    @cached_property
    def _blocks(self) -> list[Edit]:
        return edits(self.logged.keys, self.response.keys)

    @cached_property
    def pairs(self) -> list[tuple[Token, Token]]:
        """Tokens that stand in the same place and have the same key."""
        return [
            pair
            for tag, a, b, c, d in self._blocks
            if tag == "equal"
            for pair in zip(self.logged.tokens[a:b], self.response.tokens[c:d], strict=True)
        ]

    @cached_property
    def replaced(self) -> list[Replaced]:
        """What differs between the two, in order."""
        return [
            Replaced(self.logged.tokens[a:b], self.response.tokens[c:d])
            for tag, a, b, c, d in self._blocks
            if tag != "equal"
        ]

    @cached_property
    def window(self) -> tuple[Token, ...]:
        """The response from a little before the first to a little after the last shared token."""
        shared = [(c, d) for tag, _, _, c, d in self._blocks if tag == "equal"]
        if not shared:
            return self.response.tokens
        return self.response.tokens[max(shared[0][0] - 5, 0) : shared[-1][1] + 3]

    @cached_property
    def frame(self) -> float:
        """The share of both that is the same, in [0, 1]; what the response adds at its ends does
        not count."""
        shared = [(b - a, c, d) for tag, a, b, c, d in self._blocks if tag == "equal"]
        if not shared:
            return 0.0
        span = shared[-1][2] - shared[0][1]
        return 2 * sum(length for length, _, _ in shared) / (len(self.logged.tokens) + span)

    @cached_property
    def shared(self) -> float:
        """The share of both that the other says, too, in any order, in [0, 1]."""
        window = self.window
        left = Counter(token.key for token in window)
        both = (Counter(self.logged.keys) & left).total()
        return 2 * both / (len(self.logged.tokens) + len(window))

    @property
    def swapped(self) -> frozenset[str]:
        """The tokens that took each other's places in a frame that stayed, but for an opposite:
        *A beat B*, *B beat A*. Empty where none did."""
        both = [r for r in self.replaced if r.logged and r.response]
        if len(both) < 2 or len(both) != len(self.replaced):
            return frozenset()
        before = Counter(t.key for r in both for t in r.logged if not _has_opposite(t))
        after = Counter(t.key for r in both for t in r.response if not _has_opposite(t))
        telling = any(t.kind is not Kind.FUNCTION for r in both for t in r.logged)
        return frozenset(before) if telling and before == after else frozenset()


def _has_opposite(token: Token) -> bool:
    return token.kind is Kind.WORD and opposite_axis(token.key) is not None


def shared_weight(logged: Sentence, response: Sentence) -> float:
    """How much of the logged sentence's tokens the other one says, in [0, 1]."""
    left = Counter(response.keys)
    said = total = 0.0
    for token in logged.tokens:
        weight = 0.1 if token.kind is Kind.FUNCTION else 1.0
        total += weight
        if left[token.key]:
            left[token.key] -= 1
            said += weight
    return said / total if total else 1.0
