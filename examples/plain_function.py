"""A plain function: decorate it, call it, forget it.

OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=unused python examples/plain_function.py
"""

from openai import OpenAI

import smile_trace

client = OpenAI()  # address and key from OPENAI_BASE_URL and OPENAI_API_KEY


@smile_trace.trace(model="gemma-3-270m")
def ask(prompt: str) -> str:
    """The call site. Its only string argument is the prompt, what it returns is the answer."""
    request = {"model": "gemma-3-270m", "prompt": prompt, "max_tokens": 4, "temperature": 0}
    response = client.completions.create(**request)
    # States what was really sent and got: parameters, token counts, the model's own name.
    smile_trace.record(parameters=request, response=response)
    return response.choices[0].text


if __name__ == "__main__":
    print(ask("The Eiffel Tower is in the city of"))
