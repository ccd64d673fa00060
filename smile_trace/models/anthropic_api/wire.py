"""Anthropic's wire format: a Request as a body, a reply as a Response. Pure functions."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from smile_trace.dialects.parts import answer_of, read_message
from smile_trace.models.anthropic_api.messages import conversation
from smile_trace.models.anthropic_api.parameters import parameters
from smile_trace.models.base import Request, checked
from smile_trace.models.items import Item
from smile_trace.models.openai_api.wire import token_count
from smile_trace.providers.anthropic import Anthropic
from smile_trace.records import JSON, Response, Usage

PATH = "/v1/messages"

_PROVIDER = Anthropic()

_READ = ("system", "messages", "tools", "output_config")
"""What the model reads of a body: the schema of the answer, too."""
_TOOL_INSTRUCTIONS = 1000
"""More tokens than the instructions have that the service adds where tools are offered."""
_IMAGE = 8000
"""More tokens than one image has that is sent as an address."""


def body(request: Request, *, max_tokens: int) -> dict[str, JSON]:
    """The body of the HTTP request, but for the model.

    Raises:
        NotRepeatable: a part of its messages has no form in this API.
    """
    system, messages = conversation(request.messages, prefilled=request.prefilled)
    asked: dict[str, JSON] = {} if system is None else {"system": system}
    return {**asked, "messages": messages, **parameters(request, max_tokens=max_tokens)}


def token_bound(sent: Mapping[str, JSON]) -> Usage:
    """The cost bound of a body: a token per byte of input, and the limit of output tokens."""
    text = json.dumps({name: sent[name] for name in _READ if name in sent})
    read = len(text) + _IMAGE * text.count('"type": "image"')
    if sent.get("tools"):
        read += _TOOL_INSTRUCTIONS
    return Usage(input_tokens=read, output_tokens=sent["max_tokens"])


def responses(reply: object, items: Sequence[Item]) -> list[Response]:
    """The answer of a reply, as capture reads it, so that both are compared alike; there is one
    item."""
    answer = _PROVIDER.read_response(reply) if isinstance(reply, dict) else None
    message = None if answer is None else read_message(answer.messages[0])
    text = None if message is None else answer_of(message)
    if answer is None or text is None or not isinstance(reply, dict):
        return [Response(failure="the server's reply holds no answer") for _ in items]
    response = Response(
        text=text,
        finish_reason=next(iter(answer.finish_reasons), None),
        usage=_usage(reply.get("usage")),
    )
    return [checked(response, scored=False)]


def _usage(counts: Any) -> Usage | None:
    """The tokens that the server counted, those in its cache with them; None where it gives no
    counts to believe."""
    if not isinstance(counts, dict):
        return None
    cached = ("cache_read_input_tokens", "cache_creation_input_tokens")
    found = [counts.get("input_tokens"), *(counts.get(name) or 0 for name in cached)]
    read, written = [token_count(n) for n in found], token_count(counts.get("output_tokens"))
    if written is None or None in read:
        return None
    return Usage(input_tokens=sum(n or 0 for n in read), output_tokens=written)
