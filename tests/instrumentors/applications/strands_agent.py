"""Strands Agents: an agent with a tool, and one with retrieved context."""

import os

from strands import Agent, tool
from strands.models.openai import OpenAIModel
from texts import CONTEXT, MODEL, QUESTION, RESULT, SYSTEM
from tracing import tracing


@tool
def look_up_warranty(product: str) -> str:
    """Looks up a warranty."""
    return RESULT


with tracing():
    model = OpenAIModel(
        client_args={"base_url": os.environ["MODEL_URL"], "api_key": "no key"},
        model_id=MODEL,
        params={"temperature": 0},
    )
    Agent(model=model, system_prompt=SYSTEM, callback_handler=None)(CONTEXT)
    Agent(model=model, system_prompt=SYSTEM, tools=[look_up_warranty], callback_handler=None)(
        QUESTION
    )
