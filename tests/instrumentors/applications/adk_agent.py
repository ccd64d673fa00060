"""Google's ADK with a model behind LiteLLM: an agent with a tool, and one with context."""

import asyncio
import os

from google.adk.agents import LlmAgent
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.genai import types
from texts import CONTEXT, MODEL, QUESTION, RESULT, SYSTEM
from tracing import tracing


def look_up_warranty(product: str) -> str:
    """Looks up a warranty."""
    return RESULT


async def ask(text: str, tools: list) -> None:
    """Run an agent until it has answered."""
    model = LiteLlm(model=f"openai/{MODEL}", api_base=os.environ["MODEL_URL"], api_key="no key")
    agent = LlmAgent(
        name="support",
        model=model,
        instruction=SYSTEM,
        tools=tools,
        generate_content_config=types.GenerateContentConfig(temperature=0),
    )
    runner = InMemoryRunner(agent)
    session = await runner.session_service.create_session(app_name=runner.app_name, user_id="u-1")
    said = types.Content(role="user", parts=[types.Part(text=text)])
    async for _ in runner.run_async(user_id="u-1", session_id=session.id, new_message=said):
        pass


async def main() -> None:
    """Ask twice."""
    await ask(CONTEXT, [])
    await ask(QUESTION, [look_up_warranty])


with tracing():
    asyncio.run(main())
