"""A prompt from MLflow's registry: its version is linked to the traces that used it.

    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 OPENAI_BASE_URL=http://127.0.0.1:8080/v1 \
    OPENAI_API_KEY=unused python examples/mlflow_prompt.py
"""

import mlflow
from openai import OpenAI

import smile_trace
from smile_trace_mlflow import load_prompt

client = OpenAI()  # OPENAI_BASE_URL, OPENAI_API_KEY


@smile_trace.trace(model="gemma-3-270m")
def complete(prompt: str) -> str:
    """The call site."""
    request = {"model": "gemma-3-270m", "prompt": prompt, "max_tokens": 4, "temperature": 0}
    response = client.completions.create(**request)
    smile_trace.record(parameters=request, response=response)
    return response.choices[0].text


def main() -> None:
    """Register a prompt (as a prompt author would), load it, and use it."""
    registered = mlflow.genai.register_prompt(
        name="capital", template="The capital of {{country}} is the city of"
    )
    prompt = load_prompt(f"prompts:/capital/{registered.version}")
    print(complete(prompt.format(country="France")))


if __name__ == "__main__":
    main()
