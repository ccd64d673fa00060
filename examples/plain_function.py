"""A plain function: decorate it, call it, forget it.

OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=unused python examples/plain_function.py
"""

from openai import OpenAI

import smile_trace

MODEL = "SmolLM2-135M-Instruct"
client = OpenAI()  # address and key from OPENAI_BASE_URL and OPENAI_API_KEY


@smile_trace.trace(model=MODEL)
def ask(prompt: str) -> str:
    """The call site. Its only string argument is the prompt, what it returns is the answer."""
    messages = [{"role": "user", "content": prompt}]
    request = {"model": MODEL, "messages": messages, "max_tokens": 8, "temperature": 0}
    response = client.chat.completions.create(**request)
    # States what was really sent and got: parameters, token counts, the model's own name.
    smile_trace.record(parameters=request, response=response)
    return response.choices[0].message.content or ""


if __name__ == "__main__":
    print(ask("Our shop opens at nine. When does the shop open?"))
