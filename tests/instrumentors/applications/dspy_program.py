"""DSPy: a chain of thought, and the model directly."""

import os

import dspy
from texts import CONTEXT, MODEL, NUMBERED, QUESTION
from tracing import tracing


class Answer(dspy.Signature):
    """Answer in one sentence from the context."""

    context: str = dspy.InputField()
    question: str = dspy.InputField()
    answer: str = dspy.OutputField()


with tracing():
    model = dspy.LM(
        f"openai/{MODEL}",
        api_base=os.environ["MODEL_URL"],
        api_key="no key",
        temperature=0,
        max_tokens=50,
        cache=False,
    )
    dspy.configure(lm=model)
    dspy.ChainOfThought(Answer)(context=NUMBERED, question=QUESTION)
    model(CONTEXT)
