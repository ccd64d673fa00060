"""A prompt from MLflow's registry: its version is linked to the traces that used it.

    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 OPENAI_BASE_URL=http://127.0.0.1:8080/v1 \
    OPENAI_API_KEY=unused python examples/mlflow_prompt.py
"""

import mlflow
from openai import OpenAI

import smile_trace
from smile_trace_mlflow import load_prompt

MODEL = "SmolLM2-135M-Instruct"
client = OpenAI()  # OPENAI_BASE_URL, OPENAI_API_KEY


@smile_trace.trace(model=MODEL)
def ask(prompt: str) -> str:
    """The call site."""
    messages = [{"role": "user", "content": prompt}]
    request = {"model": MODEL, "messages": messages, "max_tokens": 8, "temperature": 0}
    response = client.chat.completions.create(**request)
    smile_trace.record(parameters=request, response=response)
    return response.choices[0].message.content or ""


def main() -> None:
    """Register a prompt (as a prompt author would), load it, and use it."""
    registered = mlflow.genai.register_prompt(
        name="hours", template="Our shop opens at {{hour}}. When does the shop open?"
    )
    prompt = load_prompt(f"prompts:/hours/{registered.version}")
    print(ask(prompt.format(hour="nine")))


if __name__ == "__main__":
    main()
