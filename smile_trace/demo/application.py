"""The demo's application: the support chat of a lamp shop, decorated and forgotten. Like any
application, it instruments its client, decorates functions around calls, and knows no workers."""

import os
from typing import Any

from openai import OpenAI

import smile_trace

MODEL = "SmolLM2-135M-Instruct"

SUPPORT_1 = smile_trace.Prompt(
    "support",
    version="1",
    template="You are the assistant of a lamp shop. Answer in one short sentence.",
)
SUPPORT_2 = smile_trace.Prompt(
    "support", version="2", template="You are the assistant of a lamp shop. Answer with one word."
)
FRENCH = smile_trace.Prompt("support-fr", version="1", template="Réponds en français.")
ORDER = smile_trace.Prompt("order", version="1", template="Answer in JSON: name and order.")
TEAM = smile_trace.Prompt(
    "team",
    version="1",
    template="Which team answers: {first}, {second} or {third}? Answer in JSON.",
)
TOPIC = smile_trace.Prompt(
    "topic",
    version="1",
    template="Sort this message: delivery, billing or returns. Answer in JSON.",
)

HOURS = "The shop in Oslo opens at nine."
REPAIRS = "Repairs are done in Bergen."
WARRANTY = "The warranty on desk lamps is two years."
PRICE = "The red lamp costs 40 euros."
NEW_PRICE = "From May on the red lamp costs 45 euros."
GIFT_CARDS = "Gift cards are sold at the counter."
FREE_SHIPPING = "Orders over 100 euros ship for free."
FRENCH_DOCUMENTS = (
    "Le magasin à Lyon ouvre à neuf heures.",
    "La lampe rouge coûte 40 euros.",
    "La livraison prend trois jours.",
)


class SupportChat:
    """Asks the server at `base_url` (up to and including `/v1`)."""

    def __init__(self, base_url: str) -> None:
        self._client = OpenAI(base_url=base_url, api_key="unused")

    @smile_trace.trace
    def answer(self, prompt: smile_trace.Prompt, documents: tuple[str, ...], question: str) -> str:
        """Answer from the retrieved documents. The instrumented client tells what is sent."""
        numbered = [f"[{number}] {text}" for number, text in enumerate(documents, 1)]
        question = "\n".join([*numbered, "", question])
        return self._ask(prompt.format(), question, max_tokens=12, stop=["\n", "."])

    @smile_trace.trace(tags={"team": "support"})
    def extract(
        self, prompt: smile_trace.Prompt, message: str, fields: dict[str, Any], **variables: str
    ) -> str:
        """Extract a JSON object with these fields."""
        schema = {"type": "object", "properties": fields, "required": list(fields)}
        wanted = {"type": "json_schema", "json_schema": {"name": prompt.name, "schema": schema}}
        system = prompt.format(**variables)
        return self._ask(system, message, max_tokens=18, response_format=wanted)

    def _ask(self, system: str, user: str, **parameters: Any) -> str:
        response = self._client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
            temperature=0,
            **parameters,
        )
        return str(response.choices[0].message.content)


def main() -> None:
    """Make ten calls and print what the model said."""
    smile_trace.configure(service_name="lamp-shop")
    smile_trace.instrument("openai")
    chat = SupportChat(os.environ["DEMO_MODEL_URL"])
    for prompt in (SUPPORT_1, SUPPORT_2):
        opens = chat.answer(
            prompt, (GIFT_CARDS, HOURS, REPAIRS), "When does the shop in Oslo open?"
        )
        _say("opening hours", prompt, opens)
        repaired = chat.answer(prompt, (HOURS, REPAIRS, PRICE), "Where are lamps repaired?")
        _say("repairs", prompt, repaired)
    documents = (WARRANTY, FREE_SHIPPING, HOURS)
    years = chat.answer(SUPPORT_1, documents, "How long is the warranty on desk lamps?")
    _say("warranty", SUPPORT_1, years)
    costs = chat.answer(SUPPORT_1, (PRICE, NEW_PRICE), "How much does the red lamp cost?")
    _say("price, two documents disagree", SUPPORT_1, costs)
    _say(
        "in French", FRENCH, chat.answer(FRENCH, FRENCH_DOCUMENTS, "Combien coûte la lampe rouge ?")
    )
    fields = {"name": {"type": "string"}, "order": {"type": "integer"}}
    order = chat.extract(ORDER, "This is Maria. My order number is 4711.", fields)
    _say("who, and which order", ORDER, order)
    names = {"first": "repairs", "second": "sales", "third": "shipping"}
    teams = {"team": {"type": "string", "enum": list(names.values())}}
    _say("who answers", TEAM, chat.extract(TEAM, "The lamp I bought is broken.", teams, **names))
    topics = {"topic": {"type": "string", "enum": ["delivery", "billing", "returns"]}}
    _say("topic of a message", TOPIC, chat.extract(TOPIC, "I was charged twice.", topics))


def _say(about: str, prompt: smile_trace.Prompt, answer: str) -> None:
    print(f"  {about:30} {prompt.name} {prompt.version:3} {' '.join(answer.split())}", flush=True)


if __name__ == "__main__":
    main()
