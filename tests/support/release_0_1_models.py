"""The planted models of the recorded cases: plain functions, made from a JSON description.

Nothing here knows smile-trace. A description is `{"name": …, and its parameters}`; chance is a
hash of the seed, the prompt and the draw, so that neither order nor threads matter.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

Says = Callable[[str, int], str]
"""From a prompt (its messages joined with line breaks) and which draw it is to an answer; a
ValueError is a failed call."""


def chance(seed: int, prompt: str, draw: int) -> float:
    """A number in [0, 1) that is the same whenever the three are."""
    digest = hashlib.sha256(f"{seed} {draw} {prompt}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


def says(described: Mapping[str, Any]) -> Says:
    """The function that a description stands for."""
    given = dict(described)
    return _MODELS[given.pop("name")](**given)


def _constant(text: str) -> Says:
    return lambda prompt, draw: text


def _any(words: list[str], said: str, otherwise: str) -> Says:
    """Says it where the prompt holds one of the words."""
    return lambda prompt, draw: said if any(word in prompt for word in words) else otherwise


def _all(words: list[str], said: str, otherwise: str) -> Says:
    """Says it where the prompt holds every word."""
    return lambda prompt, draw: said if all(word in prompt for word in words) else otherwise


def _lines(rules: list[list[str]], joint: str = " ") -> Says:
    """A piece of answer per rule [word, said, otherwise]."""
    return lambda prompt, draw: joint.join(
        said if word in prompt else otherwise for word, said, otherwise in rules
    )


def _noisy(model: dict[str, Any], rate: float, instead: list[str], seed: int) -> Says:
    """Another model that says something else now and then."""
    inner = says(model)

    def answer(prompt: str, draw: int) -> str:
        if chance(seed, prompt, draw) >= rate:
            return inner(prompt, draw)
        return instead[int(chance(seed + 1, prompt, draw) * len(instead))]

    return answer


def _failing(model: dict[str, Any], rate: float, seed: int, whole: str, why: str) -> Says:
    """Another model that fails at some prompts, though never at the whole one."""
    inner = says(model)

    def answer(prompt: str, draw: int) -> str:
        if whole not in prompt and chance(seed, prompt, draw) < rate:
            raise ValueError(why)
        return inner(prompt, draw)

    return answer


def _broken(why: str) -> Says:
    def answer(prompt: str, draw: int) -> str:
        raise ValueError(why)

    return answer


def _refusing_without(model: dict[str, Any], word: str, why: str) -> Says:
    """Another model that fails where a word is missing."""
    inner = says(model)

    def answer(prompt: str, draw: int) -> str:
        if word not in prompt:
            raise ValueError(why)
        return inner(prompt, draw)

    return answer


def _following(inner: dict[str, Any], marker: str, instruction: list[str]) -> Says:
    """Does as it is told: begins with the marker where every word of the instruction is there."""
    model = says(inner)

    def answer(prompt: str, draw: int) -> str:
        told = all(word in prompt.split() for word in instruction)
        return f"{marker}: {model(prompt, draw)}" if told else model(prompt, draw)

    return answer


_MODELS: dict[str, Callable[..., Says]] = {
    "constant": _constant,
    "any": _any,
    "all": _all,
    "lines": _lines,
    "noisy": _noisy,
    "failing": _failing,
    "broken": _broken,
    "refusing_without": _refusing_without,
    "following": _following,
}


def scores(described: Mapping[str, Any]) -> Callable[[str, str], tuple[list[str], list[float]]]:
    """Tokens of a given answer and their log-probabilities: a word that leans on words of the
    prompt is likely where they are there."""
    base, leans = float(described["base"]), described["leans"]

    def score(prompt: str, answer: str) -> tuple[list[str], list[float]]:
        words = answer.split(" ")
        tokens = [word if k == 0 else f" {word}" for k, word in enumerate(words)]
        logs = [
            -sum(loss for said, needed, loss in leans if said in word and needed not in prompt)
            - base
            for word in words
        ]
        return tokens, logs

    return score
