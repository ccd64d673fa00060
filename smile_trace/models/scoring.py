"""Three ways to get the log-probability of a given answer.

OpenAI's APIs give the likeliest alternatives of the first token. llama.cpp is forced to generate
the answer, token by token. vLLM scores the tokens of a prompt (`prompt_logprobs`, an extra
parameter of its server): the answer is sent as the end of the prompt, and one token is generated
and discarded.
"""

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smile_trace._text.places import last_place
from smile_trace.models.base import Request
from smile_trace.models.openai_wire import completion_prompt, log_probability, question
from smile_trace.models.transport import Read
from smile_trace.records import JSON, Form, Message, Response

# -- the first token ---------------------------------------------------------------------------

TOP_ALTERNATIVES = {"chat": 20, "completion": 5, "responses": 20}


def first_token_fields(form: Form) -> dict[str, JSON]:
    """Return the fields of a body that ask for each token's likeliest alternatives."""
    if form == "chat":
        return {"logprobs": True, "top_logprobs": TOP_ALTERNATIVES[form]}
    if form == "responses":
        return {"top_logprobs": TOP_ALTERNATIVES[form], "include": ["message.output_text.logprobs"]}
    return {"logprobs": TOP_ALTERNATIVES[form]}


def read_first_token(answer: str) -> Read:
    """Return a reader of the log-probability that the first token agrees with `answer`. It sums the
    probabilities of all listed tokens that begin the answer, leading white space ignored. If none
    does, the probability of the least likely listed token is an upper bound."""
    wanted = answer.lstrip()

    def score(response: Response, choice: dict[str, JSON]) -> Response:
        found = _alternatives(choice.get("logprobs"))
        listed = {token: logprob for token, logprob in found if math.isfinite(logprob)}
        if not listed:
            failure = 'the server gives no log-probabilities: use the signal "text"'
            return Response(failure=failure, usage=response.usage)
        agreeing = [
            logprob
            for token, logprob in listed.items()
            if token.strip() and wanted.startswith(token.lstrip())
        ]
        if agreeing:
            logprob = math.log(min(1.0, sum(math.exp(each) for each in agreeing)))
        else:
            logprob = min(listed.values())
        update = {"text": answer, "tokens": (wanted[:1],), "logprobs": (logprob,)}
        return response.model_copy(update=update)

    return score


def _alternatives(logprobs: Any) -> Iterator[tuple[str, float]]:
    """Yield the first position's tokens and log-probabilities, chat or completion layout."""
    if not isinstance(logprobs, dict):
        return
    content = logprobs.get("content")
    if content:
        for item in (content[0], *(content[0].get("top_logprobs") or ())):
            yield item["token"], log_probability(item["logprob"])
    elif logprobs.get("top_logprobs"):
        for token, logprob in logprobs["top_logprobs"][0].items():
            yield token, log_probability(logprob)


# -- all tokens, forced (llama.cpp) --------------------------------------------------------------

# Scripts that put no space between words: Thai, Lao, Tibetan, Myanmar, Khmer.
_UNSPACED = ((0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF))


def forced_body(prompt: str, tokens: Sequence[int]) -> dict[str, JSON]:
    """Return a completion body in which exactly `tokens` can be generated after `prompt`. A grammar
    of characters would let the sampler take another, far less likely tokenisation of the same text,
    so this one is of tokens. The reply has the log-probabilities of the unconstrained model."""
    return {
        "prompt": prompt,
        "grammar": "root ::= " + " ".join(f"<[{token}]>" for token in tokens),
        "max_tokens": len(tokens),
        "temperature": 0,
        "n_probs": 1,
    }


def read_forced(answer: str, count: int) -> Read:
    """Return a reader of the response to a forced body as the score of `answer`."""

    def score(response: Response, result: dict[str, JSON]) -> Response:
        if response.logprobs is None or len(response.logprobs) != count:
            failure = "prompt and answer together are longer than the model's context"
            return Response(failure=failure, usage=response.usage)
        return response.model_copy(update={"text": answer, "likeliest_by": _gap(result)})

    return score


def _gap(result: dict[str, JSON]) -> float | None:
    """Return the largest gap between the likeliest token and the forced one, in nats."""
    steps = result.get("completion_probabilities") or []
    if not all(step.get("top_logprobs") for step in steps):
        return None
    gaps = (step["top_logprobs"][0]["logprob"] - step["logprob"] for step in steps)
    return max((max(gap, 0.0) for gap in gaps), default=None)


def continuation(prompt: str, answer: str) -> str:
    """Return `answer` as it would continue `prompt`: answers are often stripped of a leading space.
    Without that space the model would have to join two words, which it never does. None is inserted
    if the prompt ends in white space, an opening bracket, a quote, a dash or a slash, or if either
    side is in a script without spaces."""
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


# -- all tokens, as the end of a prompt (vLLM) ---------------------------------------------------

_UNREADABLE = "\ufffd"


def prompt_logprobs_fields(request: Request, answer: str, form: Form) -> dict[str, JSON]:
    """Return the fields of a body whose prompt ends with `answer`."""
    # 1: the likeliest token beside the actual one, for the gap to a greedy answer.
    asked: dict[str, JSON] = {"prompt_logprobs": 1}
    if form == "completion":
        prompt = completion_prompt(request.messages)
        return {"prompt": prompt + continuation(prompt, answer), **asked}
    messages = (*request.messages, Message(role="assistant", content=answer))
    begun = {"continue_final_message": True, "add_generation_prompt": False}
    return {**question(messages, form=form), **begun, **asked}


def read_prompt_logprobs(answer: str) -> Read:
    """Return a reader of a response as the score of `answer`, the last tokens of its prompt."""

    def score(response: Response, choice: dict[str, JSON]) -> Response:
        # The very first token has no log-probability.
        steps = [_step(token) for token in choice.get("prompt_logprobs") or [] if token]
        tokens = last_tokens(answer, [step[0] for step in steps])
        if tokens is None:
            failure = "the server's prompt_logprobs do not end with the answer"
            return Response(failure=failure, usage=response.usage)
        own = steps[len(steps) - len(tokens) :]
        update = {"text": answer, "tokens": tokens, "logprobs": tuple(step[1] for step in own)}
        by = max((step[2] for step in own), default=0.0)
        return response.model_copy(update={**update, "likeliest_by": by})

    return score


def last_tokens(answer: str, pieces: Sequence[str]) -> tuple[str, ...] | None:
    """Return the part of `answer` in each of the last tokens; None if `pieces` do not end with it.
    White space is ignored: chat templates strip it, and vLLM decodes every token by itself, which
    loses a leading space with some tokenizers. A token that ends inside a character is returned as
    "" and stands for characters beyond ASCII."""
    places = [place for place, character in enumerate(answer) if not character.isspace()]
    rest = "".join(answer[place] for place in places)
    tokens: list[str] = []
    unread = False
    for piece in reversed(pieces):
        if not rest:
            break
        word = "".join(piece.split())
        start = last_place(rest, word)
        if not word or _UNREADABLE in word:
            unread = unread or not piece.isspace()
            tokens.append("")
        elif start >= 0 and _hidden(rest[start + len(word) :], unread):
            before = places[start - 1] + 1 if start else 0
            tokens.append(answer[before : places[start + len(word) - 1] + 1])
            rest, unread = rest[:start], False
        elif word.endswith(rest):  # the prompt's end and the answer's beginning in one token
            tokens.append(answer[: places[len(rest) - 1] + 1])
            rest = ""
        else:
            break
    return tuple(reversed(tokens)) if _hidden(rest, unread) else None


def _hidden(characters: str, unread: bool) -> bool:
    """Whether there are none, or undecodable tokens may hold them."""
    return not characters or (unread and not any(c.isascii() for c in characters))


def _step(token: Mapping[str, Any]) -> tuple[str, float, float]:
    """Return a prompt token's text, log-probability, and gap to the likeliest token (nats). One or
    two tokens are listed, by id; the actual one has the larger rank."""
    listed = sorted(token.values(), key=lambda each: each["rank"])
    gap = listed[0]["logprob"] - listed[-1]["logprob"]
    return (
        str(listed[-1]["decoded_token"] or ""),
        log_probability(listed[-1]["logprob"]),
        max(gap, 0.0),
    )
