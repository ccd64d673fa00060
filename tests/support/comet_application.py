"""An application as a user writes it; prints, as JSON, what it asked and was told, by trace."""

import asyncio
import json

import smile_trace

ANSWER = smile_trace.Prompt("shop", version="3", template="Shop assistant. Question: {question}")
told: dict[str, dict[str, str]] = {}


def says(prompt: str) -> str:
    return "your money comes back" if "refund" in prompt else "hello there, good morning"


@smile_trace.trace(model="planted", tags={"team": "shop"}, metadata={"tier": {"name": "gold"}})
async def ask(prompt: str) -> str:
    await asyncio.sleep(0.01)  # the others run in between
    answer = says(prompt)
    usage = {"prompt_tokens": 11, "completion_tokens": 4}
    message = {"role": "assistant", "content": answer}
    smile_trace.record(response={"choices": [{"message": message}], "usage": usage})
    return answer


@smile_trace.trace
async def look_up(question: str) -> str:
    await asyncio.sleep(0.01)
    return await ask(ANSWER.format(question=question))


@smile_trace.trace
async def serve(question: str) -> str:
    answer, _ = await asyncio.gather(look_up(question), ask(f"Title for: {question}"))
    trace_id = smile_trace.current_trace_id()
    assert trace_id is not None
    told[trace_id] = {"question": question, "answer": answer}
    return answer


async def main() -> None:
    questions = [f"Can I get a refund for order {n}?" for n in range(2)]
    await asyncio.gather(*(serve(question) for question in questions))
    for trace_id in told:
        smile_trace.feedback(trace_id, 1.0, comment="thanks")
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main())
