"""Anthropic's client."""

import os

from anthropic import Anthropic
from texts import CONTEXT, FUNCTION, NUMBERED, PARAMETERS, QUESTION, RESULT, SYSTEM
from tracing import traced, tracing

REQUEST = {"model": "claude-sonnet-4-5", "max_tokens": 50, "system": SYSTEM}
CHAT = [{"role": "user", "content": CONTEXT}]
ASK = [{"role": "user", "content": QUESTION}]
TOOL = {
    "name": FUNCTION["name"],
    "description": FUNCTION["description"],
    "input_schema": PARAMETERS,
}

with tracing():
    client = traced(Anthropic(base_url=os.environ["ANTHROPIC_URL"], api_key="no key"))
    messages = client.messages
    messages.create(**REQUEST, messages=CHAT, stop_sequences=["Human:"])
    for _ in messages.create(**REQUEST, messages=CHAT, stream=True):
        pass
    with messages.stream(**REQUEST, messages=CHAT) as stream:
        stream.get_final_message()
    asked = messages.create(**REQUEST, messages=ASK, tools=[TOOL])
    call = asked.content[-1]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": RESULT}
    again = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}
    after = [
        *ASK,
        {"role": "assistant", "content": [again]},
        {"role": "user", "content": [result]},
    ]
    messages.create(**REQUEST, messages=after, tools=[TOOL])
    parts = [{"type": "text", "text": text} for text in (NUMBERED, QUESTION)]
    messages.create(**REQUEST, messages=[{"role": "user", "content": parts}])
