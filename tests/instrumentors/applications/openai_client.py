"""OpenAI's client: chat completions and responses."""

import os

from openai import OpenAI
from texts import CONTEXT, MODEL, NUMBERED, QUESTION, RESULT, SYSTEM, TOOL
from tracing import traced, tracing

CHAT = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": CONTEXT}]
ASK = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]

with tracing():
    client = traced(OpenAI(base_url=os.environ["MODEL_URL"], api_key="no key"))
    chat = client.chat.completions
    chat.create(
        model=MODEL, messages=CHAT, temperature=0, top_p=0.9, max_tokens=50, seed=7, stop=["\n\n"]
    )
    for _ in chat.create(model=MODEL, messages=CHAT, temperature=0, stream=True):
        pass
    asked = chat.create(model=MODEL, messages=ASK, temperature=0, tools=[TOOL])
    call = asked.choices[0].message
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": RESULT}
    after = [*ASK, call.model_dump(exclude_none=True), result]
    chat.create(model=MODEL, messages=after, temperature=0, tools=[TOOL])
    parts = [{"type": "text", "text": text} for text in (NUMBERED, QUESTION)]
    chat.create(model=MODEL, messages=[ASK[0], {"role": "user", "content": parts}], temperature=0)
    client.responses.create(model=MODEL, instructions=SYSTEM, input=CONTEXT, temperature=0)
