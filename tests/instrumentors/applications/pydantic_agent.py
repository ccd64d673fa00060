"""pydantic-ai: an agent with a tool, retrieved context, a stream, and responses."""

import asyncio
import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from texts import CONTEXT, MODEL, QUESTION, RESULT, SYSTEM
from tracing import tracing

try:
    from pydantic_ai.models.openai import OpenAIChatModel
except ImportError:  # before 1.0
    from pydantic_ai.models.openai import OpenAIModel as OpenAIChatModel


async def main() -> None:
    """With a tool, with context, as a stream, and by responses."""
    provider = OpenAIProvider(base_url=os.environ["MODEL_URL"], api_key="no key")
    chat = OpenAIChatModel(MODEL, provider=provider)
    cold = {"temperature": 0}
    agent = Agent(chat, system_prompt=SYSTEM, model_settings=cold)
    with_tool = Agent(chat, system_prompt=SYSTEM, model_settings=cold)

    @with_tool.tool_plain
    def look_up_warranty(product: str) -> str:
        """Looks up a warranty."""
        return RESULT

    await with_tool.run(QUESTION)
    await agent.run(CONTEXT)
    async with agent.run_stream(CONTEXT) as run:
        async for _ in run.stream_text():
            pass
    responses = OpenAIResponsesModel(MODEL, provider=provider)
    await Agent(responses, instructions=SYSTEM, model_settings=cold).run(CONTEXT)


with tracing():
    asyncio.run(main())
