"""smolagents: an agent that calls a tool and then answers by calling one."""

import os

from smolagents import OpenAIServerModel, ToolCallingAgent, tool
from texts import CONTEXT, MODEL, QUESTION, RESULT, SYSTEM
from tracing import tracing


@tool
def look_up_warranty(product: str) -> str:
    """Looks up a warranty.

    Args:
        product: of what.
    """
    return RESULT


with tracing():
    model = OpenAIServerModel(
        MODEL, api_base=os.environ["MODEL_URL"], api_key="no key", temperature=0
    )
    system = {"role": "system", "content": [{"type": "text", "text": SYSTEM}]}
    model.generate([system, {"role": "user", "content": [{"type": "text", "text": CONTEXT}]}])
    ToolCallingAgent(tools=[look_up_warranty], model=model, max_steps=3).run(QUESTION)
