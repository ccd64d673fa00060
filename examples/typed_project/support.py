"""A project under `mypy --strict` that uses nothing but what smile-trace publishes.

`make check-installs` type-checks and runs it against the installed wheel. A function stands for
the model, so that it asks nobody anything.
"""

import smile_trace
from smile_trace.testing import assert_driven_by, captured

SUPPORT = smile_trace.Prompt(
    "support", version="1", template="You are a shop assistant. Answer in {language}."
)


def shop(prompt: str) -> str:
    """The model: one word of the prompt decides what it says."""
    return "We send the money back." if "refund" in prompt else "Good morning."


@smile_trace.trace(model="shop")
def answer(question: str) -> str:
    """One captured call, with what was really sent."""
    messages = [
        {"role": "system", "content": SUPPORT.format(language="English")},
        {"role": "user", "content": question},
    ]
    said = shop(question)
    smile_trace.record(parameters={"model": "shop", "messages": messages}, response=said)
    return said


def drivers(question: str) -> list[tuple[str, float]]:
    """The words that the answer depends on, each with its attribution in [-1, 1]."""
    explanation: smile_trace.Explanation = smile_trace.explain(question, model=shop, budget=30)
    assert_driven_by(explanation, "refund")
    return [
        (segment.text, segment.attribution)
        for segment in explanation.segments
        if segment.significant
    ]


def main() -> None:
    """Capture a call in memory, explain its prompt, and compare two answers."""
    question = "please give me my refund now or else"
    with captured() as found:
        answer(question)
    assert [call.answer for call in found.calls] == ["We send the money back."]
    for text, attribution in drivers(question):
        print(f"{attribution:+.2f} {text}")
    change: float = smile_trace.answer_change("We open at nine.", "We open at ten.")
    print(f"{change:.2f} of the answer changes")


if __name__ == "__main__":
    main()
