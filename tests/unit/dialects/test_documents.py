"""Retrieved documents: read from real retrievers' spans, and found in what was sent."""

import html
import json
from itertools import pairwise
from typing import Any

import pytest

import smile_trace
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.dialects import read_calls
from smile_trace.dialects.documents import read_documents
from smile_trace.dialects.finding import find_documents
from smile_trace.records import Document, Message, Prompted, Span, ToolResult
from smile_trace.testing import captured

TEXTS = (
    "The warranty of the kettle lasts 24 months from the day of purchase.",
    "Returns are accepted within 30 days, in the original box; see <www.example.org>.",
    "Ein Rücktritt ist „ohne Gründe“ möglich.\n\nDas gilt für Bestellungen über 20 € im Laden.",
)
METADATA = {"source": "warranty.md", "score": 0.9}
SPANS: dict[str, dict[str, Any]] = {
    "openinference": {
        "openinference.span.kind": "RETRIEVER",
        "retrieval.documents.0.document.id": "w",
        "retrieval.documents.0.document.content": TEXTS[0],
        "retrieval.documents.0.document.metadata": json.dumps(METADATA),
    },
    "gen_ai": {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.documents": json.dumps(
            [{"id": "w", "content": TEXTS[0], "score": 0.9, "source": "warranty.md"}, {"id": "x"}]
        ),
    },
    "mlflow": {
        "mlflow.spanType": '"RETRIEVER"',
        "mlflow.spanOutputs": json.dumps(
            [{"page_content": TEXTS[0], "metadata": METADATA, "id": "w"}]
        ),
    },
    "langfuse": {
        "langfuse.observation.type": "retriever",
        "langfuse.observation.output": json.dumps(
            [{"page_content": TEXTS[0], "metadata": METADATA, "id": "w"}]
        ),
    },
}


def _span(span_id: str, start: int, attributes: dict[str, Any]) -> Span:
    return Span(
        trace_id="a" * 32,
        span_id=span_id * 16,
        name=span_id,
        start_ns=start,
        end_ns=start + 5,
        attributes=attributes,
    )


def _call(start: int, content: str) -> Span:
    sent = [{"role": "user", "parts": [{"type": "text", "content": content}]}]
    got = [{"role": "assistant", "parts": [{"type": "text", "content": "24 months"}]}]
    attributes = {
        "gen_ai.input.messages": json.dumps(sent),
        "gen_ai.output.messages": json.dumps(got),
    }
    return _span("2", start, attributes)


@pytest.mark.parametrize("form", SPANS)
def test_a_retriever_before_the_call(form: str) -> None:
    content = f"Context: {TEXTS[0]}\nQuestion: how long?"
    retriever = _span("1", 10, SPANS[form])
    [call] = read_calls([retriever, _call(20, content)])
    [document] = call.documents
    assert (document.id, document.source, document.score) == ("w", "warranty.md", 0.9)
    assert document.place == (0, 9, 9 + len(TEXTS[0]))
    [late] = read_calls([_call(5, content), retriever])
    assert late.documents == ()
    [other] = read_calls([retriever, _call(20, "What is it?")])
    assert other.documents == ()


def _numbered(texts: list[str]) -> str:
    return "\n".join(f"[{n}] {text}" for n, text in enumerate(texts, start=1))


RENDERINGS = {
    "numbered": _numbered,
    "XML": lambda texts: "".join(f"<doc>{html.escape(text)}</doc>\n" for text in texts),
    "JSON": lambda texts: json.dumps([{"text": text} for text in texts]),
    "JSON as it is": lambda texts: json.dumps(texts, ensure_ascii=False, indent=1),
    "Markdown": lambda texts: "\n\n".join(
        "> " + text.replace("\n", "\n> ").replace("The", "**The**") for text in texts
    ),
    "on one line": lambda texts: " ".join(" ".join(text.split()) for text in texts),
    "cut short": lambda texts: "\n---\n".join(
        " ".join(text.split()[: max(9, len(text.split()) - 3)]) + "…" for text in texts
    ),
}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("how", RENDERINGS)
def test_found_however_it_is_rendered(how: str, order: tuple[int, ...]) -> None:
    content = f"Use these:\n{RENDERINGS[how]([TEXTS[k] for k in order])}\nHow long?"
    documents = [Document(id=str(k), text=text) for k, text in enumerate(TEXTS)]
    found = list(find_documents(documents, [Message(role="user", content=content)]))
    assert [document.id for document in found] == ["0", "1", "2"]
    places = [document.place for document in found if document.place is not None]
    assert sorted(range(3), key=lambda k: places[k]) == list(order)
    for document in found:
        assert document.place is not None
        _, start, end = document.place
        first = document.text.split()[0]
        assert content[start:end].startswith(html.escape(first)[:3])


def test_what_is_not_there_is_not_found() -> None:
    documents = [Document(text="The warranty of the lamp is short."), Document(text="…")]
    message = Message(role="user", content="The warranty of the kettle lasts long.")
    assert list(find_documents(documents, [message])) == []


def test_its_attribution_goes_back_to_it() -> None:
    """A segment that is a retrieved document has the document's id in its key."""
    content = f"{TEXTS[0]} {TEXTS[1]} How long?"
    result = json.dumps({"hits": [TEXTS[2], TEXTS[0]], "more": False})
    messages = (
        Message(role="user", content=content),
        Message(role="tool", parts=(ToolResult(id="c", response=result),)),
    )
    documents = [Document(id=f"d{k}", text=text) for k, text in enumerate((*TEXTS, TEXTS[0]))]
    found = tuple(find_documents(documents, messages))
    assert len(found) == 4
    segments = Segmentation(Prompted(messages=messages, documents=found), "document").segments
    free = [s for s in segments if not s.protected]
    assert [s.key for s in free] == [
        "document:d0",
        "document:d1",
        "document:d2",
        "document:d3",
    ]
    assert all(a.end <= b.start for a, b in pairwise(free) if a.message == b.message)


def test_documents_that_are_recorded() -> None:
    with captured() as found:

        @smile_trace.trace
        def ask(question: str) -> str:
            smile_trace.record(
                messages=[{"role": "user", "content": f"{TEXTS[0]} {question}"}],
                documents=[TEXTS[1], {"id": 7, "content": TEXTS[0], "score": 1}],
            )
            return "24 months"

        ask("How long?")
    [call] = found.calls
    [document] = call.documents
    assert (document.id, document.score, document.text) == ("7", 1.0, TEXTS[0])


def test_hostile_documents() -> None:
    for value in ("{", "[" * 500, '[1, null, {"content": 3}]', '[{"content": "  "}]', 7):
        span = _span("1", 1, {"gen_ai.retrieval.documents": value})
        [call] = read_calls([span, _call(20, "hi")])
        assert call.documents == ()
    assert read_documents(_span("1", 1, {"retrieval.documents.0.document.content": 3})) == []


def test_repeated_words_take_no_time() -> None:
    """A table of zeros: every word begins a place where the document might stand."""
    zeros = "0 " * 60_000
    message = Message(role="user", content=zeros)
    documents = [Document(text=zeros + "1"), Document(text=zeros + "2")]
    [found] = find_documents(documents, [message])
    assert found.place == (0, 0, len(zeros) - 1)
