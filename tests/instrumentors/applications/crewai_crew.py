"""CrewAI: one agent with a task."""

import os

from crewai import LLM, Agent, Crew, Task
from texts import CONTEXT, MODEL, SYSTEM
from tracing import tracing

with tracing():
    model = LLM(
        model=f"openai/{MODEL}",
        base_url=os.environ["MODEL_URL"],
        api_key="no key",
        temperature=0,
    )
    model.call([{"role": "system", "content": SYSTEM}, {"role": "user", "content": CONTEXT}])
    agent = Agent(role="Support", goal="Answer in one sentence.", backstory=SYSTEM, llm=model)
    task = Task(description=CONTEXT, expected_output="One sentence.", agent=agent)
    Crew(agents=[agent], tasks=[task]).kickoff()
