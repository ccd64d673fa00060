"""An agent of the OpenAI Agents SDK: two lines capture its runs, and the path of an answer can be
explained.

    pip install 'smile-trace[instrument]' openai-agents openinference-instrumentation-openai-agents
    OPENAI_API_KEY=... python examples/openai_agent.py
    smile-trace worker --once

The SDK's own spans hold a run together, those of its client have every request as it was sent.
(OpenInference's instrumentor takes the place of the SDK's export to OpenAI's dashboard.) With
`[explain] path = true` in smile_trace.toml the worker explains where the answer came from; by
hand it is `smile-trace explain TRACE_ID --path`, with the id from your tracker. The model has to
call tools, so the packaged one will not do; OPENAI_BASE_URL and OPENAI_MODEL name another.
"""

import os
from typing import Any

from agents import Agent, ModelSettings, Runner, function_tool, set_default_openai_api

import smile_trace

QUESTION = "Hello, I am waiting for order 4711. When does it arrive?"

smile_trace.instrument("openai_agents")
smile_trace.instrument("openai")
set_default_openai_api("chat_completions")


@function_tool
def get_order(number: int) -> dict[str, Any]:
    """Looks an order up."""
    return {
        "number": number,
        "customer": "A. Sommer",
        "shipping": {"carrier": "Parcel Post", "arrives": "Friday", "left": "Hamburg"},
    }


@function_tool
def cancel_order(number: int) -> str:
    """Cancels an order."""
    return f"{number} is cancelled."


agent = Agent(
    name="shop",
    instructions="You are the assistant of a shop. Answer in one sentence.",
    model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
    model_settings=ModelSettings(temperature=0),
    tools=[get_order, cancel_order],
)

if __name__ == "__main__":
    print(Runner.run_sync(agent, QUESTION).final_output)
