"""The true log-probabilities of a given answer from vLLM, which scores the tokens of a prompt.

The answer is sent as the end of the prompt with `prompt_logprobs`, an extra parameter of vLLM's
OpenAI-compatible server; one token is generated and discarded.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from smile_trace._text.places import last_place
from smile_trace.models.base import Request
from smile_trace.models.items import Read
from smile_trace.models.openai_api.wire import completion_prompt, log_probability, question
from smile_trace.models.scoring.forced_decoding import continuation
from smile_trace.records import JSON, Form, Message, Response

_UNREADABLE = "\ufffd"


def extra(request: Request, answer: str, form: Form) -> dict[str, JSON]:
    """The fields of a body whose prompt ends with `answer`."""
    # 1: the likeliest token beside the actual one, for the gap to a greedy answer.
    asked: dict[str, JSON] = {"prompt_logprobs": 1}
    if form == "completion":
        prompt = completion_prompt(request.messages)
        return {"prompt": prompt + continuation(prompt, answer), **asked}
    messages = (*request.messages, Message(role="assistant", content=answer))
    begun = {"continue_final_message": True, "add_generation_prompt": False}
    return {**question(messages, form=form), **begun, **asked}


def read(answer: str) -> Read:
    """Reads a response as the score of `answer`, the last tokens of its prompt."""

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
    """The part of `answer` in each of the last tokens; None where `pieces` do not end with it.

    White space is ignored: chat templates strip it, and vLLM decodes every token by itself, which
    loses a leading space with some tokenizers. A token that ends inside a character is returned
    as "" and stands for characters beyond ASCII.
    """
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
    """Whether there are none, or tokens that could not be decoded may hold them."""
    return not characters or (unread and not any(c.isascii() for c in characters))


def _step(token: Mapping[str, Any]) -> tuple[str, float, float]:
    """Text, log-probability, and gap to the likeliest token (nats) of one prompt token.

    One or two are listed, by id; the actual token is the one with the larger rank.
    """
    listed = sorted(token.values(), key=lambda each: each["rank"])
    gap = listed[0]["logprob"] - listed[-1]["logprob"]
    return (
        str(listed[-1]["decoded_token"] or ""),
        log_probability(listed[-1]["logprob"]),
        max(gap, 0.0),
    )
