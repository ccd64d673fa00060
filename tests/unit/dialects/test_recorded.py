"""The recorded spans of other instrumentors become the calls that a person counts in them."""

from dataclasses import replace

import pytest

from smile_trace.dialects import Dialect, read_calls
from smile_trace.dialects.base import OURS
from smile_trace.dialects.logs import with_logs
from smile_trace.records import Span
from smile_trace.testing import check_dialect
from tests.support.dialects_page import PAGE, page
from tests.support.recorded_calls import (
    FOLDER,
    RECORDED,
    Row,
    calls_of,
    row_of,
    spans_of,
)
from tests.support.written_spans import WRITTEN


def _read(name: str) -> list[Row]:
    return [row_of(call) for call in calls_of(name)]


def test_every_file_is_in_the_table() -> None:
    files = {path.name.removesuffix(".jsonl") for path in FOLDER.glob("*.jsonl")}
    assert {name for name in files if not name.endswith(".logs")} == RECORDED.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_the_calls_of_a_file(name: str) -> None:
    """Equal messages, answers, tools, documents and parameters; none doubled, none phantom."""
    found = _read(name)
    for (which, row), read in zip(RECORDED[name].items(), found, strict=False):
        if row.session == "?":  # made anew at every run
            assert read.session
            read = replace(read, session="?")
        assert read == row, which
    assert len(found) == len(RECORDED[name])


@pytest.mark.parametrize("dialect", OURS, ids=lambda dialect: dialect.name)
def test_a_dialect_keeps_its_contract(dialect: Dialect) -> None:
    """By a recorded span of middle size, of each of its forms; else by one written by hand."""
    spans = [s for name in RECORDED for s in with_logs(spans_of(name)) if _reads(dialect, s)]
    examples = [span for span in WRITTEN if _reads(dialect, span)] or spans
    whole = [span for span in examples if dialect.read_call(span).messages]
    forms = [
        [s for s in whole if ("gen_ai.operation.name" in s.attributes) is f] for f in (False, True)
    ]
    check_dialect(dialect, [form[len(form) // 2] for form in forms if form])


def _reads(dialect: Dialect, span: Span) -> bool:
    """Whether this dialect is the first that recognises the span."""
    first = next((one for one in OURS if one.recognises(span)), None)
    return first is dialect


def test_a_span_of_each_dialect_is_recorded_or_written() -> None:
    read = {call.dialect for name in RECORDED for call in calls_of(name)}
    read |= {call.dialect for call in read_calls(WRITTEN)}
    assert read == {dialect.name for dialect in OURS}


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.support.dialects_page"
