"""Strands Agents: an agent with a tool, asked with retrieved context and without."""

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
    for text in (CONTEXT, QUESTION):
        Agent(
            model=model,
            system_prompt=SYSTEM,
            tools=[look_up_warranty],
            callback_handler=None,
        )(text)
