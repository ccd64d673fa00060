"""A streaming generator: chunks pass through untouched, the whole answer is recorded.

OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=unused python examples/streaming.py
"""

from collections.abc import Iterator

from openai import OpenAI

import smile_trace

MODEL = "SmolLM2-135M-Instruct"
client = OpenAI()  # OPENAI_BASE_URL, OPENAI_API_KEY


@smile_trace.trace(model=MODEL)
def stream(prompt: str) -> Iterator[str]:
    """Yields the answer as it comes. A stream that is left early is kept as far as it came."""
    messages = [{"role": "user", "content": prompt}]
    request = {"model": MODEL, "messages": messages, "max_tokens": 8, "temperature": 0}
    smile_trace.record(parameters=request)
    for chunk in client.chat.completions.create(**request, stream=True):
        yield chunk.choices[0].delta.content or ""


if __name__ == "__main__":
    for piece in stream("Our shop opens at nine. When does the shop open?"):
        print(piece, end="", flush=True)
    print()
