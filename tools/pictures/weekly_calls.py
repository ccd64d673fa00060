"""Two weeks of calls of one prompt with retrieved documents, by a planted model."""

import time
from collections.abc import Sequence

import smile_trace
from smile_trace.records import Span
from smile_trace.testing import captured

DELIVERY = "Delivery takes two days and costs five euros. Parcels are sent on working days only."
RETURNS = "Returns are free of charge for thirty days. The receipt has to be kept until then."
GIFTS = "Gift cards are valid for three years. They are never paid out in cash, not even in part."
DOCUMENTS = {"delivery.md": DELIVERY, "returns.md": RETURNS, "gifts.md": GIFTS}
BEFORE = (
    "You are the assistant of a shop.\nAnswer politely and in one sentence.\n"
    "Handbook:\n{handbook}\nQuestion: {question}"
)
NOW = BEFORE.replace("Handbook:", "Say that you are a program.\nHandbook:")
QUESTIONS = {
    "returns": "How long are returns free?",
    "delivery": "How long does the delivery take?",
    "weather": "How is the weather today?",
}
WEEK = 7 * 24 * 3600


def answer(prompt: str) -> str:
    """By the document that the question is about, and by two of the instructions."""
    said = "I do not know that."
    if "returns free" in prompt and "thirty days" in prompt:
        said = "They are free for thirty days."
    elif "delivery take" in prompt and "two days" in prompt:
        said = "It takes two days."
    polite = "Dear customer, " if "politely" in prompt else ""
    program = " This was written by a program." if "you are a program" in prompt else ""
    return f"{polite}{said}{program}"


def calls(topics: Sequence[str], template: str, version: str, *, end: float) -> list[Span]:
    """The spans of one call per topic, the last one an hour before `end` (Unix seconds), each an
    hour after the one before."""
    prompt = smile_trace.Prompt("support", version=version, template=template)
    documents = [{"content": text, "source": name} for name, text in DOCUMENTS.items()]

    @smile_trace.trace(model="planted")
    def ask(text: str) -> str:
        smile_trace.record(documents=documents, parameters={"temperature": 0})
        return answer(text)

    spans: list[Span] = []
    for number, topic in enumerate(reversed(topics), start=1):
        text = prompt.format(handbook="\n".join(DOCUMENTS.values()), question=QUESTIONS[topic])
        with captured() as seen:
            ask(text)
        late = int((time.time() - end + 3600 * number) * 1e9)
        spans += [_earlier(span, late) for span in seen.spans]
    return spans


def two_weeks(now: float) -> list[Span]:
    """Ten calls of this week and ten of the one before, in which hardly anybody asked about
    returns."""
    before = ["weather"] * 6 + ["delivery"] * 3 + ["returns"]
    lately = ["returns"] * 8 + ["delivery", "weather"]
    return calls(before, BEFORE, "1", end=now - WEEK) + calls(lately, NOW, "2", end=now)


def _earlier(span: Span, by_ns: int) -> Span:
    return span.model_copy(
        update={"start_ns": span.start_ns - by_ns, "end_ns": span.end_ns - by_ns}
    )
