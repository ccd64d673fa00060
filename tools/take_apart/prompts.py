"""The prompts, and what is seen in each."""

from dataclasses import dataclass, field
from typing import Any

from smile_trace.records import Message, Prompted

MARK = "|"
"""Between two parts of a message; one without it is never removed."""


def _fields(**fields: Any) -> dict[str, Any]:
    """The parameters that make an answer JSON with these fields."""
    schema = {"type": "object", "properties": fields, "required": [*fields]}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return {"max_tokens": 30, "response_format": wanted}


def _one_of(*names: str) -> dict[str, Any]:
    return {"type": "string", "enum": [*names]}


@dataclass(frozen=True)
class Example:
    """A prompt whose parts are removed.

    Attributes:
        seen: what to remove, and what happens then.
        user: its message; MARK between the parts.
        system: the one before it, alike; "" if there is none.
        parameters: of the request, beside temperature 0.
    """

    name: str
    title: str
    seen: str
    user: str
    system: str = ""
    parameters: dict[str, Any] = field(default_factory=lambda: {"max_tokens": 48})

    @property
    def prompted(self) -> Prompted:
        """The request."""
        messages = [
            Message(role=role, content=text.replace(MARK, "")) for role, text in self._texts
        ]
        parameters = {"temperature": 0, **self.parameters}
        return Prompted(messages=tuple(messages), form="chat", parameters=parameters)

    @property
    def spans(self) -> list[tuple[int, int, int]]:
        """Message, start and end of each part, in order."""
        found = []
        for message, (_, text) in enumerate(self._texts):
            at = 0
            for part in text.split(MARK) if MARK in text else ():
                start = at + len(part) - len(part.lstrip())
                at += len(part)
                found.append((message, start, start + len(part.strip())))
        return found

    @property
    def _texts(self) -> list[tuple[str, str]]:
        texts = [("system", self.system), ("user", self.user)]
        return [(role, text) for role, text in texts if text]


EXAMPLES = (
    Example(
        "hours",
        "The document that carries the answer",
        "Remove the second document: the model names other hours, just as sure of itself. Without "
        "one of the other two documents it says the same.",
        "[1] Gift cards are sold at the counter.\n|[2] The shop in Oslo opens at nine.\n"
        "|[3] Repairs are done in Bergen.\n\n|When does the shop in Oslo open?",
        system="You are the assistant of a lamp shop.| Answer in one short sentence.",
        parameters={"max_tokens": 40, "stop": ["\n"]},
    ),
    Example(
        "topic",
        "Right, for the wrong reasons",
        "“Billing” is right. But it stays “billing” without “I was charged twice”, and does not "
        "without “Please help me”: the next customer may be less lucky.",
        "Hello! |I bought a red lamp last week. |I was charged twice. |The lamp itself is lovely. "
        "|Please help me. |Thank you.",
        system="Sort this message: delivery, billing or returns. Answer in JSON.",
        parameters=_fields(topic=_one_of("delivery", "billing", "returns")),
    ),
    Example(
        "order",
        "A sentence for each field",
        "Each field comes from one sentence. Without “My name is Maria” the order is Tom’s; "
        "without “Where is it?” nothing changes.",
        "My name is Maria. |I bought a lamp for Tom. |My order number is 4711. |Where is it?",
        system="Answer in JSON:| name and order.",
        parameters=_fields(name={"type": "string"}, order={"type": "integer"}),
    ),
    Example(
        "review",
        "One word turns it around",
        "Remove “not”, and the review is positive. Remove “again” instead, and it is, too, which "
        "nobody would have guessed.",
        "I| would| not| buy| this lamp| again.",
        system="Is this review positive or negative? Answer in JSON.",
        parameters=_fields(review=_one_of("positive", "negative")),
    ),
    Example(
        "description",
        "An instruction that changes the form",
        "Without “Use one sentence” the model writes two, and forgets the price. Without the "
        "warranty, 40 euros become 40 cents.",
        "Write a product description| of a red desk lamp. |It costs 40 euros. "
        "|It has a warranty of two years. |Use one sentence.",
    ),
)
