"""Retrieved documents: read from spans, and found in what was sent however they are rendered."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest

import smile_trace
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.dialects import read_calls
from smile_trace.dialects.document_search import Finder
from smile_trace.dialects.documents import read_documents
from smile_trace.records import Document, Message, Prompted, Span, ToolResult
from smile_trace.testing import captured
from tests.support.document_renderings import (
    ENGLISH,
    ONE_TEXT,
    Rendering,
    Texts,
    in_a_tool_result,
    one_by_one,
    sent,
)

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


def test_its_attribution_goes_back_to_it() -> None:
    """A segment that is a retrieved document has the document's id in its key."""
    content = f"{TEXTS[0]} {TEXTS[1]} How long?"
    result = json.dumps({"hits": [TEXTS[2], TEXTS[0]], "more": False})
    messages = (
        Message(role="user", content=content),
        Message(role="tool", parts=(ToolResult(id="c", response=result),)),
    )
    documents = [Document(id=f"d{k}", text=text) for k, text in enumerate((*TEXTS, TEXTS[0]))]
    found = tuple(Finder().find(documents, messages))
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
    zeros = "0 " * 20_000
    message = Message(role="user", content=zeros)
    documents = [Document(text=zeros + "1"), Document(text=zeros + "2")]
    [found] = Finder().find(documents, [message])
    assert found.place == (0, 0, len(zeros) - 1)


def _found(texts: Sequence[str], messages: Sequence[Message]) -> list[str]:
    documents = [Document(id=str(k), text=text) for k, text in enumerate(texts)]
    return [document.id or "" for document in Finder().find(documents, messages)]


def _pieces(texts: Sequence[str], messages: Sequence[Message]) -> list[str]:
    """What is found of each document, in its order."""
    documents = [Document(text=text) for text in texts]
    places = [d.place for d in Finder().find(documents, messages) if d.place is not None]
    return [messages[m].content[start:end] for m, start, end in places]


@pytest.mark.parametrize(("render", "texts"), ONE_TEXT.values(), ids=ONE_TEXT)
def test_found_as_it_is_rendered(render: Rendering, texts: Texts) -> None:
    """All that are sent in the order in which they are, and the one that is not is not found."""
    for order in (texts, texts[::-1], (*texts[1:], texts[0])):
        messages = sent(render(order))
        documents = [Document(id=str(k), text=text) for k, text in enumerate(texts)]
        found = list(Finder().find(documents, messages))
        assert [document.id for document in found] == [str(k) for k in range(len(texts))]
        places = [document.place or (0, 0, 0) for document in found]
        by_place = sorted(range(len(texts)), key=lambda k: places[k])
        assert [texts[k] for k in by_place] == list(order)
        ordered = sorted(places)
        assert all(a[2] <= b[1] for a, b in pairwise(ordered))
        content = messages[1].content
        assert content.index("these:") < ordered[0][1] < ordered[-1][2] < content.index("Question:")
    [missing, *others] = texts
    assert _found(texts, sent(render(others))) == [str(k + 1) for k in range(len(others))]
    assert _found([missing], sent(render(others))) == []


@pytest.mark.parametrize("make", [in_a_tool_result, one_by_one])
def test_found_in_any_message(make: Callable[[Texts], tuple[Message, ...]]) -> None:
    assert _found(ENGLISH, make(ENGLISH)) == ["0", "1", "2", "3"]
    assert _found(ENGLISH, make(ENGLISH[1:])) == ["1", "2", "3"]


NEARLY = (
    ENGLISH[0],
    ENGLISH[0].replace("24 months", "36 months"),
    ENGLISH[0].replace("but not wear", "and wear"),
    ENGLISH[0].replace("covers defects", "covers no defects"),
    ENGLISH[0].replace("kettle", "lamp"),
)


@pytest.mark.parametrize("alone", range(len(NEARLY)))
def test_nearly_the_same_are_told_apart(alone: int) -> None:
    assert _found(NEARLY, sent(NEARLY[alone])) == [str(alone)]
    others = [text for k, text in enumerate(NEARLY) if k != alone]
    assert _found(others, sent(NEARLY[alone])) == []


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 4, 1, 0, 3)])
def test_nearly_the_same_side_by_side(order: tuple[int, ...]) -> None:
    texts = [NEARLY[k] for k in order]
    messages = sent("\n".join(f"[{n}] {text}" for n, text in enumerate(texts, 1)))
    assert _pieces(NEARLY, messages) == list(NEARLY)


def test_a_cut_one_goes_to_the_fuller_one() -> None:
    """Documents of one handbook begin alike; cut short, each is found where most of it is."""
    header = "Shop handbook, chapter four, terms for customers of the online shop."
    texts = [f"{header} {text}" for text in ENGLISH]
    assert _found(texts, sent(texts[2])) == ["2"]
    assert _pieces(texts, sent("\n\n".join(text[:160] for text in texts)))[3].startswith(header)


def test_overlapping_chunks() -> None:
    words = " ".join(ENGLISH).replace("&", "and").split()
    chunks = [" ".join(words[k : k + 30]) for k in range(0, len(words) - 30, 20)]
    messages = sent("\n\n".join(chunks))
    assert _pieces(chunks, messages) == chunks


def test_the_same_text_twice() -> None:
    twice = [ENGLISH[0], ENGLISH[0]]
    assert _pieces(twice, sent("\n".join(twice))) == twice
    assert _found(twice, sent(ENGLISH[0])) == ["0"]


def test_a_few_common_words_are_no_document() -> None:
    texts = ["It covers the day of purchase and the receipt, too, if there is one.", "…", "  "]
    assert _found(texts, sent(ENGLISH[0])) == []


def test_words_of_the_question_are_no_part_of_it() -> None:
    """The place of a document that was cut short ends before the question that repeats its end."""
    cut = " ".join(ENGLISH[0].split()[:14])
    messages = sent(f"{cut}…", "What of damage by limescale?")
    assert _pieces([ENGLISH[0]], messages) == [f"{cut}…"]


def _conversation(turns: int) -> Iterator[tuple[list[Document], list[Message]]]:
    """What an agent retrieved and sent up to each turn: all there was before, and more."""
    documents: list[Document] = []
    messages: list[Message] = []
    for turn in range(turns):
        text = " ".join(f"w{turn}x{k}" for k in range(100))
        documents = [*documents, Document(id=str(turn), text=text)]
        messages = [*messages, Message(role="user", content=f"Use this:\n{text}\nand answer.")]
        yield documents, messages


def test_what_is_sent_again_is_not_looked_for_again() -> None:
    """A conversation of 40 turns takes about 40 times one turn's steps, and not their cube."""
    one = 2 * 700 + 100
    finder = Finder(most_steps=3 * 40 * one)
    for turn, (documents, messages) in enumerate(_conversation(40)):
        found = [d.id for d in finder.find(documents, messages)]
        assert found == [str(k) for k in range(turn + 1)]


def test_what_is_not_found_in_so_many_steps_is_not_looked_for() -> None:
    """Tables of the same few words, which stand everywhere a little."""
    words = random.Random(1).choices(["yes", "no", "none", "both"], k=50_000)
    documents = [Document(text="|".join(words[k::300])) for k in range(300)]
    messages = [Message(role="user", content="|".join(words))]
    finder = Finder(most_steps=600_000)
    *_, (known, sent) = _conversation(1)
    assert len(list(finder.find(known, sent))) == 1
    assert len(list(finder.find(documents, messages))) < 300
    assert list(finder.find([*known, *documents], [*sent, *messages])) == []
