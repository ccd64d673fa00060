"""LiteLLM's client, traced by its own callback, in each form in which it is asked."""

import asyncio
import os

import litellm
from texts import (
    CONTEXT,
    FUNCTION,
    MODEL,
    NUMBERED,
    PARAMETERS,
    QUESTION,
    RESULT,
    SCHEMA,
    SYSTEM,
    TOOL,
)
from tracing import tracing

GPT = {"model": f"openai/{MODEL}", "api_base": os.environ["MODEL_URL"], "api_key": "no key"}
CLAUDE = {
    "model": "anthropic/claude-sonnet-4-5",
    "api_base": os.environ["ANTHROPIC_URL"],
    "api_key": "no key",
    "max_tokens": 50,
}
CHAT = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": CONTEXT}]
ASK = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
PARTS = [{"type": "text", "text": text} for text in (NUMBERED, QUESTION)]
ITEM_TOOL = {"type": "function", "strict": False, **FUNCTION}
CLAUDE_TOOL = {
    "name": FUNCTION["name"],
    "description": FUNCTION["description"],
    "input_schema": PARAMETERS,
}
THOUGHT = {"type": "thinking", "thinking": "They ask about a kettle.", "signature": "c2lnbmVk"}


async def chats() -> None:
    """Chat completions."""
    litellm.completion(**GPT, messages=CHAT, temperature=0.2, max_tokens=50, seed=7)
    await litellm.acompletion(**GPT, messages=CHAT, stop=["Human:"])
    async for _ in await litellm.acompletion(**GPT, messages=ASK, tools=[TOOL], stream=True):
        pass
    said = (await litellm.acompletion(**GPT, messages=ASK, tools=[TOOL])).choices[0].message
    result = {"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": RESULT}
    await litellm.acompletion(**GPT, messages=[*ASK, said, result], tools=[TOOL])
    await litellm.acompletion(**GPT, messages=[ASK[0], {"role": "user", "content": PARTS}])
    form = {"type": "json_schema", "json_schema": {"name": "warranty", "schema": SCHEMA}}
    await litellm.acompletion(**GPT, messages=CHAT, response_format=form)


async def responses() -> None:
    """OpenAI's Responses API."""
    given = {**GPT, "instructions": SYSTEM}
    litellm.responses(**given, input=CONTEXT, temperature=0.2)
    asked = [{"role": "user", "content": QUESTION}]
    call = (await litellm.aresponses(**given, input=asked, tools=[ITEM_TOOL])).output[-1]
    called = {"type": "function_call", "call_id": call.call_id}
    called |= {"name": call.name, "arguments": call.arguments}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
    await litellm.aresponses(**given, input=[*asked, called, result], tools=[ITEM_TOOL])
    async for _ in await litellm.aresponses(**given, input=CONTEXT, stream=True):
        pass


async def messages() -> None:
    """Anthropic's models, as chat completions and by its Messages API."""
    litellm.completion(**CLAUDE, messages=CHAT)
    said = (await litellm.acompletion(**CLAUDE, messages=ASK, tools=[TOOL])).choices[0].message
    result = {"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": RESULT}
    await litellm.acompletion(**CLAUDE, messages=[*ASK, said, result], tools=[TOOL])
    thought = {"role": "assistant", "content": "One moment.", "thinking_blocks": [THOUGHT]}
    again = [*CHAT, thought, {"role": "user", "content": QUESTION}]
    await litellm.acompletion(**CLAUDE, messages=again)
    given = {**CLAUDE, "system": SYSTEM}
    await litellm.anthropic_messages(**given, messages=CHAT[1:])
    call = (await litellm.anthropic_messages(**given, messages=ASK[1:], tools=[CLAUDE_TOOL]))[
        "content"
    ][-1]
    called = {name: call[name] for name in ("type", "id", "name", "input")}
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": RESULT}
    after = [{"role": "assistant", "content": [called]}, {"role": "user", "content": [result]}]
    await litellm.anthropic_messages(**given, messages=[*ASK[1:], *after], tools=[CLAUDE_TOOL])


async def main() -> None:
    """All of them; spans are written after the answers."""
    for ask in (chats, responses, messages):
        await ask()
    await asyncio.sleep(2)


with tracing():
    asyncio.run(main())
