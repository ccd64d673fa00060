"""What a provider's client returns, captured: the call goes on, and its line can be read."""

import json

from smile_trace import record, trace
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.testing import captured
from tests.support.readers.base import ForeignReader, decoded_reply
from tests.support.readers.model_replies import MODEL_REPLIES
from tests.support.readers.spool_lines import read_calls_of


@trace(model="m")
def _ask(prompt: object) -> object:
    record(messages=prompt, response=prompt)
    return prompt


@trace
def _around(given: object) -> object:
    return given


def _read(data: bytes) -> None:
    try:
        value = decoded_reply(data)
    except ForeignDataError:
        return
    with captured() as seen:
        for call in (_ask, _around):
            assert call(value) is value
        assert len(seen.lines) == 2
        for line in seen.lines:
            assert not line.endswith(b"\n\n")
            read_calls_of(line)
        assert len(seen.spans) == 2


def _seeds() -> list[bytes]:
    parts = [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    asked = [{"role": "user", "content": parts}, {"role": "assistant", "tool_calls": [{}]}]
    anthropic = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "a"}]}
    responses = {"object": "response", "output": [{"type": "message", "content": parts}]}
    made = [asked, anthropic, responses, {"messages": asked, "system": "s"}]
    return [*MODEL_REPLIES.seeds(), *(json.dumps(each).encode() for each in made)]


CAPTURED_CALLS = ForeignReader("captured calls", _read, _seeds)
