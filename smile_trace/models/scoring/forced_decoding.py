"""Forced decoding: the true log-probabilities of a given answer, from llama.cpp."""

import unicodedata
from collections.abc import Sequence

from smile_trace.models.items import Read
from smile_trace.records import JSON, Response

# Scripts that put no space between words: Thai, Lao, Tibetan, Myanmar, Khmer.
_UNSPACED = ((0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF))


def body(prompt: str, tokens: Sequence[int]) -> dict[str, JSON]:
    """A completion body in which exactly `tokens` can be generated after `prompt`.

    The grammar is one of tokens: a grammar of characters would let the sampler take another
    tokenisation of the same text, which is far less likely. The log-probabilities in the reply
    are those of the unconstrained model.
    """
    return {
        "prompt": prompt,
        "grammar": "root ::= " + " ".join(f"<[{token}]>" for token in tokens),
        "max_tokens": len(tokens),
        "temperature": 0,
        "n_probs": 1,
    }


def read(answer: str, count: int) -> Read:
    """Reads the response to a forced body as the score of `answer`'s `count` tokens."""

    def score(response: Response, result: dict[str, JSON]) -> Response:
        if response.logprobs is None or len(response.logprobs) != count:
            failure = "prompt and answer together are longer than the model's context"
            return Response(failure=failure, usage=response.usage)
        return response.model_copy(update={"text": answer, "likeliest_by": _gap(result)})

    return score


def _gap(result: dict[str, JSON]) -> float | None:
    """The largest gap between the likeliest token and the forced one, in nats."""
    steps = result.get("completion_probabilities") or []
    if not all(step.get("top_logprobs") for step in steps):
        return None
    gaps = (step["top_logprobs"][0]["logprob"] - step["logprob"] for step in steps)
    return max((max(gap, 0.0) for gap in gaps), default=None)


def continuation(prompt: str, answer: str) -> str:
    """`answer` as it would continue `prompt`: answers are often stripped of a leading space.

    Without that space the model would have to join two words, which it never does. None is
    inserted where the prompt ends in white space, an opening bracket, a quote, a dash or a
    slash, or where either side is in a script without spaces.
    """
    if not prompt or not answer or prompt[-1].isspace() or answer[0].isspace():
        return answer
    before, after = prompt[-1], answer[0]
    if unicodedata.category(before) in ("Ps", "Pi", "Pd") or before in "\"'`/\\@#_=":
        return answer
    if unicodedata.category(after) in ("Pe", "Pf", "Po") or _unspaced(before) or _unspaced(after):
        return answer
    return " " + answer


def _unspaced(character: str) -> bool:
    wide = unicodedata.east_asian_width(character) in ("W", "F")
    return wide or any(low <= ord(character) <= high for low, high in _UNSPACED)
