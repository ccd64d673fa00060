"""What others write is read in linear time: in quadratic time, each of these would take an hour."""

from collections.abc import Callable

import pytest

from smile_trace import answer_change
from smile_trace._guards.redaction import redact
from smile_trace._text.titles import document_name, title
from smile_trace.attribution.correction.target import Target
from smile_trace.dialects.document_search import Finder
from smile_trace.dialects.kinds import litellm
from smile_trace.dialects.names import name_of
from smile_trace.explaining.grounding import codes, said_instead
from smile_trace.hub.pseudonyms import Pseudonyms
from smile_trace.records import Document, Message, Span
from smile_trace.render import compact, typeset
from smile_trace.suggesting import instructions

LONG = 1_000_000
TOKEN = f"eyJ{'a' * 20}.{'b' * 20}.{'c' * 20}"


def found_in(text: str) -> None:
    documents = [Document(text="Open from nine to five.")]
    assert not [*Finder().find(documents, [Message(role="user", content=text)])]


def named(text: str) -> None:
    ids = {"trace_id": "0" * 31 + "1", "span_id": "0" * 15 + "1", "start_ns": 0, "end_ns": 1}
    name_of(Span(**ids, name="chat", attributes={"gen_ai.agent.name": text}), [])


READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "secrets": (redact, f"{TOKEN} {'eyJ' * LONG}"),
    "secrets behind hyphens": (redact, f"{TOKEN} {'-eyJ' * LONG}"),
    "Python's notation": (litellm._read, "['" + "\\'" * LONG),
    "names": (named, "a" * LONG),
    "documents": (found_in, "\\" * LONG),
    "ids": (lambda text: document_name(None, text), "-" * LONG),
    "fences": (lambda text: answer_change("It is Rome.", text), "```[" * LONG),
    "an answer": (lambda text: answer_change("Ann beat Bob.", f"Bob beat Ann.{text}"), "\n" * LONG),
    "words": (lambda text: answer_change("It is Rome.", text), "ж1" * 3000),
    "codes": (codes, "a" * LONG),
    "numbers": (lambda text: said_instead(text, Target(contains="36 months")), "1" * LONG),
    "numbers in a row": (
        lambda text: said_instead(text, Target(contains="3 h")),
        "1-" * (LONG // 10),
    ),
    "titles": (title, f"document{' ' * LONG}x\ny"),
    "ends of instructions": (instructions._ENDS.search, "." * LONG + "a"),
    "sentences": (lambda text: [*compact._cuts(text)], "." * LONG + "a"),
    "lines": (lambda text: [*typeset._fit(text, 14.0, 600.0)], "a" * LONG),
    "pseudonyms": (Pseudonyms().replace, "\\" * (LONG // 10)),
    "addresses": (Pseudonyms().replace, "a" * (LONG // 5)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_long_text(name: str) -> None:
    read, text = READERS[name]
    read(text)
