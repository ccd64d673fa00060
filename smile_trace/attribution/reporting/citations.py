"""What each sentence of an answer cites, beside the documents that it depends on."""

from collections.abc import Callable, Iterator, Sequence

from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.reporting.segments import document_attributions
from smile_trace.attribution.segmentation.citing import Cited
from smile_trace.records import CitedDocument, SegmentAttribution

Behind = Callable[[AnswerSpan], Sequence[SegmentAttribution]]
"""The segments of a prompt, measured by a part of the answer alone."""


def cited_documents(cited: Cited, behind: Behind) -> Iterator[CitedDocument]:
    """Each sentence with the documents that it cites, or depends on without a citation; nothing of
    an answer without citations."""
    documents, sentences = cited
    for sentence in sentences:
        start, end = sentence.span
        segments = behind(sentence.span)
        for number, document in enumerate(document_attributions(documents, segments)):
            written = sentence.cites.get(number)
            if written is not None or document.verdict == "supports":
                yield CitedDocument(start=start, end=end, cited=written, document=document)
        for written in sentence.unknown:
            yield CitedDocument(start=start, end=end, cited=written)
