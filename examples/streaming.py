"""A streaming generator: chunks pass through untouched, the whole answer is recorded.

OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=unused python examples/streaming.py
"""

from collections.abc import Iterator

from openai import OpenAI

import smile_trace

client = OpenAI()  # OPENAI_BASE_URL, OPENAI_API_KEY


@smile_trace.trace(model="gemma-3-270m")
def stream(prompt: str) -> Iterator[str]:
    """Yields the answer as it comes. A stream that is left early is kept as far as it came."""
    request = {"model": "gemma-3-270m", "prompt": prompt, "max_tokens": 8, "temperature": 0}
    smile_trace.record(parameters=request, form="completion")
    for chunk in client.completions.create(**request, stream=True):
        yield chunk.choices[0].text


if __name__ == "__main__":
    for piece in stream("Monday, Tuesday, Wednesday,"):
        print(piece, end="", flush=True)
    print()
