"""A part of the logged answer that is explained alone, as a person names it."""

from smile_trace.attribution import answer_span
from smile_trace.attribution.answer_distance.tool_call_change import tool_call_span
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.records.formats.answers import read_tool_calls


def find_answer_span(answer: str, part: str) -> AnswerSpan:
    """The first occurrence of `part` in `answer`; white space may differ. Of an answer that is
    calls of tools, `tool` is which tool is called, and `$.number` one of the arguments.

    Raises:
        AnswerSpanNotFound: it does not occur there, or is nothing but white space.
    """
    if read_tool_calls(answer) is not None:
        span = tool_call_span(answer, part.strip())
        if span is not None:
            return span
    return answer_span.find_answer_span(answer, part)
