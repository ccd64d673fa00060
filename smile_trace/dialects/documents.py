"""Retrieved documents, read from the spans that retrieved them.

Sources: OpenInference (`retrieval.documents`), OpenTelemetry GenAI conventions
(`gen_ai.retrieval.documents`, also written by `record(documents=…)`), and the outputs of retriever
spans of MLflow, Langfuse, LangSmith and Traceloop.
"""

from collections.abc import Container, Mapping, Sequence
from itertools import accumulate

from smile_trace import semconv
from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.attributes import read_indexed, read_list, read_object
from smile_trace.dialects.document_search import Finder
from smile_trace.records import JSON, Call, Document, Span

_RETRIEVAL = "retriev"
MAX_DOCUMENTS = 200
"""The most documents of one call."""
MAX_LENGTH, FREE_CHARACTERS = 2, 10_000
"""A call's documents are at most so many times as long as its messages, plus some characters."""
MAX_RETRIEVED = 5000
"""The most documents of one trace."""

_TEXTS = ("content", "text", "page_content")
_SOURCES = ("source", "doc_uri", "url", "title", "file_name")

Retrieved = tuple[Span, list[Document]]
"""A span and the documents that it retrieved."""


def retrieved_in(spans: Sequence[Span]) -> list[Retrieved]:
    """The spans of a trace that retrieved documents, with their documents."""
    found: list[Retrieved] = []
    left = MAX_RETRIEVED
    for span in spans:
        try:
            documents = [
                document.model_copy(update={"span_id": span.span_id, "retriever": span.name})
                for document in read_documents(span)
            ]
        except ForeignDataError:  # JSON beyond the bounds: the calls are read without them
            continue
        if documents := documents[:left]:
            found.append((span, documents))
            left -= len(documents)
    return found


def with_documents(
    call: Call, retrieved: Sequence[Retrieved], around: Container[str], finder: Finder
) -> Call:
    """The call with the documents in its messages that were recorded with it or retrieved before.
    `retrieved`: of the call's trace, as is `finder`; `around`: the ids of the spans around the
    call: a function may name documents and then ask."""
    if not retrieved:
        return call
    before = [
        document.model_copy(update={"retriever": None}) if own else document
        for span, documents in retrieved
        if (own := span.span_id == call.span_id)
        or span.end_ns <= call.start_ns
        or span.span_id in around
        for document in documents
    ]
    found = list(finder.find(before, call.messages))[:MAX_DOCUMENTS] if before else []
    most = MAX_LENGTH * sum(len(one.content) for one in call.messages) + FREE_CHARACTERS
    lengths = accumulate(
        len(one.text) + len(one.source or "") + len(one.retriever or "") for one in found
    )
    kept = tuple(one for one, length in zip(found, lengths, strict=True) if length <= most)
    return call.model_copy(update={"documents": kept}) if kept else call


def read_documents(span: Span) -> list[Document]:
    """The documents with a text that a span retrieved; raises ForeignDataError."""
    a = span.attributes
    items: list[JSON] = [
        {name.removeprefix("document."): value for name, value in item.items()}
        for item in read_indexed(a, "retrieval.documents")
    ]
    items += read_list(a.get(semconv.RETRIEVAL_DOCUMENTS))
    if a.get("mlflow.spanType") in ("RETRIEVER", '"RETRIEVER"'):
        items += read_list(a.get("mlflow.spanOutputs"))
    if a.get("langfuse.observation.type") == "retriever":
        items += read_list(a.get("langfuse.observation.output"))
    if a.get("langsmith.span.kind") == "retriever":
        items += read_list(read_object(a.get("gen_ai.completion")).get("documents"))
    if _RETRIEVAL in str(a.get(semconv.OPERATION_NAME)):  # Traceloop's
        items += read_list(read_object(a.get("traceloop.entity.output")).get("documents"))
    if a.get("genkit:metadata:subtype") == "retriever":
        items += map(_of_genkit, read_list(read_object(a.get("genkit:output")).get("documents")))
    objects = [(k, item) for k, item in enumerate(items[:MAX_DOCUMENTS]) if isinstance(item, dict)]
    read = (_document(item, position) for position, item in objects)
    return [document for document in read if document is not None]


def _of_genkit(item: JSON) -> JSON:
    """A document in parts, which are joined into a text where it is put into a prompt."""
    written = read_object(item)
    texts = (read_object(part).get("text") for part in read_list(written.get("content")))
    return {**written, "text": "".join(text for text in texts if isinstance(text, str))}


def text_of(item: Mapping[str, JSON]) -> str:
    """The text of a retrieved document, whoever wrote it; empty if there is none."""
    return next((item[name] for name in _TEXTS if isinstance(item.get(name), str)), "")


def _document(item: Mapping[str, JSON], position: int) -> Document | None:
    text = text_of(item)
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
        position=position,
    )
