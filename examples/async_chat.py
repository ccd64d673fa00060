"""An asynchronous chat application: what is recorded is what was really sent.

The decorated function takes a question; the messages are made inside it. `record()` states
them, and the `Prompt` is found in them, so that every call of one version can be compared.

    OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=unused python examples/async_chat.py
"""

import asyncio

from openai import AsyncOpenAI

import smile_trace

SYSTEM = "Our shop opens at 9 in the morning and closes at 6 in the evening."
QUESTION = smile_trace.Prompt("opening-hours", version="1", template="Question: {question}")


class Assistant:
    """Answers questions about the shop."""

    def __init__(self) -> None:
        self._client = AsyncOpenAI()  # OPENAI_BASE_URL, OPENAI_API_KEY

    @smile_trace.trace(model="SmolLM2-135M-Instruct", tags={"team": "shop"})
    async def answer(self, question: str) -> str:
        """One answer; several may be under way at once and never mix."""
        request = {
            "model": "SmolLM2-135M-Instruct",
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": QUESTION.format(question=question)},
            ],
            "max_tokens": 12,
            "temperature": 0,
        }
        response = await self._client.chat.completions.create(**request)
        smile_trace.record(parameters=request, response=response)
        return response.choices[0].message.content or ""


async def main() -> None:
    """Two questions at once."""
    assistant = Assistant()
    questions = ("When does the shop close?", "When does the shop open?")
    answers = await asyncio.gather(*(assistant.answer(question) for question in questions))
    for question, answer in zip(questions, answers, strict=True):
        print(question, answer)


if __name__ == "__main__":
    asyncio.run(main())
