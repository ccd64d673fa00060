"""OpenAI's wire format: a Request as a body, a reply as Responses. Pure functions."""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from smile_trace._guards import foreign
from smile_trace.models.base import Request, checked
from smile_trace.models.transport import Batch, Item
from smile_trace.records import (
    JSON,
    Form,
    Message,
    Prompted,
    Response,
    ToolCall,
    Usage,
    chat_messages,
    responses_input,
)
from smile_trace.records.formats.answers import refusal_text, tool_calls_text
from smile_trace.records.formats.reasoning import joined, reasoning_beside

_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


def why_no_answer(reply: dict[str, Any]) -> str | None:
    """Return why a reply with HTTP status 200 holds no answer (failed, cancelled, or not made yet);
    None if it holds one, cut short or not."""
    status = reply.get("status") or "completed"
    if status in ("completed", "incomplete"):
        return None
    said = (reply.get("error") or {}).get("message")
    return f"the server's response is {status}" + (f": {said}" if said else "")


def as_completion(reply: dict[str, Any]) -> dict[str, JSON]:
    """Return the reply as a chat completion of one choice: texts, refusal and tool calls."""
    texts: list[str] = []
    logprobs: list[JSON] = []
    message: dict[str, JSON] = {"role": "assistant", "content": None}
    for part in _contents(reply["output"]):
        if part.get("type") == "output_text":
            texts.append(part["text"])
            logprobs += part.get("logprobs") or []
        elif part.get("type") == "refusal":
            message["refusal"] = part["refusal"]
    if texts:
        message["content"] = "\n".join(texts)
    calls = [item for item in reply["output"] if item.get("type") in _CALLS]
    if calls:
        message["tool_calls"] = [
            {"function": {"name": item["name"], "arguments": item[_CALLS[item["type"]]]}}
            for item in calls
        ]
    if (thoughts := joined(*_thoughts(reply["output"]))) is not None:
        message["reasoning_content"] = thoughts
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": _finish_reason(reply),
        "logprobs": {"content": logprobs} if logprobs else None,
    }
    used = reply.get("usage") or {}
    names = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    return {"choices": [choice], "usage": {name: used.get(theirs) for name, theirs in names}}


def _contents(output: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in output:
        if item.get("type") == "message":
            yield from item["content"]


def _thoughts(output: list[dict[str, Any]]) -> Iterator[JSON]:
    """The texts of the reasoning, or else of its summary."""
    for item in output:
        if item.get("type") == "reasoning":
            texts = item.get("content") or item.get("summary") or ()
            yield from (part.get("text") for part in texts if isinstance(part, dict))


def _finish_reason(reply: dict[str, Any]) -> str:
    why = (reply.get("incomplete_details") or {}).get("reason")
    return {None: "stop", "max_output_tokens": "length"}.get(why, str(why))


_FUNCTION = ("name", "description", "parameters", "strict")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_RESPONSES_ONLY = ("include", "max_tool_calls", "truncation")
"""Parameters about the delivery of a response, or unknown to chat completions."""


def chat_parameters(parameters: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the parameters with tools, tool choice and answer format in the shape of chat
    completions; everything else stays as it is."""
    sent = dict(parameters)
    if isinstance(sent.get("tools"), list):
        sent["tools"] = [_tool(tool) for tool in sent["tools"]]
        if not sent["tools"]:  # refused
            del sent["tools"]
    choice = sent.get("tool_choice")
    if isinstance(choice, dict) and "name" in choice and "function" not in choice:
        sent["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    elif isinstance(choice, dict) and (kind := str(choice.get("type"))) in _CHOICES:
        sent["tool_choice"] = _CHOICES[kind]
    if "max_output_tokens" in sent:
        sent.setdefault("max_completion_tokens", sent.pop("max_output_tokens"))
    text, reasoning = sent.get("text"), sent.get("reasoning")
    if isinstance(text, dict):
        del sent["text"]
        if isinstance(text.get("format"), dict):
            sent["response_format"] = _format(text["format"])
        if "verbosity" in text:
            sent.setdefault("verbosity", text["verbosity"])
    if isinstance(reasoning, dict):
        del sent["reasoning"]
        if "effort" in reasoning:
            sent.setdefault("reasoning_effort", reasoning["effort"])
    return {name: value for name, value in sent.items() if name not in _RESPONSES_ONLY}


def responses_parameters(parameters: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the parameters for a call of the Responses API. The conventions have one name for the
    limit, and instrumentors write tools in either shape."""
    sent = dict(parameters)
    for name in ("max_tokens", "max_completion_tokens"):
        if name in sent:
            sent.setdefault("max_output_tokens", sent.pop(name))
    if isinstance(sent.get("tools"), list):
        sent["tools"] = [_flat(tool) for tool in sent["tools"]]
    return sent


def _flat(tool: JSON) -> JSON:
    if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
        return tool
    # Unlike chat completions, it is strict by default.
    return {"type": "function", "strict": False, **tool["function"]}


def _tool(tool: JSON) -> JSON:
    if not isinstance(tool, dict) or "function" in tool or not isinstance(tool.get("name"), str):
        return tool
    if "input_schema" in tool:  # Anthropic's name
        tool = {**tool, "parameters": tool["input_schema"]}
    known = {name: tool[name] for name in _FUNCTION if tool.get(name) is not None}
    return {"type": "function", "function": known}


def _format(given: Mapping[str, JSON]) -> JSON:
    if given.get("type") != "json_schema":
        return dict(given)
    schema = {name: value for name, value in given.items() if name != "type"}
    return {"type": "json_schema", "json_schema": schema}


PATHS: dict[Form, str] = {
    "chat": "/chat/completions",
    "completion": "/completions",
    "responses": "/responses",
}

MAX_TOKENS = 10**9

LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
FEWEST: dict[Form, int] = {"chat": 1, "completion": 1, "responses": 16}

# Set by us: how many answers, in which shape they come, and what is asked.
_OURS = {
    *("n", "best_of", "stream", "stream_options", "echo", "logprobs", "top_logprobs"),
    *("model", "messages", "prompt", "input", "instructions", "background"),
    "prediction",  # changes no answer, and what of it does not come true is billed as output
}
_LISTED_TIERS = ("auto", "default", "flex")
"""The values of `service_tier` that cost no more than the listed prices."""
_CHAT_ONLY = {"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"}
_READ_BESIDE = (
    *("tools", "functions", "instructions", "response_format", "text"),
    *("suffix", "chat_template_kwargs"),
)
"""The fields of a body that the model reads beside the messages, the answer's schema included."""
_NAMES = {"stop_sequences": "stop"}


def batches(items: Sequence[Item], *, size: int) -> list[Batch]:
    """Group the items, up to `size` in one HTTP request. Only completions whose bodies differ in
    nothing but the prompt share a request. Requests that begin alike follow one another: a server
    that caches its last prompt then computes their common beginning once."""
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
    """Return the texts' indices in an order in which each shares most with the one before: as given
    (every mask in turn is such an order), or sorted."""
    orders = (range(len(texts)), sorted(range(len(texts)), key=texts.__getitem__))
    return max(
        orders, key=lambda order: sum(_shared(texts[a], texts[b]) for a, b in pairwise(order))
    )


def _shared(one: str, other: str) -> int:
    lengths = range(1, min(len(one), len(other)) + 1)
    return bisect_left(lengths, True, key=lambda length: one[:length] != other[:length])


def completion_prompt(messages: Sequence[Message]) -> str:
    """Return the text that a completion model continues: the messages' contents, a line each."""
    return "\n".join(message.content for message in messages)


def parameters(request: Request, *, form: Form, limit: Mapping[str, int]) -> dict[str, JSON]:
    """Return the call's own parameters as they are sent again. Parameters that decide the number
    and shape of the answers are dropped. A replicate above 0 shifts the seed, if there is one. If
    the call had no limit of its own, the request's answer limit counts, or else `limit` (name and
    tokens)."""
    shaped = responses_parameters if form == "responses" else chat_parameters
    sent = {
        _NAMES.get(name, name): value
        for name, value in shaped(request.parameters).items()
        if name not in _OURS and value is not None
    }
    if sent.get("service_tier", "auto") not in _LISTED_TIERS:
        del sent["service_tier"]
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
    """Return the part of the body that holds the messages of a call `made` in some form."""
    if form == "completion":
        return {"prompt": completion_prompt(messages)}
    if form == "responses":
        return responses_input(messages)
    return {"messages": chat_messages(messages, as_sent=made == form)}


_IMAGE = 50_000
"""More tokens than an image is: at most 48,169, of eight tiles of gpt-4o-mini (OpenAI's guide
"Images and vision")."""
_IMAGES = ("image_url", "input_image")
"""The types of parts that are images."""


def _without_image_data(value: Any) -> Any:
    """The messages without images' data, in image parts only: any other text is read as words."""
    if isinstance(value, list | tuple):
        return [_without_image_data(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") in _IMAGES and (held := value.get("image_url")):
        address = held.get("url") if isinstance(held, dict) else held
        return {**value, "image_url": ""} if str(address).startswith("data:image/") else value
    return {name: _without_image_data(held) for name, held in value.items()}


def token_bound(sent: Mapping[str, JSON]) -> Usage:
    """Return a body's cost bound: a token per byte of input but images, which have a bound of their
    own whatever their file's size, and the limit of output tokens."""
    prompts = sent.get("prompt", sent.get("messages", sent.get("input")))
    count = len(prompts) if "prompt" in sent and isinstance(prompts, list) else 1
    limit = max((sent[name] for name in LIMITS if isinstance(sent.get(name), int)), default=0)
    beside = {name: sent[name] for name in _READ_BESIDE if name in sent}
    text = json.dumps([_without_image_data(prompts), beside or None], ensure_ascii=False)
    read = len(text.encode("utf-8", "surrogatepass"))
    images = text.count('"image_url":')
    return Usage(input_tokens=read + _IMAGE * images, output_tokens=count * limit)


def request_bound(prompted: Prompted, *, form: Form | None, max_tokens: int) -> Usage:
    """Return the `token_bound` of asking `prompted` or a perturbation of it. `form` None: as the
    call was made; `max_tokens`: the longest answer if the call sets no limit."""
    request = Request.of(prompted)
    form = form or request.form
    limit = "max_output_tokens" if form == "responses" else "max_tokens"
    sent = parameters(request, form=form, limit={limit: max_tokens})
    return token_bound({**question(request.messages, form=form), **sent})


def responses(reply: object, items: Sequence[Item]) -> list[Response]:
    """Return the reply's answers in the order of the items that were sent. A response has its usage
    if one prompt was sent, or the server counts each. OpenAI's format has one count for all, and
    servers disagree on what that counts."""
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
    return Response(
        text=text or "",
        tokens=tokens,
        logprobs=logprobs,
        finish_reason=reason,
        reasoning=reasoning_beside(message or {}),
    )


def _tool_call(call: dict[str, Any]) -> ToolCall:
    called = call.get("function") or call.get("custom") or call
    return ToolCall(
        name=str(called["name"]), arguments=called.get("arguments", called.get("input"))
    )


def _native(result: dict[str, Any]) -> Response:
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
    """Return tokens and log-probabilities, from the chat or the older completion layout; (None,
    None) if any is missing or not finite: the text is as good without them."""
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
    """Return a finite log-probability, at most 0 (rounding puts some above it). Raises
    ForeignDataError if the value is not a finite number."""
    return min(0.0, foreign.finite(value))


def _usage(counts: Any, sent: str, got: str) -> Usage | None:
    if not isinstance(counts, dict):
        return None
    read, written = token_count(counts.get(sent)), token_count(counts.get(got))
    if read is None or written is None:
        return None
    return Usage(input_tokens=read, output_tokens=written)


def token_count(value: Any) -> int | None:
    """Return a server's token count; None if it is not an integer from 0 to a billion."""
    counted = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKENS
    return value if counted else None
