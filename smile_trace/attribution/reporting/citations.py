"""What each sentence of an answer cites, beside the documents that it depends on."""

from collections.abc import Callable, Iterator, Sequence

from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.reporting.segments import document_attributions, overlap
from smile_trace.attribution.segmentation.citing import Cited
from smile_trace.records import CitedDocument, SegmentAttribution

Behind = Callable[[AnswerSpan], tuple[Sequence[SegmentAttribution], frozenset[str]]]
"""The segments of a prompt, measured by a part of the answer alone, and the keys of those that it
needs."""


def cited_documents(cited: Cited, behind: Behind) -> Iterator[CitedDocument]:
    """Each sentence with the documents that it cites, or needs without a citation; nothing of an
    answer without citations."""
    documents, sentences = cited
    for sentence in sentences:
        start, end = sentence.span
        segments, needed = behind(sentence.span)
        places = [place for s in segments if s.key in needed for place in s.places]
        for number, document in enumerate(document_attributions(documents, segments)):
            written = sentence.cites.get(number)
            needs = any(overlap(document.place, place) for place in places)
            if written is not None or (document.verdict == "supports" and needs):
                yield CitedDocument(start=start, end=end, cited=written, document=document)
        for written in sentence.unknown:
            yield CitedDocument(start=start, end=end, cited=written)
