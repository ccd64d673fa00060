"""The demo's application: ten different calls to a language model, decorated and forgotten.

It looks like an application of yours: it imports `smile_trace`, decorates the functions that
call the model, and knows nothing of workers and trackers.
"""

import os
from typing import Any

from openai import OpenAI

import smile_trace

MODEL = "gemma-3-270m"

CAPITAL_1 = smile_trace.Prompt(
    "capital", version="1", template="The capital of {country} is the city of"
)
CAPITAL_2 = smile_trace.Prompt(
    "capital",
    version="2",
    template="Italy's capital is Rome. Spain's capital is Madrid. {country}'s capital is",
)
TICKET = smile_trace.Prompt(
    "ticket",
    version="1",
    template=(
        "Ticket: I was charged twice for my order.\nCategory: billing\n"
        "Ticket: The app crashes when I log in.\nCategory: technical\n"
        "Ticket: My parcel has not arrived yet.\nCategory: delivery\n"
        "Ticket: {ticket}\nCategory:"
    ),
)


class Application:
    """Asks the server at `base_url` (up to and including `/v1`)."""

    def __init__(self, base_url: str) -> None:
        self._client = OpenAI(base_url=base_url, api_key="unused")

    @smile_trace.trace(model=MODEL, provider="llama.cpp")
    def complete(self, prompt: str) -> str:
        """The call site: takes the prompt, returns the answer."""
        request: dict[str, Any] = {"model": MODEL, "prompt": prompt, "max_tokens": 2}
        request |= {"temperature": 0, "stop": ["\n", ".", ","]}
        response = self._client.completions.create(**request)
        smile_trace.record(parameters=request, response=response)
        return str(response.choices[0].text)

    @smile_trace.trace
    def capital_of(self, country: str) -> str:
        """A span around a call is context; the heatmap goes under the call itself."""
        return self.complete(CAPITAL_1.format(country=country))

    @smile_trace.trace
    def capital_by_example(self, country: str) -> str:
        """The second version of the same prompt, with examples."""
        return self.complete(CAPITAL_2.format(country=country))

    @smile_trace.trace(tags={"team": "support"})
    def category_of(self, ticket: str) -> str:
        """A few-shot classifier."""
        return self.complete(TICKET.format(ticket=ticket))


def main() -> None:
    """Make ten calls and print what the model said."""
    app = Application(os.environ["DEMO_MODEL_URL"])
    answers = {
        "capital of France": app.capital_of("France"),
        "capital of France, by example": app.capital_by_example("France"),
        "category of a ticket": app.category_of("I want my money back for the second payment."),
        "the Eiffel Tower": app.complete("The Eiffel Tower is in the city of"),
        "who lives where": app.complete(
            "John lives in London and Mary lives in Rome. Mary lives in the city of"
        ),
        "opening hours": app.complete(
            "Our shop opens at 9 in the morning and closes at 6 in the evening.\n"
            "Q: When does the shop close?\nA: At"
        ),
        "translation": app.complete(
            "English: cat. French: chat.\nEnglish: house. French: maison.\nEnglish: dog. French:"
        ),
        "sentiment": app.complete(
            "Review: I loved every minute of it.\nSentiment: positive\n"
            "Review: What a waste of money.\nSentiment: negative\n"
            "Review: The staff were friendly and the soup was delicious.\nSentiment:"
        ),
        "the days of the week": app.complete("Monday, Tuesday, Wednesday,"),
        "a hidden assumption": app.complete("The doctor lost her keys yesterday because"),
    }
    for question, answer in answers.items():
        print(f"  {question:32} {answer.strip()}")


if __name__ == "__main__":
    main()
