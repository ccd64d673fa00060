"""A dialect for a gateway that is made up: it writes the request as JSON into one attribute."""

from typing import ClassVar

import smile_trace.dialects
from smile_trace.dialects.attributes import read_list, read_object, read_text
from smile_trace.dialects.call import SpanContent, call_of
from smile_trace.dialects.parts import message_of
from smile_trace.records import Call, Message, Span, TextPart
from smile_trace_contracts.dialect import check_dialect


class Acme:
    """Acme's gateway writes `acme.request` and `acme.reply`."""

    name: ClassVar[str] = "acme"

    def recognises(self, span: Span) -> bool:
        return "acme.request" in span.attributes

    def read_call(self, span: Span) -> Call:
        request = read_object(span.attributes.get("acme.request"))
        turns = [read_object(turn) for turn in read_list(request.get("turns"))]
        content = SpanContent(
            messages=[said(turn.get("from"), turn.get("text")) for turn in turns],
            answers=[said("assistant", span.attributes.get("acme.reply"))],
            model=read_text(request.get("engine")),
            provider="acme",
            parameters=read_object(request.get("options")),
        )
        return call_of(span, self.name, content)


def said(role: object, text: object) -> Message:
    parts = [TextPart(content=text)] if isinstance(text, str) else []
    return message_of(role if isinstance(role, str) else "user", parts)


smile_trace.dialects.register(Acme())


EXAMPLE = Span(
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    name="acme.ask",
    start_ns=1_764_000_000_000_000_000,
    end_ns=1_764_000_001_000_000_000,
    attributes={
        "acme.request": '{"engine": "a-1", "turns": [{"from": "user", "text": "Well?"}], '
        '"options": {"temperature": 0}}',
        "acme.reply": "Yes.",
    },
)


def test_acme():
    check_dialect(Acme(), [EXAMPLE])
