"""Agno: an agent with a tool, retrieved context, and a stream."""

import os

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from texts import CONTEXT, MODEL, QUESTION, RESULT, SYSTEM
from tracing import tracing


def look_up_warranty(product: str) -> str:
    """Looks up a warranty."""
    return RESULT


with tracing():
    model = {"id": MODEL, "base_url": os.environ["MODEL_URL"], "api_key": "no key"}
    agent = Agent(model=OpenAIChat(**model, temperature=0), system_message=SYSTEM, telemetry=False)
    agent.run(CONTEXT)
    for _ in agent.run(CONTEXT, stream=True):
        pass
    Agent(
        model=OpenAIChat(**model, temperature=0),
        system_message=SYSTEM,
        tools=[look_up_warranty],
        telemetry=False,
    ).run(QUESTION)
