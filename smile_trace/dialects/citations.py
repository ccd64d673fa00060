"""The citations that providers give with an answer.

Sources: Anthropic's guide "Citations" (`citations` of a text block), OpenAI's references of chat
completions and responses (`annotations`), Cohere's of its chat (`citations` of the message), and
LangChain's content blocks (annotations of the type `citation`).
"""

from collections.abc import Iterator, Mapping

from smile_trace.dialects.attributes import first_text, read_list, read_object, read_text
from smile_trace.records import JSON, Citation, Message, TextPart

_NAMES = ("document_title", "title", "filename", "url", "source", "file_id", "id")


def citations_of(message: Message) -> tuple[Citation, ...]:
    """The citations of an answer, by their places in its text (`parts.answer_text`)."""
    of_message = (message.extra.get("annotations"), message.extra.get("citations"))
    found = [one for given in of_message for one in _read(given, 0, len(message.content))]
    at = 0
    for part in message.parts:
        if isinstance(part, TextPart):
            end = at + len(part.content)
            for name in ("citations", "annotations"):
                found += _read(part.extra.get(name), at, end)
            at = end
    return tuple(found)


def _read(given: JSON, start: int, end: int) -> Iterator[Citation]:
    """The citations of a text at `[start, end)` of the answer."""
    for raw in map(read_object, read_list(given)):
        about = raw | read_object(raw.get("url_citation")) | read_object(raw.get("file_citation"))
        first, last = _offset(about, "start_index", "start"), _offset(about, "end_index", "end")
        if about.get("type") == "file_citation":  # it has a place, behind what it is about
            first = last = _offset(about, "index")
        elif "cited_text" in about:  # Anthropic's offsets are the document's
            first = last = None
        place = {"start": start, "end": end}
        if first is not None and last is not None and first <= last <= end - start:
            place = {"start": start + first, "end": start + last}
        document = _offset(about, "document_index", "search_result_index")
        passage, named = first_text(about, "cited_text"), first_text(about, *_NAMES)
        sources = map(read_object, read_list(about.get("sources")))  # Cohere's
        names = [first_text(one, "id", "document_id") for one in sources]
        names += map(read_text, read_list(about.get("document_ids")))  # of its first API
        for name in names or [None]:
            yield Citation(**place, document=document, source=name or named, passage=passage)


def _offset(about: Mapping[str, JSON], *names: str) -> int | None:
    values = (about.get(name) for name in names)
    return next(
        (v for v in values if isinstance(v, int) and not isinstance(v, bool) and v >= 0), None
    )
