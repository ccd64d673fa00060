"""Which documents of a request the sentences of an answer name.

A citation came with the answer (`Citation`), or stands in its text: `[2]`, `[1, 3]`, `[^2]`,
`[returns.md]`, `【4:0†returns.md】`, `(source: returns.md)`, a link. What stands in brackets and
names no document is a citation only if it is a number or a file's name: `[sic]` is none.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from smile_trace._text.titles import document_name, title_or_beginning
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.reporting.segments import overlap
from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.segmentation.selections import picked_units
from smile_trace.attribution.segmentation.units import UnitMissing, UnitSplitter
from smile_trace.records import Citation, Document, Media, Message, Place, Prompted

MOST_SENTENCES = 30
"""Sentences of an answer that are looked at."""

_MARK = re.compile(
    r"\[[^\[\]\n]{0,200}\]\((?P<link>[^()\s]{1,500})\)"
    r"|\[\^?(?P<bracket>[^\[\]\n]{1,100})\]"
    r"|【(?P<assistant>[^【】\n]{1,100})】"
    r"|\((?:sources?|see|doc(?:ument)?s?|refs?)\b[:.]?\s*(?P<round>[^()\n]{1,100})\)",
    re.IGNORECASE,
)
_WORD = r"(?:documents?|docs?|sources?|refs?|references?|passages?|contexts?|results?|chunks?)"
_NUMBERS = re.compile(
    rf"(?:{_WORD}[\s_-]*)?#?\d{{1,3}}(?:\s*(?:[,;&–-]|and)\s*(?:{_WORD}\s*)?#?\d{{1,3}})*",
    re.IGNORECASE,
)
_OWN = re.compile(
    rf"\s*(?:\[(\d{{1,3}})\]|(?:#+\s*|\*\*)?{_WORD}\s*[#\[(]?(\d{{1,3}})\b"
    rf"|<{_WORD}[^<>\n]{{0,200}}?\b(?:index|id|number)=[\"']?(\d{{1,3}})\b)",
    re.IGNORECASE,
)
"""The number that a document has in the prompt: `[2] …`, `Document 2: …`, `<doc id="2">`."""
_NUMBERED = re.compile(r"\[\^?(\d{1,3})\]")
_FOOTNOTE = re.compile(r"(?m)^[ \t]*(?:[-*][ \t]+)?\[\^?(\d{1,3})\][:.]?[ \t]+(\S.{0,300})$")
_LINE_START = re.compile(r"[ \t]*(?:[-*+>][ \t]+)?")
_FILE = re.compile(r"\w\.(?:md|txt|pdf|html?|docx?|pptx?|xlsx?|csv|json|xml|rst)\b", re.IGNORECASE)
_LONGEST_RANGE = 20
_SHORTEST_NAME = 3
"""Characters of a document's name that is looked for inside of brackets."""


@dataclass
class Sentence:
    """A sentence of an answer, without the citations at its end. `cites`: the numbers, from 0, of
    the documents that it names, each as written. `unknown`: what names none of them."""

    span: AnswerSpan
    cites: dict[int, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def documents_in(prompted: Prompted) -> list[Document]:
    """The documents that stand in the messages, in their order: the retrieved ones, blocks of
    documents, and what the structure of a text shows."""
    known = [_named(document) for document in prompted.documents if document.place is not None]
    try:
        shown = [place for [place] in picked_units(prompted, "document") or ()]
    except UnitMissing:
        shown = []
    titles = UnitSplitter(prompted)
    for places in (_blocks(prompted.messages), shown):  # those of one kind are apart
        taken = [document.place for document in known if document.place is not None]
        for place in places:
            if not any(overlap(other, place) for other in taken):
                message, start, end = place
                text = prompted.messages[message].content[start:end]
                source = titles.title(*place) or title_or_beginning(text)
                known.append(Document(text=text, source=source, place=place))
    return sorted(known, key=lambda document: document.place or ())


def _named(document: Document) -> Document:
    """The document, called by its text if its retriever gave it no name."""
    if document_name(document.source, document.id) is not None:
        return document
    return document.model_copy(update={"source": title_or_beginning(document.text)})


class Cited(NamedTuple):
    """The documents of a request, and the sentences of an answer that cites them."""

    documents: Sequence[Document] = ()
    sentences: Sequence[Sentence] = ()


def cited_in(prompted: Prompted) -> Cited:
    """What an answer cites; nothing if it has no citation, or the request no document."""
    if prompted.citations or _MARK.search(prompted.answer or ""):
        documents = documents_in(prompted)
        if documents and (sentences := citing_sentences(prompted, documents)):
            return Cited(documents, sentences)
    return Cited()


def citing_sentences(prompted: Prompted, documents: Sequence[Document]) -> list[Sentence]:
    """The first MOST_SENTENCES sentences of an answer that cites documents; [] if it cites nothing.
    `documents` stand in the messages."""
    answer, names = prompted.answer or "", _Names(prompted.messages, documents)
    notes = _footnotes(answer)
    labels = {note[1]: note[2] for note in notes}
    plain = _blanked(answer, notes)
    marks = [
        (mark, numbers)
        for mark in _MARK.finditer(plain)
        if (numbers := list(names.cited(mark, labels)))
    ]
    found = _sentences(_blanked(plain, [mark for mark, _ in marks if mark["link"] is None]))
    for mark, numbers in marks:
        for number in numbers:
            _note(_marked(found, answer, mark.start()), mark[0], number)
    for one in prompted.citations:
        written = one.passage or one.source or f"document {one.document}"
        _note(_covered(found, one), written, names.of(one))
    found = found[:MOST_SENTENCES]
    return found if any(sentence.cites or sentence.unknown for sentence in found) else []


def _note(sentences: Iterable[Sentence], written: str, number: int | None) -> None:
    for sentence in sentences:
        if number is None:
            sentence.unknown.append(written)
        else:
            sentence.cites.setdefault(number, written)


def _footnotes(answer: str) -> list[re.Match[str]]:
    """The lines that say what a number stands for, which the text before them cites."""
    first = {mark[1]: mark.start() for mark in reversed([*_NUMBERED.finditer(answer)])}
    return [note for note in _FOOTNOTE.finditer(answer) if first[note[1]] < note.start()]


def _blanked(text: str, gaps: Iterable[re.Match[str]]) -> str:
    """The text with spaces in place of the gaps."""
    left, at = list[str](), 0
    for gap in gaps:
        left += [text[at : gap.start()], " " * len(gap[0])]
        at = gap.end()
    return "".join([*left, text[at:]])


def _sentences(plain: str) -> list[Sentence]:
    """The first sentences with a word, and one more, to which later citations go."""
    found: list[Sentence] = []
    for start, end in boundaries.sentences(plain):
        if boundaries.has_word(plain, start, end) and len(found) <= MOST_SENTENCES:
            words = re.sub(r"(?<!\s)\s{2,}[^\w\s]*\Z", "", plain[start:end])
            found.append(Sentence((start, start + len(words))))
    return found


def _marked(found: Sequence[Sentence], answer: str, at: int) -> Sequence[Sentence]:
    """The sentence of a citation: the one it stands in or behind, or at the beginning of."""
    if _LINE_START.fullmatch(answer, answer.rfind("\n", 0, at) + 1, at):
        return [sentence for sentence in found if sentence.span[1] > at][:1]
    return [sentence for sentence in found if sentence.span[0] <= at][-1:]


def _covered(found: Sequence[Sentence], citation: Citation) -> Sequence[Sentence]:
    """The sentences that a citation covers with a word, or the one before its place."""
    start, end = citation.start, citation.end
    over = [one for one in found if one.span[0] < end and start < one.span[1]]
    return over or [one for one in found if one.span[0] < max(end, 1)][-1:]


class _Names:
    """By what an answer may call the documents of a request."""

    def __init__(self, messages: Sequence[Message], documents: Sequence[Document]) -> None:
        self._documents = documents
        self._places = [one.place for one in documents if one.place is not None]
        self._blocks = list(_blocks(messages))
        own = [_own_number(messages, one) for one in documents]
        if None in own or len(set(own)) < len(own):
            own = list(range(1, len(documents) + 1))
        self._numbers = {number: k for k, number in enumerate(own)}
        names = ((k, name) for k, one in enumerate(documents) for name in _names(one))
        self._names = {name.casefold(): k for k, name in reversed(list(names))}

    def cited(self, mark: re.Match[str], labels: dict[str, str]) -> Iterator[int | None]:
        """The documents that a mark names; nothing if it is no citation."""
        kind = str(mark.lastgroup)
        text = mark[kind].partition("†")[2] if "†" in mark[kind] else mark[kind]
        if kind == "assistant" and self.called(text) is None:
            text = mark[kind].partition("†")[0].partition(":")[0]
        if kind != "link" and _NUMBERS.fullmatch(text.strip()):
            for number in _numbers(text):
                called = self.called(labels[number]) if number in labels else None
                yield self._numbers.get(int(number)) if called is None else called
        elif (called := self.called(text)) is not None or (kind != "link" and _FILE.search(text)):
            yield called

    def called(self, text: str) -> int | None:
        """The document that a text names."""
        folded = text.strip().casefold()
        if folded in self._names:
            return self._names[folded]
        inside = (
            (len(name), k)
            for name, k in self._names.items()
            if len(name) >= _SHORTEST_NAME and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", folded)
        )
        return max(inside, default=(0, None))[1]

    def of(self, citation: Citation) -> int | None:
        """The document of a citation that came with the answer: by its number among the request's
        blocks of documents, or by its name, or by the passage that it cites."""
        number = citation.document
        if number is not None and number < len(self._blocks):
            block = self._blocks[number]
            inside = (k for k, place in enumerate(self._places) if overlap(place, block))
            if (found := next(inside, None)) is not None:
                return found
        if citation.source and (found := self.called(citation.source)) is not None:
            return found
        passage = " ".join((citation.passage or "").split())
        held = (k for k, text in enumerate(self._texts) if passage in text)
        return next(held, None) if passage else None

    @cached_property
    def _texts(self) -> list[str]:
        return [" ".join(one.text.split()) for one in self._documents]


def _numbers(text: str) -> Iterator[str]:
    """The numbers in a citation, those between the ends of a range (`1-3`) among them."""
    for first, last in re.findall(r"(\d+)(?:\s*[–-]\s*(\d+))?", text):
        end = min(int(last), int(first) + _LONGEST_RANGE) if last else int(first)
        yield from map(str, range(int(first), end + 1))


def _names(document: Document) -> Iterator[str]:
    for name in filter(None, (document.source, document.id)):
        yield name
        last = name.rstrip("/").rpartition("/")[2]
        yield from (one for one in (last, last.rpartition(".")[0]) if len(one) >= _SHORTEST_NAME)


def _blocks(messages: Sequence[Message]) -> Iterator[Place]:
    """The places of the request's blocks of documents, files among them, in their order."""
    for number, message in enumerate(messages):
        for slot in message.slots if message.parts else ():
            part = message.parts[slot.part]
            if slot.document or (isinstance(part, Media) and part.modality == "file"):
                yield number, slot.start, slot.end


def _own_number(messages: Sequence[Message], document: Document) -> int | None:
    """The number by which the prompt calls a document, in it or before it on its line."""
    assert document.place is not None
    message, start, end = document.place
    text = messages[message].content
    line = text.rfind("\n", max(start - 200, 0), start) + 1
    for at in (start, line):
        if number := _OWN.match(text[at : min(at + 300, end)]):
            return int(next(filter(None, number.groups())))
    return None
