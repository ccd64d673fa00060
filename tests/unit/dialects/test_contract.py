"""Every dialect passes the contract suite, and the suite notices who does not."""

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from smile_trace.dialects import read_calls, registry
from smile_trace.dialects.kinds.gen_ai import GenAI
from smile_trace.records import Call, Message, Span
from smile_trace_contracts.dialect import check_dialect

EXAMPLE = Path(__file__).parents[3] / "examples" / "plugins" / "dialect.py"


def span_with(**attributes: Any) -> Span:
    return Span(
        trace_id="a" * 32, span_id="b" * 16, name="x", start_ns=1, end_ns=2, attributes=attributes
    )


def text_of(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


PROMPT = {"name": "p", "version": "1", "template": "h{x}", "message": 0, "start": 0, "end": 2}
GEN_AI = span_with(
    **{
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.input.messages": json.dumps([text_of("user", "hi")]),
        "gen_ai.output.messages": [text_of("assistant", "ho")],
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.conversation.id": "s",
        "smile_trace.prompts": json.dumps([PROMPT]),
        "smile_trace.tags": '{"a": "b"}',
        "smile_trace.rerun.arguments": '{"prompt": "p", "arguments": {}}',
    }
)


@pytest.fixture
def registered() -> Iterator[None]:
    """What a test registers is gone afterwards."""
    before = list(registry.known())
    yield
    registry.known()[:] = before


class Trusting:
    """Believes what it reads."""

    name: ClassVar[str] = "trusting"

    def recognises(self, span: Span) -> bool:
        return "trusting.text" in span.attributes

    def read_call(self, span: Span) -> Call:
        return Call(
            trace_id=span.trace_id,
            span_id=span.span_id,
            name=span.name,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            messages=(Message(role="user", content=span.attributes["trusting.text"]),),
            answer="x",
        )


def test_a_dialect_that_trusts_the_attributes_fails() -> None:
    with pytest.raises(
        AssertionError, match=r"with \{'trusting.text': None\} it raised Validation"
    ):
        check_dialect(Trusting(), [span_with(**{"trusting.text": "hi"})])


def test_an_answer_that_is_missing_without_a_reason_fails() -> None:
    class Silent(Trusting):
        def read_call(self, span: Span) -> Call:
            return super().read_call(span).model_copy(update={"answer": None})

    with pytest.raises(AssertionError, match="no_content does not say why"):
        check_dialect(Silent(), [span_with(**{"trusting.text": "hi"})])


def test_a_dialect_that_gives_something_else_fails() -> None:
    class Truthy(Trusting):
        def recognises(self, span: Span) -> Any:
            return span.attributes.get("trusting.text")

    class Plain(Trusting):
        def read_call(self, span: Span) -> Any:
            return {}

    for dialect, broken in ((Truthy(), "recognises.* 'hi', no bool"), (Plain(), "a dict, no Call")):
        with pytest.raises(AssertionError, match=broken):
            check_dialect(dialect, [span_with(**{"trusting.text": "hi"})])


def test_a_dialect_that_takes_the_spans_of_others_fails() -> None:
    class Greedy(GenAI):
        def recognises(self, span: Span) -> bool:
            return True

    with pytest.raises(AssertionError, match=r"it recognises \{\}"):
        check_dialect(Greedy(), [GEN_AI])


@pytest.mark.usefixtures("registered")
def test_the_example_of_the_contribution_guide() -> None:
    scope = runpy.run_path(str(EXAMPLE))
    scope["test_acme"]()  # it has registered the dialect
    [call] = read_calls([scope["EXAMPLE"]])
    assert (call.answer, call.provider) == ("Yes.", "acme")
