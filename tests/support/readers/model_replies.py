"""Replies of a model's server: a response or a failure, never an exception."""

import json
from typing import Any

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.models import Request, openai_wire
from smile_trace.models.kinds import anthropic
from smile_trace.models.scoring import read_first_token, read_prompt_logprobs
from smile_trace.models.transport import Item
from smile_trace.models.transport import read_reply as read_responses
from smile_trace.records import Message, Response
from tests.support.readers.base import ForeignReader, decoded_reply

REQUEST = Request(messages=(Message(role="user", content="x"),), form="chat", parameters={})
REPLY = {
    "choices": [
        {
            "index": 0,
            "message": {"content": "a", "tool_calls": [{"function": {"name": "f"}}]},
            "logprobs": {"content": [{"token": "a", "logprob": -0.5, "top_logprobs": []}]},
            "prompt_logprobs": [None, {"7": {"logprob": -1, "rank": 1, "decoded_token": "a"}}],
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4},
}
_COMPLETION = {
    "choices": [
        {
            "index": index,
            "text": "a b",
            "logprobs": {
                "tokens": ["a", " b"],
                "token_logprobs": [-0.1, -0.2],
                "top_logprobs": [{"a": -0.1, "c": -3.0}, {" b": -0.2}],
            },
            "finish_reason": "length",
        }
        for index in range(2)
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}
_NATIVE = {
    "content": "a",
    "tokens_predicted": 1,
    "tokens_evaluated": 2,
    "stop_type": "limit",
    "completion_probabilities": [{"token": "a", "logprob": -0.5}],
}
_MESSAGE = {
    "type": "message",
    "content": [
        {"type": "thinking", "thinking": "a", "signature": "b"},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "c", "name": "f", "input": {"x": [1]}},
    ],
    "stop_reason": "refusal",
    "stop_details": {"explanation": "no"},
    "usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5},
}
_SCORERS = (None, read_first_token("a"), read_prompt_logprobs("a"))


def read_reply(reply: Any) -> None:
    """See that a reply, behind the gate, gives responses that can be stored and read again."""
    for scorer in _SCORERS:
        item = Item(REQUEST, "/c", {}, None if scorer is None else "a", scorer)
        for count in (1, 2):
            responses = read_responses(openai_wire.responses, reply, (item,) * count)
            assert len(responses) == count
            for response in responses:
                _check(response)
    [response] = read_responses(anthropic.responses, reply, (Item(REQUEST, "/m", {}),))
    _check(response)


def _check(response: Response) -> None:
    assert Response.model_validate_json(response.model_dump_json()) == response
    assert all(-1e308 < each <= 0 for each in response.logprobs or ())


def _read(data: bytes) -> None:
    try:
        reply = foreign.clean(decoded_reply(data))
    except ForeignDataError:
        return
    read_reply(reply)


def _seeds() -> list[bytes]:
    failed = {"error": {"message": "no", "code": "x"}}
    replies = [REPLY, _COMPLETION, _NATIVE, _MESSAGE, [_NATIVE], failed]
    return [json.dumps(reply).encode() for reply in replies]


MODEL_REPLIES = ForeignReader("model replies", _read, _seeds)
