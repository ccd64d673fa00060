"""OpenAI's Agents SDK, by responses and by chat completions, and a stream."""

import asyncio
import os

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
)
from openai import AsyncOpenAI
from texts import CONTEXT, MODEL, QUESTION, RESULT, SYSTEM
from tracing import tracing


@function_tool
def look_up_warranty(product: str) -> str:
    """Looks up a warranty."""
    return RESULT


async def main() -> None:
    """With a tool, by both APIs, and as a stream."""
    client = AsyncOpenAI(base_url=os.environ["MODEL_URL"], api_key="no key")
    for kind in (OpenAIResponsesModel, OpenAIChatCompletionsModel):
        model = kind(model=MODEL, openai_client=client)
        agent = Agent("support", instructions=SYSTEM, model=model, tools=[look_up_warranty])
        agent.model_settings = ModelSettings(temperature=0)
        await Runner.run(agent, QUESTION)
    agent.tools = []
    async for _ in Runner.run_streamed(agent, CONTEXT).stream_events():
        pass


with tracing():
    asyncio.run(main())
