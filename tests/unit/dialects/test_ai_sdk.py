"""What the AI SDK sends, where its spans say less: the recordings show the rest."""

import json
from typing import Any

import pytest

from smile_trace.dialects import read_calls
from smile_trace.records import Call, Span
from tests.support.recorded_calls import calls_of

SCHEMA = {
    "type": "object",
    "properties": {"months": {"type": "integer"}},
    "required": ["months"],
    "additionalProperties": False,
}
OPENAI, CLAUDE = ("openai.chat", "gpt-4o-mini"), ("anthropic.messages", "claude-sonnet-4-5")
IN_ANSWER = {"json_schema": {"name": "response", "schema": SCHEMA, "strict": True}}
FORMAT = {"response_format": {"type": "json_schema", **IN_ANSWER}}
TO_CLAUDE = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
NOT_RECORDED = "its answer is JSON, and the AI SDK does not record a schema"
IN_WHICH_FORM = "in which form the AI SDK sent the schema"


def _call(model: tuple[str, str], **around: Any) -> Call:
    """An answer in JSON by `model` (its provider and name), inside a span with these attributes."""
    messages = json.dumps([{"role": "user", "content": [{"type": "text", "text": "How long?"}]}])
    own = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.provider": model[0],
        "ai.model.id": model[1],
        "ai.prompt.messages": messages,
        "ai.response.text": '{"months":24}',
    }
    common: dict[str, Any] = {"trace_id": "1" * 32, "scope": "ai", "start_ns": 1, "end_ns": 2}
    spans = [
        Span(span_id="1" * 16, name="ai.generateText", attributes=around, **common),
        Span(span_id="2" * 16, parent_id="1" * 16, name="chat", attributes=own, **common),
    ]
    [call] = read_calls(spans)
    return call


@pytest.mark.parametrize(
    ("model", "around", "asked"),
    [
        (OPENAI, {"ai.schema": json.dumps(SCHEMA)}, FORMAT),
        (OPENAI, {"ai.telemetry.metadata.schema": json.dumps(SCHEMA)}, FORMAT),
        (OPENAI, {"ai.settings.context.schema": json.dumps(SCHEMA)}, FORMAT),
        (OPENAI, {"ai.telemetry.metadata.schema": "{}"}, {}),
        (OPENAI, {"ai.settings.output": "no-schema"}, {"response_format": {"type": "json_object"}}),
        (CLAUDE, {"ai.schema": json.dumps(SCHEMA)}, TO_CLAUDE),
    ],
)
def test_the_schema_of_an_answer(
    model: tuple[str, str], around: dict[str, Any], asked: dict[str, Any]
) -> None:
    call = _call(model, **around)
    assert call.parameters == asked
    assert call.not_repeatable is None


OPEN = {key: value for key, value in SCHEMA.items() if key != "additionalProperties"}
BOUNDED = SCHEMA | {"properties": {"months": {"type": "integer", "minimum": 0}}}


@pytest.mark.parametrize(
    ("model", "schema", "why"),
    [
        (OPENAI, None, NOT_RECORDED),
        (("vllm.chat", "qwen"), SCHEMA, IN_WHICH_FORM),
        ((CLAUDE[0], "claude-3-5-haiku-latest"), SCHEMA, IN_WHICH_FORM),
        (CLAUDE, OPEN, IN_WHICH_FORM),
        (CLAUDE, BOUNDED, IN_WHICH_FORM),
        (CLAUDE, SCHEMA | {"required": []}, IN_WHICH_FORM),
        (CLAUDE, SCHEMA | {"required": [{}]}, IN_WHICH_FORM),
    ],
)
def test_a_schema_that_is_not_known_as_it_was_sent(
    model: tuple[str, str], schema: dict[str, Any] | None, why: str
) -> None:
    """Anthropic's package changes a schema, or sends it as a tool."""
    call = _call(model, **({"ai.schema": json.dumps(schema)} if schema else {}))
    assert str(call.not_repeatable).startswith(why)


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("ai-6.0.326", ["s-1 u-1"] * 17),
        ("ai-7.0.173", ["None None"] * 17),
        ("ai-7.0.173.whole", ["s-1 u-1"] * 14 + ["None None"] * 3),
    ],
)
def test_who_asked(name: str, who: list[str]) -> None:
    """In version 7 it is written where it is told to, and never of generateObject."""
    calls = calls_of(name)
    assert sorted((f"{call.session} {call.user}" for call in calls), reverse=True) == who
    assert not any(call.metadata for call in calls)
