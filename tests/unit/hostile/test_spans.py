"""No reader of lines, spans and attributes raises anything but its own error."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from smile_trace import semconv
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects import read_calls, read_feedback
from smile_trace.errors import ReasonCode
from smile_trace.records.formats.otlp import read_line
from smile_trace.spool.losses import FILE_SUFFIX, read_losses
from tests.support.hostile import (
    PLACE,
    places,
    recorded_lines,
    small_values,
    values,
    with_value,
)
from tests.support.otlp_json import spans_to_otlp
from tests.support.readers.spool_lines import read_calls_of
from tests.support.spooled import call_span, line, span_id, trace_id

pytestmark = pytest.mark.thorough

STRUCTURED = [
    semconv.INPUT_MESSAGES,
    semconv.OUTPUT_MESSAGES,
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.RESPONSE_FINISH_REASONS,
    semconv.PARAMETERS,
    semconv.METADATA,
    semconv.TAGS,
    semconv.PROMPTS,
    semconv.RERUN_ARGUMENTS,
]


@pytest.mark.parametrize("name", values())
def test_a_hostile_line(name: str) -> None:
    assert read_calls_of(values()[name]) == []


def test_the_error_has_a_code_of_its_own() -> None:
    with pytest.raises(ForeignDataError) as caught:
        read_line(b"{")
    assert caught.value.code is ReasonCode.UNREADABLE_DATA


@pytest.mark.parametrize("name", small_values())
def test_a_hostile_value_at_every_place_of_a_span(name: str) -> None:
    document = json.loads(line(call_span(1, k=1, f=0.5, b=True, l=["a"])))
    for changed in places(document):
        read_calls_of(with_value(changed, values()[name]))


@pytest.mark.parametrize("kind", ["stringValue", "intValue", "doubleValue", "boolValue"])
@pytest.mark.parametrize("name", values())
def test_a_hostile_attribute(kind: str, name: str) -> None:
    document = spans_to_otlp([call_span(1)])
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["attributes"].append({"key": "x", "value": {kind: PLACE}})
    read_calls_of(with_value(document, values()[name]))


@pytest.mark.parametrize("name", values())
def test_hostile_json_text_in_an_attribute(name: str) -> None:
    text = values()[name].decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()
    large = name not in small_values()
    for attribute in STRUCTURED[-1:] if large else STRUCTURED:
        for held in (text,) if large else (text, '{"a":' + text + "}", f"[{text}]"):
            [call] = read_calls_of(line(call_span(1, **{attribute: held})))  # type: ignore[arg-type]
            assert call.id == f"{trace_id(1)}:{span_id(1)}"


@pytest.mark.parametrize("depth", [65, 220, 250, 300, 900, 5000])
@pytest.mark.parametrize("attribute", [semconv.METADATA, semconv.PARAMETERS])
def test_a_call_nested_too_deeply_is_kept_without_content(attribute: str, depth: int) -> None:
    text = '{"a":' + "[" * depth + "]" * depth + "}"
    [call] = read_calls_of(line(call_span(1, **{attribute: text})))  # type: ignore[arg-type]
    assert call.answer is None
    assert "nested" in (call.no_content or "")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('{"intValue": 1e999}', "not a JSON number"),
        ('{"intValue": Infinity}', "not an integer"),
        ('{"intValue": "Infinity"}', "not an integer"),
        ('{"intValue": 1.5}', "not an integer"),
        (f'{{"intValue": "{10**400}"}}', "not an integer"),
        (f'{{"intValue": {10**30}}}', "more than 64 bits"),
        ('{"doubleValue": ' + "9" * 400 + "}", "more than 64 bits"),
        ('{"doubleValue": "' + "9" * 400 + '"}', "not a JSON number"),
        ('{"boolValue": "false"}', "boolValue is a str"),
        ('{"stringValue": 7}', "stringValue is a int"),
    ],
)
def test_one_bad_number_costs_one_span(value: str, said: str) -> None:
    document = spans_to_otlp([call_span(1), call_span(2)])
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[0]["attributes"].append({"key": "x", "value": PLACE})
    good, errors = read_line(with_value(document, value.encode()))
    assert [span.trace_id for span in good] == [trace_id(2)]
    assert len(errors) == 1
    assert said in str(errors[0])


@pytest.mark.parametrize("score", [10**400, "x", [], True, float("inf"), float("nan"), 10**30])
def test_a_hostile_score(score: Any) -> None:
    attributes = {
        semconv.KIND: "feedback",
        semconv.FEEDBACK_TRACE: trace_id(2),
        semconv.FEEDBACK_SCORE: score,
    }
    span = call_span(1).model_copy(update={"attributes": attributes})
    with contextlib.suppress(ForeignDataError):
        found = read_feedback(span)
        assert found is None or abs(found.score) < float("inf")


def test_halves_of_a_character_in_json_text() -> None:
    messages = '[{"role":"user","parts":[{"type":"text","content":"so \\ud83d!"}]}]'
    [call] = read_calls_of(line(call_span(1, **{semconv.INPUT_MESSAGES: messages})))  # type: ignore[arg-type]
    assert call.messages[0].content == "so \ufffd!"


def test_the_recordings_are_read() -> None:
    spans = [span for text in recorded_lines() for span in read_line(text)[0]]
    assert len(spans) > 50
    assert not [error for text in recorded_lines() for error in read_line(text)[1]]
    assert any(read_calls(spans))


@pytest.mark.parametrize("name", small_values())
def test_hostile_files_of_losses(name: str, tmp_path: Path) -> None:
    spool = json.dumps(str(tmp_path)).encode()
    lost = b'{"spool":' + spool + b',"lost":{"x":' + values()[name] + b"}}"
    for number, text in enumerate((values()[name], lost, lost.replace(b'{"x":', b"[[", 1))):
        (tmp_path / f"{number}{FILE_SUFFIX}").write_bytes(text)
    assert isinstance(read_losses(tmp_path), dict)
