"""OpenAI's wire format: a Request as a body, a reply as Responses. Pure functions."""

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from smile_trace._guards import foreign
from smile_trace.models.base import Request, checked
from smile_trace.models.items import Batch, Item
from smile_trace.models.openai_api.responses_reply import as_completion, why_no_answer
from smile_trace.models.openai_api.tools import chat_parameters, responses_parameters
from smile_trace.records import (
    JSON,
    Form,
    Message,
    Response,
    ToolCall,
    Usage,
    chat_messages,
    responses_input,
)
from smile_trace.records.formats.answers import refusal_text, tool_calls_text

PATHS: dict[Form, str] = {
    "chat": "/chat/completions",
    "completion": "/completions",
    "responses": "/responses",
}

MAX_TOKENS = 10**9
"""More tokens than any request has."""

LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
FEWEST: dict[Form, int] = {"chat": 1, "completion": 1, "responses": 16}
"""The smallest limit that each API takes."""

# Set by us: how many answers, in which shape they come, and what is asked.
_OURS = {
    *("n", "best_of", "stream", "stream_options", "echo", "logprobs", "top_logprobs"),
    *("model", "messages", "prompt", "input", "instructions", "background"),
}
_CHAT_ONLY = {"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"}
_READ_BESIDE = ("tools", "functions", "instructions", "response_format", "text")
"""What the model reads of a body beside the messages: the schema of the answer, too."""
_NAMES = {"stop_sequences": "stop"}


def batches(items: Sequence[Item], *, size: int) -> list[Batch]:
    """The items, up to `size` in one HTTP request.

    Only completions whose bodies are equal but for the prompt share one. Requests that begin alike
    follow one another: a server that keeps what it computed of the last prompt computes the
    beginning that it shares with the next one once.
    """
    alike: dict[str, list[int]] = {}
    for index in _alike_in_turn([item.beginning for item in items]):
        item = items[index]
        rest = {name: value for name, value in item.body.items() if name != "prompt"}
        together = "prompt" in item.body and size > 1
        key = json.dumps([item.path, rest], sort_keys=True) if together else str(index)
        alike.setdefault(key, []).append(index)
    return [
        Batch(part := tuple(group[start : start + size]), tuple(items[index] for index in part))
        for group in alike.values()
        for start in range(0, len(group), size)
    ]


def _alike_in_turn(texts: Sequence[str]) -> Sequence[int]:
    """The texts' places in an order in which each shares most with the one before: as they are
    (every mask in turn is such an order), or sorted."""
    orders = (range(len(texts)), sorted(range(len(texts)), key=texts.__getitem__))
    return max(
        orders, key=lambda order: sum(_shared(texts[a], texts[b]) for a, b in pairwise(order))
    )


def _shared(one: str, other: str) -> int:
    """How many characters two texts have in common from the beginning."""
    lengths = range(1, min(len(one), len(other)) + 1)
    return bisect_left(lengths, True, key=lambda length: one[:length] != other[:length])


def completion_prompt(messages: Sequence[Message]) -> str:
    """The one text that a completion model continues: the messages' contents, a line each."""
    return "\n".join(message.content for message in messages)


def parameters(request: Request, *, form: Form, limit: Mapping[str, int]) -> dict[str, JSON]:
    """The call's own parameters as they are sent again.

    Those that decide the number and the shape of the answers are dropped. A replicate above 0
    shifts the seed, where there is one. Where the call had no limit of its own, the request's
    limit of the answer counts, or else `limit` (name and tokens).
    """
    shaped = responses_parameters if form == "responses" else chat_parameters
    sent = {
        _NAMES.get(name, name): value
        for name, value in shaped(request.parameters).items()
        if name not in _OURS and value is not None
    }
    if form == "completion":
        sent = {name: value for name, value in sent.items() if name not in _CHAT_ONLY}
        if "max_completion_tokens" in sent:  # the name in the chat API only
            sent["max_tokens"] = sent.pop("max_completion_tokens")
    limits = [sent[name] for name in LIMITS if name in sent]
    if not any(isinstance(tokens, int) and tokens > 0 for tokens in limits):
        own = {name: value for name, value in sent.items() if name not in LIMITS}
        for name, most in limit.items():
            own[name] = max(request.answer_limit or most, FEWEST[form])
        sent = own
    if isinstance(sent.get("seed"), int):
        sent["seed"] += request.replicate
    return sent


def question(messages: Sequence[Message], *, form: Form, made: Form = "chat") -> dict[str, JSON]:
    """The part of the body that holds what is asked, of a call that was `made` in some form."""
    if form == "completion":
        return {"prompt": completion_prompt(messages)}
    if form == "responses":
        return responses_input(messages)
    return {"messages": chat_messages(messages, as_sent=made == form)}


def token_bound(sent: Mapping[str, JSON]) -> Usage:
    """The cost bound of a body: a token per byte of input, and the limit of output tokens."""
    prompts = sent.get("prompt", sent.get("messages", sent.get("input")))
    count = len(prompts) if "prompt" in sent and isinstance(prompts, list) else 1
    limit = max((sent[name] for name in LIMITS if isinstance(sent.get(name), int)), default=0)
    beside = {name: sent[name] for name in _READ_BESIDE if name in sent}
    text = json.dumps([prompts, beside or None], ensure_ascii=False)
    return Usage(
        input_tokens=len(text.encode("utf-8", "surrogatepass")), output_tokens=count * limit
    )


def responses(reply: object, items: Sequence[Item]) -> list[Response]:
    """The reply's answers in the order of the items that were sent.

    A response has its usage where one prompt was sent, or the server counts each. OpenAI's format
    has one count for all, and servers disagree on what that counts.
    """
    read: Callable[[dict[str, Any]], Response] = _native
    if isinstance(reply, dict) and reply.get("object") == "response":
        if (why := why_no_answer(reply)) is not None:
            return [checked(Response(failure=why), scored=False) for _ in items]
        reply = as_completion(reply)
    if isinstance(reply, dict) and isinstance(reply.get("choices"), list):
        choices, read = reply["choices"], _choice
    elif isinstance(reply, list):
        choices = reply
    elif isinstance(reply, dict) and "tokens_predicted" in reply:
        choices = [reply]
    else:
        return [Response(failure="the server's reply is not an OpenAI reply") for _ in items]
    by_index = {choice.get("index", place): choice for place, choice in enumerate(choices)}
    answers = []
    for index, item in enumerate(items):
        choice = by_index.get(index)
        if choice is None:
            answers.append(Response(failure="the server left this prompt without an answer"))
            continue
        response = read(choice)
        if isinstance(reply, dict) and len(items) == 1 and "usage" in reply:
            usage = _usage(reply["usage"], "prompt_tokens", "completion_tokens")
            response = response.model_copy(update={"usage": usage})
        if item.read is not None and response.ok:
            whole = reply if isinstance(reply, dict) and len(items) == 1 else {}
            response = item.read(
                response, {**whole, **choice}
            )  # vLLM's chat scores are beside `choices`
        answers.append(checked(response, scored=item.read is not None))
    return answers


def _choice(choice: dict[str, Any]) -> Response:
    """One of OpenAI's choices."""
    message = choice.get("message")
    reason = choice.get("finish_reason")
    text = choice.get("text") if message is None else message.get("content")
    if message and message.get("tool_calls"):
        text = tool_calls_text(map(_tool_call, message["tool_calls"]))
    elif message and message.get("function_call"):
        text = tool_calls_text([_tool_call(message["function_call"])])
    elif message and message.get("refusal"):
        text = refusal_text(message["refusal"])
    elif not text and reason == "content_filter":
        text = refusal_text("")
    tokens, logprobs = _tokens(choice.get("logprobs"))
    return Response(text=text or "", tokens=tokens, logprobs=logprobs, finish_reason=reason)


def _tool_call(call: dict[str, Any]) -> ToolCall:
    """A call of a function, or of a custom tool, whose input is any text."""
    called = call.get("function") or call.get("custom") or call
    return ToolCall(
        name=str(called["name"]), arguments=called.get("arguments", called.get("input"))
    )


def _native(result: dict[str, Any]) -> Response:
    """One of llama.cpp's own results."""
    tokens, logprobs = _tokens({"content": result.get("completion_probabilities")})
    return Response(
        text=result["content"],
        tokens=tokens,
        logprobs=logprobs,
        finish_reason="length" if result.get("stop_type") == "limit" else "stop",
        usage=_usage(result, "tokens_evaluated", "tokens_predicted"),
    )


def _tokens(
    logprobs: Any,
) -> tuple[tuple[str, ...] | None, tuple[float, ...] | None]:
    """Tokens and their log-probabilities, from the chat or the older completion layout.

    (None, None) where one is missing or not finite: the text is as good without them.
    """
    if not isinstance(logprobs, dict):
        return None, None
    tokens, scores = logprobs.get("tokens") or (), logprobs.get("token_logprobs")
    if isinstance(content := logprobs.get("content"), list):
        tokens = [str(item.get("token", "")) for item in content]
        scores = [item["logprob"] for item in content]
    if not isinstance(scores, list) or None in scores:
        return None, None
    return tuple(tokens), tuple(map(log_probability, scores))


def log_probability(value: JSON) -> float:
    """A finite log-probability, at most 0 (rounding puts some above it).

    Raises:
        ForeignDataError: it is none.
    """
    return min(0.0, foreign.finite(value))


def _usage(counts: Any, sent: str, got: str) -> Usage | None:
    """The tokens that the server counted; None where it gives no two counts to believe."""
    if not isinstance(counts, dict):
        return None
    read, written = token_count(counts.get(sent)), token_count(counts.get(got))
    if read is None or written is None:
        return None
    return Usage(input_tokens=read, output_tokens=written)


def token_count(value: Any) -> int | None:
    """A server's count of tokens; None where it is no number from 0 to a billion."""
    counted = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKENS
    return value if counted else None
