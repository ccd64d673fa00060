"""OpenAI's wire format: a Request as a body, a reply as Responses. Pure functions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smile_trace.models.base import Request
from smile_trace.records import JSON, Form, Message, Response, Usage

PATHS: dict[Form, str] = {"chat": "/chat/completions", "completion": "/completions"}

# Set by us: how many answers, in which shape they come, and what is asked.
_OURS = {
    *("n", "best_of", "stream", "stream_options", "echo", "logprobs", "top_logprobs"),
    *("model", "messages", "prompt"),
}
_CHAT_ONLY = {"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"}
_NAMES = {"stop_sequences": "stop"}


@dataclass(frozen=True)
class Item:
    """One request with the body that goes out for it, and the path that it goes to.

    `answer` is the given answer where it is scored, else None.
    """

    request: Request
    path: str
    body: dict[str, JSON]
    answer: str | None = None


@dataclass(frozen=True)
class Batch:
    """Items that share one HTTP request; `indices` are their places among all items."""

    indices: tuple[int, ...]
    items: tuple[Item, ...]

    @property
    def path(self) -> str:
        """Where the body goes."""
        return self.items[0].path

    @property
    def body(self) -> dict[str, JSON]:
        """The body of the HTTP request: a list of prompts where there are several items."""
        body = self.items[0].body
        if len(self.items) == 1:
            return body
        return {**body, "prompt": [item.body["prompt"] for item in self.items]}

    def split(self) -> list["Batch"]:
        """Each item on its own."""
        pairs = zip(self.indices, self.items, strict=True)
        return [Batch((index,), (item,)) for index, item in pairs]


def batches(items: Sequence[Item], *, size: int) -> list[Batch]:
    """The items, up to `size` in one HTTP request.

    Only completions whose bodies differ in nothing but the prompt come together.
    """
    alike: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        rest = {name: value for name, value in item.body.items() if name != "prompt"}
        together = "prompt" in item.body and size > 1
        key = json.dumps([item.path, rest], sort_keys=True) if together else str(index)
        alike.setdefault(key, []).append(index)
    return [
        Batch(part := tuple(group[start : start + size]), tuple(items[index] for index in part))
        for group in alike.values()
        for start in range(0, len(group), size)
    ]


def completion_prompt(messages: Sequence[Message]) -> str:
    """The one text that a completion model continues: the messages' contents, a line each."""
    return "\n".join(message.content for message in messages)


def parameters(request: Request, *, form: Form, max_tokens: int) -> dict[str, JSON]:
    """The call's own parameters as they are sent again.

    What decides the number and the shape of the answers is ours and left out. A replicate
    above 0 moves the seed, where there is one. `max_tokens` stands in where the call had none.
    """
    sent = {
        _NAMES.get(name, name): value
        for name, value in request.parameters.items()
        if name not in _OURS and value is not None
    }
    if form == "completion":
        sent = {name: value for name, value in sent.items() if name not in _CHAT_ONLY}
        if "max_completion_tokens" in sent:
            sent["max_tokens"] = sent.pop("max_completion_tokens")
    if "max_tokens" not in sent and "max_completion_tokens" not in sent:
        sent["max_tokens"] = max_tokens
    if isinstance(sent.get("seed"), int):
        sent["seed"] += request.replicate
    return sent


def question(messages: Sequence[Message], *, form: Form) -> dict[str, JSON]:
    """The part of the body that holds what is asked."""
    if form == "completion":
        return {"prompt": completion_prompt(messages)}
    return {"messages": [{"role": m.role, "content": m.content} for m in messages]}


def most_tokens(sent: Mapping[str, JSON]) -> Usage:
    """The most tokens that a body can use: one per byte of input, and the limit of output."""
    prompts = sent.get("prompt", sent.get("messages"))
    count = len(prompts) if "prompt" in sent and isinstance(prompts, list) else 1
    limit = sent.get("max_completion_tokens", sent.get("max_tokens", 0))
    tools = {name: sent[name] for name in ("tools", "functions") if name in sent}
    text = json.dumps([prompts, tools or None], ensure_ascii=False)
    return Usage(
        input_tokens=len(text.encode("utf-8", "surrogatepass")), output_tokens=count * int(limit)
    )


def responses(reply: object, count: int) -> list[Response]:
    """The reply's answers in the order of the `count` prompts that were sent.

    Usage stands on the response where one prompt was sent, or the server counts each. OpenAI's
    format has one count for all, and servers disagree on what it then counts.
    """
    if isinstance(reply, list) or (isinstance(reply, dict) and "tokens_predicted" in reply):
        replies = reply if isinstance(reply, list) else [reply]
        by_index = dict(_native(one, place) for place, one in enumerate(replies))
    elif isinstance(reply, dict) and isinstance(reply.get("choices"), list):
        by_index = dict(_choice(choice, place) for place, choice in enumerate(reply["choices"]))
        if count == 1 and 0 in by_index:
            usage = _usage(reply.get("usage"), "prompt_tokens", "completion_tokens")
            by_index[0] = by_index[0].model_copy(update={"usage": usage})
    else:
        return [Response(failure="the server's reply is not an OpenAI reply")] * count
    missing = Response(failure="the server left this prompt without an answer")
    return [by_index.get(index, missing) for index in range(count)]


def _choice(choice: Any, place: int) -> tuple[int, Response]:
    """One of OpenAI's choices, and the place of its prompt."""
    message = choice.get("message")
    reason = choice.get("finish_reason")
    text = choice.get("text") if message is None else message.get("content")
    if text is None and message and message.get("tool_calls"):
        calls = [call.get("function", call) for call in message["tool_calls"]]
        text = json.dumps(calls, ensure_ascii=False, sort_keys=True)
    index = choice.get("index", place)
    if text is None and reason == "content_filter":
        return index, Response(failure="the server's content filter kept the answer back")
    tokens, logprobs = _tokens(choice.get("logprobs"))
    return index, Response(text=text or "", tokens=tokens, logprobs=logprobs, finish_reason=reason)


def _native(reply: Any, place: int) -> tuple[int, Response]:
    """One of llama.cpp's own results, and the place of its prompt."""
    tokens, logprobs = _tokens({"content": reply.get("completion_probabilities")})
    return reply.get("index", place), Response(
        text=reply["content"],
        tokens=tokens,
        logprobs=logprobs,
        finish_reason="length" if reply.get("stop_type") == "limit" else "stop",
        usage=_usage(reply, "tokens_evaluated", "tokens_predicted"),
    )


def _tokens(
    logprobs: Any,
) -> tuple[tuple[str, ...] | None, tuple[float, ...] | None]:
    """Tokens and their log-probabilities, from the chat or the older completion layout."""
    if not isinstance(logprobs, dict):
        return None, None
    content = logprobs.get("content")
    if isinstance(content, list):
        return (
            tuple(str(item.get("token", "")) for item in content),
            tuple(float(item["logprob"]) for item in content),
        )
    if isinstance(logprobs.get("token_logprobs"), list):
        return tuple(logprobs.get("tokens") or ()), tuple(map(float, logprobs["token_logprobs"]))
    return None, None


def _usage(counts: Any, sent: str, got: str) -> Usage | None:
    if not isinstance(counts, dict):
        return None
    return Usage(input_tokens=counts.get(sent), output_tokens=counts.get(got))
