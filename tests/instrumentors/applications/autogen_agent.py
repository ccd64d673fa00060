"""AutoGen: an assistant with a tool, and one with retrieved context."""

import asyncio
import os

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from texts import CONTEXT, MODEL, QUESTION, RESULT, SYSTEM
from tracing import tracing


async def look_up_warranty(product: str) -> str:
    """Looks up a warranty."""
    return RESULT


async def main() -> None:
    """Ask twice."""
    client = OpenAIChatCompletionClient(
        model=MODEL, base_url=os.environ["MODEL_URL"], api_key="no key", temperature=0
    )
    await AssistantAgent("plain", client, system_message=SYSTEM).run(task=CONTEXT)
    agent = AssistantAgent(
        "support",
        client,
        system_message=SYSTEM,
        tools=[look_up_warranty],
        reflect_on_tool_use=True,
    )
    await agent.run(task=QUESTION)


with tracing():
    asyncio.run(main())
