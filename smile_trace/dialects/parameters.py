"""The parameters of other programs that may be sent on, and their ranges.

Instrumentors add what belongs to the client (`_type`, `api_base`, `context_window`), write lists as
texts, and defaults that nobody asked for (`max_tokens` of -1 or "Infinity"). Parameters that are
not in this list, or not of its type and range, are left out. Sources: the API references of OpenAI
(chat completions, completions, responses), Anthropic (messages), vLLM and llama.cpp (sampling).
"""

from collections.abc import Callable, Mapping

from smile_trace.dialects.attributes import read_json, read_list, read_text
from smile_trace.records import JSON

Read = Callable[[JSON], JSON]
"""Gives the value to send, or None if it may not be sent."""

_MOST_TOKENS = 10**7
_SCHEMA = {"inputSchema": "parameters"}


def _number(low: float, high: float) -> Read:
    def read(value: JSON) -> JSON:
        value = read_json(value)  # Semantic Kernel and Micrometer write numbers as texts
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return value if low <= value <= high else None

    return read


def _whole(low: int, high: int) -> Read:
    def read(value: JSON) -> JSON:
        value = read_json(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return value if low <= value <= high else None

    return read


def _stop(value: JSON) -> JSON:
    """Read a text or a list of texts, which may be written as a text."""
    if isinstance(value, str) and not value.startswith("["):
        return value or None
    texts = read_list(value)
    if not texts and isinstance(value, str):
        return value
    return texts if texts and all(isinstance(text, str) for text in texts) else None


def _object(value: JSON) -> JSON:
    read = read_json(value)
    return read if isinstance(read, dict) and read else None


def _objects(value: JSON) -> JSON:
    found = [item for item in map(read_json, read_list(value)) if isinstance(item, dict)]
    return found or None


def _tools(value: JSON) -> JSON:
    """Read definitions of tools, a schema by JavaScript's name for it under OpenAI's."""
    found = _objects(value)
    return found and [
        {_SCHEMA.get(name, name): given for name, given in tool.items()} for tool in found
    ]


def _texts(value: JSON) -> JSON:
    found = read_list(value)
    return found if found and all(isinstance(text, str) for text in found) else None


def _flag(value: JSON) -> JSON:
    return value if isinstance(value, bool) else None


def _choice(value: JSON) -> JSON:
    """Read a word or an object, which may be written as a text."""
    return _object(value) or (None if str(value).startswith("{") else read_text(value))


def _flag_or_count(value: JSON) -> JSON:
    return value if isinstance(value, bool) else _whole(0, 20)(value)


_TOKENS = _whole(1, _MOST_TOKENS)
SENDABLE: dict[str, Read] = {
    "temperature": _number(0, 5),
    "top_p": _number(0, 1),
    "top_k": _whole(1, 10**6),
    "min_p": _number(0, 1),
    "frequency_penalty": _number(-2, 2),
    "presence_penalty": _number(-2, 2),
    "repetition_penalty": _number(0.01, 10),
    "seed": _whole(-(2**63), 2**63 - 1),
    "max_tokens": _TOKENS,
    "max_completion_tokens": _TOKENS,
    "max_output_tokens": _TOKENS,
    "stop": _stop,
    "stop_sequences": _stop,
    "n": _whole(1, 128),
    "best_of": _whole(1, 128),
    "logit_bias": _object,
    "logprobs": _flag_or_count,
    "top_logprobs": _whole(0, 20),
    "tools": _tools,
    "functions": _objects,
    "tool_choice": _choice,
    "function_call": _choice,
    "parallel_tool_calls": _flag,
    "response_format": _object,
    "text": _object,
    "reasoning": _object,
    "thinking": _object,
    "reasoning_effort": read_text,
    "verbosity": read_text,
    "suffix": read_text,
    "include": _texts,
    "store": _flag,
    "truncation": read_text,
    "service_tier": read_text,
    "prompt_cache_key": read_text,
    "modalities": _texts,
    "prediction": _object,
    "output_config": _object,
    "output_format": _object,
    "typical_p": _number(0, 1),
    "min_tokens": _whole(0, _MOST_TOKENS),
    "chat_template_kwargs": _object,
    "guided_json": _object,
    "guided_regex": read_text,
    "guided_choice": _texts,
    "grammar": read_text,
    "betas": _texts,
    "web_search_options": lambda value: value if isinstance(value, dict) else None,
    "previous_response_id": read_text,
    "conversation": _choice,
    "prompt": _object,
    "container": _choice,
    "mcp_servers": _objects,
    "context_management": _object,
}
"""Every parameter by its name in the provider's API. Those from `web_search_options` on are never
sent: calls with them cannot be made again (`parts.why_not_repeatable`)."""


_PLACES = {name: place for place, name in enumerate(SENDABLE)}


def sendable(
    written: Mapping[str, JSON], invented: Mapping[str, JSON] | None = None
) -> dict[str, JSON]:
    """The parameters that may be sent on, without defaults `invented` by the instrumentor; JSON
    beyond the bounds is a ForeignDataError."""
    found: dict[str, JSON] = {}
    for name in sorted(written.keys() & SENDABLE.keys(), key=_PLACES.__getitem__):
        read, value = SENDABLE[name], written[name]
        if value is None or (invented and name in invented and value == invented[name]):
            continue
        if (sent := read(value)) is not None:
            found[name] = sent
    return found
