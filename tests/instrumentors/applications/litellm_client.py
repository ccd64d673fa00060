"""LiteLLM's client."""

import os

import litellm
from texts import CONTEXT, MODEL, NUMBERED, QUESTION, RESULT, SYSTEM, TOOL
from tracing import tracing

CHAT = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": CONTEXT}]
ASK = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
REQUEST = {
    "model": f"openai/{MODEL}",
    "api_base": os.environ["MODEL_URL"],
    "api_key": "no key",
    "temperature": 0,
}

with tracing():
    litellm.completion(**REQUEST, messages=CHAT, max_tokens=50, seed=7)
    for _ in litellm.completion(**REQUEST, messages=CHAT, stream=True):
        pass
    asked = litellm.completion(**REQUEST, messages=ASK, tools=[TOOL])
    call = asked.choices[0].message
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": RESULT}
    calls = [
        {"id": c.id, "type": "function", "function": dict(c.function)} for c in call.tool_calls
    ]
    again = {"role": "assistant", "content": None, "tool_calls": calls}
    litellm.completion(**REQUEST, messages=[*ASK, again, result], tools=[TOOL])
    parts = [{"type": "text", "text": text} for text in (NUMBERED, QUESTION)]
    litellm.completion(**REQUEST, messages=[ASK[0], {"role": "user", "content": parts}])
