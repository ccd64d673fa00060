"""Retrieved documents: read from the spans that retrieved them, and found in the messages.

Sources: OpenInference (`retrieval.documents`), OpenTelemetry GenAI conventions
(`gen_ai.retrieval.documents`, also what `record(documents=…)` writes), and what MLflow's and
Langfuse's own spans of a retriever gave back.
"""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence

from smile_trace import foreign, semconv
from smile_trace.dialects.attributes import read_indexed, read_json, read_list, read_object
from smile_trace.foreign import ForeignDataError
from smile_trace.records import JSON, Call, Document, Message, Span

MAX_DOCUMENTS = 200
"""Documents of one call."""

_TEXTS = ("content", "text", "page_content")
_SOURCES = ("source", "doc_uri", "url", "title", "file_name")
_WORD = re.compile(r"\w+")
_ESCAPED = re.compile(r'\\u[0-9a-fA-F]{4}|\\[nrtbf"\\/]|&(?:lt|gt|amp|quot|apos|#\d{1,5});')
_CLOSING = (".", "!", "?", "…", ")", "。")
"""Marks behind its last word that belong to it."""
_FIRST = 3
"""Words by which a document is looked for."""
_PLACES = 100
"""Places in a message at which a document is looked for: the first ones that begin like it."""
_FEWEST = 8
"""Words of a document that was cut short which have to be in the message, at least."""


Retrieved = tuple[Span, list[Document]]
"""A span and the documents that it retrieved."""


def retrieved_in(spans: Sequence[Span]) -> list[Retrieved]:
    """The spans of a trace that retrieved documents, with these."""
    found: list[Retrieved] = []
    for span in spans:
        try:
            documents = read_documents(span)
        except ForeignDataError:  # JSON beyond the bounds: the calls are read without them
            continue
        if documents:
            found.append((span, documents))
    return found


def with_documents(call: Call, retrieved: Sequence[Retrieved]) -> Call:
    """The call with the documents that were retrieved before it in its trace, or recorded with it,
    and stand in its messages."""
    before = [
        document
        for span, documents in retrieved
        if span.span_id == call.span_id or span.end_ns <= call.start_ns
        for document in documents
    ]
    found = list(find_documents(before, call.messages)) if before else []
    return call.model_copy(update={"documents": tuple(found[:MAX_DOCUMENTS])}) if found else call


def read_documents(span: Span) -> list[Document]:
    """The documents with a text that a span retrieved.

    Raises:
        ForeignDataError: it holds JSON beyond the bounds.
    """
    a = span.attributes
    items: list[JSON] = [
        {name.removeprefix("document."): value for name, value in item.items()}
        for item in read_indexed(a, "retrieval.documents")
    ]
    items += read_list(a.get(semconv.RETRIEVAL_DOCUMENTS))
    if read_json(a.get("mlflow.spanType")) == "RETRIEVER":
        items += read_list(a.get("mlflow.spanOutputs"))
    if a.get("langfuse.observation.type") == "retriever":
        items += read_list(a.get("langfuse.observation.output"))
    read = (_document(item) for item in items[:MAX_DOCUMENTS] if isinstance(item, dict))
    return [document for document in read if document is not None]


def _document(item: Mapping[str, JSON]) -> Document | None:
    text = next((item[name] for name in _TEXTS if isinstance(item.get(name), str)), "")
    if not text.strip():
        return None
    metadata = read_object(item.get("metadata"))
    known = {**metadata, **item}
    source = next((known[n] for n in _SOURCES if isinstance(known.get(n), str)), None)
    score = known.get("score")
    if not isinstance(score, int | float) or isinstance(score, bool):
        score = None
    return Document(
        id=None if item.get("id") is None else str(item["id"])[:200],
        text=text,
        source=source,
        score=None if score is None else foreign.finite(score),
    )


def find_documents(
    documents: Iterable[Document], messages: Sequence[Message]
) -> Iterable[Document]:
    """Those that stand in the messages, each once and with its place.

    Their words are looked for, in order: spacing, marks and escapes (JSON's, XML's) do not count,
    and the end may be cut off. Of several places that which holds most of the words, the first.
    """
    texts = [_words(message.content) for message in messages]
    spoken = [[word for word, _, _ in text] for text in texts]
    starts = [_starts(words) for words in spoken]
    taken: set[tuple[int, int, int]] = set()
    for document in documents:
        words = [word for word, _, _ in _words(document.text)]
        best: tuple[int, tuple[int, int, int]] | None = None
        for number, (told, begins) in enumerate(zip(texts, starts, strict=True)):
            for k in begins.get(tuple(words[:_FIRST]), [])[:_PLACES]:
                same = _same(words, spoken[number], k)
                end = told[k + same - 1][2]
                content = messages[number].content
                while content[end : end + 1] in _CLOSING and end < len(content):
                    end += 1
                place = number, told[k][1], end
                if place not in taken and (best is None or same > best[0]):
                    best = same, place
        if best is not None and (best[0] == len(words) or best[0] >= _FEWEST):
            taken.add(best[1])
            yield document.model_copy(update={"place": best[1]})


def _words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text with their places, as they are without escapes."""
    plain, places = _unescaped(text)
    return [
        (m[0].casefold(), places[m.start()], places[m.end() - 1] + 1) for m in _WORD.finditer(plain)
    ]


def _unescaped(text: str) -> tuple[str, list[int]]:
    """The text without escapes, and where the last character of each of its own stood."""
    parts: list[str] = []
    places: list[int] = []
    at = 0
    for match in _ESCAPED.finditer(text):
        escape = match[0]
        parts += (text[at : match.start()], _character(escape))
        places += (*range(at, match.start()), match.end() - 1)
        at = match.end()
    return "".join([*parts, text[at:]]), [*places, *range(at, len(text))]


def _character(escape: str) -> str:
    found = html.unescape(escape) if escape[0] == "&" else json.loads(f'"{escape}"')
    return found if len(found) == 1 else " "


def _starts(words: Sequence[str]) -> dict[tuple[str, ...], list[int]]:
    """Where each word begins, and each run of two and of three."""
    found: dict[tuple[str, ...], list[int]] = {}
    for k in range(len(words)):
        for n in range(1, _FIRST + 1):
            if k + n <= len(words):
                found.setdefault(tuple(words[k : k + n]), []).append(k)
    return found


def _same(words: Sequence[str], told: Sequence[str], start: int) -> int:
    """How many words stand there from `start` on, in order."""
    count = 0
    for size in (1024, 32, 1):  # many at a time, as far as that goes
        while (part := words[count : count + size]) and (
            part == told[start + count : start + count + size]
        ):
            count += len(part)
    return count
