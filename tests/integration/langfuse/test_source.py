"""Traces that stand in Langfuse are read as its SDK wrote them, and explained."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_trace.dialects import assemble
from smile_trace.records import Explanation, Span
from smile_trace.records.formats.otlp import spans_from_line
from smile_trace.settings import Settings
from smile_trace.sources.protocol import pulled
from smile_trace.store import Store
from smile_trace.worker.pull import Pull
from smile_trace_contracts.source import BEGAN_MS, END_MS, application_trace, ids_of
from smile_trace_langfuse import LangfuseSource
from tests.support.explain_a_trace import PROMPT, WORD, explain
from tests.support.explain_a_trace import model as model
from tests.support.fake_langfuse import KEYS, FakeLangfuse, as_langfuse_writes
from tests.support.paths import ROOT
from tests.support.strict_openai import StrictServer
from tests.support.worker_settings import settings_tables


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLangfuse]:
    with FakeLangfuse() as running:
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", KEYS[0])
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", KEYS[1])
        monkeypatch.setenv("LANGFUSE_BASE_URL", running.url)
        yield running


def write(server: FakeLangfuse, at_ms: int = BEGAN_MS) -> str:
    spans = [as_langfuse_writes(span) for span in application_trace(PROMPT, at_ms=at_ms)]
    server.add(spans)
    return spans[0].trace_id


def source() -> LangfuseSource:
    made = LangfuseSource.from_settings({"environments": ["default"]}, {})
    assert made is not None
    return made


@pytest.mark.parametrize("recorded", ["openai", "langchain", "observe"])
def test_what_its_sdk_recorded_is_read_as_it_was_sent(server: FakeLangfuse, recorded: str) -> None:
    lines = (ROOT / f"tests/data/otlp/langfuse-5.0.4.{recorded}.jsonl").read_bytes().splitlines()
    spans = [span for one in lines for span in spans_from_line(one)]
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    server.add(spans)
    read_calls = 0
    for trace_id, sent in traces.items():
        expected = assemble(trace_id, sent).calls
        calls = assemble(trace_id, source().read(trace_id)).calls
        assert len(calls) == len(expected)
        for call, was in zip(calls, expected, strict=True):
            assert (call.messages, call.answer) == (was.messages, was.answer)
            assert (call.model, call.provider, call.usage) == (was.model, was.provider, was.usage)
            assert (call.parameters, call.form) == (was.parameters, was.form)
            assert (call.session, call.user, call.prompts) == (was.session, was.user, was.prompts)
            read_calls += 1
    assert read_calls >= 1


@pytest.mark.slow
def test_a_trace_is_explained_by_its_id(
    tmp_path: Path, server: FakeLangfuse, model: StrictServer
) -> None:
    trace_id = write(server)
    done = explain(tmp_path, model, trace_id, "--budget", "20", "--json")
    assert done.returncode == 0, done.stderr
    explanation = Explanation.model_validate_json(done.stdout)
    assert explanation.answer == "In Paris."
    assert WORD in max(explanation.segments, key=lambda segment: segment.attribution).text
    assert not model.refused


def test_an_id_that_is_nowhere_names_where_it_was_looked_for(
    tmp_path: Path, server: FakeLangfuse, model: StrictServer
) -> None:
    done = explain(tmp_path, model, 32 * "a", "--deliver")
    assert done.returncode == 1
    assert b"or langfuse" in done.stderr
    assert b"Traceback" not in done.stderr


def test_many_observations_are_read_by_ever_shorter_stretches(
    server: FakeLangfuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smile_trace_langfuse.source.LISTED", 10)
    monkeypatch.setattr("smile_trace_langfuse.source.WITH_CONTENT", 3)
    monkeypatch.setattr("smile_trace_langfuse.source.TRACES_PER_REQUEST", 2)
    written = [write(server, BEGAN_MS + 40 * number) for number in range(30)]
    written += [write(server, BEGAN_MS + 5000) for _ in range(12)]  # more than a reply may hold
    reading, since_ms, found = source(), BEGAN_MS, list[str]()
    while since_ms < END_MS:
        page = reading.page("default", since_ms, END_MS, 5)
        found += ids_of(page, reading)
        assert page.until_ms > since_ms
        since_ms = page.until_ms
    assert sorted(found) == sorted(written)


def test_a_trace_that_began_before_a_stretch_is_not_read_again(server: FakeLangfuse) -> None:
    trace_id = write(server)  # its call begins 100 ms after it
    reading = source()
    assert ids_of(reading.page("default", BEGAN_MS, BEGAN_MS + 50, 5), reading) == [trace_id]
    assert reading.page("default", BEGAN_MS + 50, END_MS, 5).traces == ()


def test_the_worker_counts_them_once(
    tmp_path: Path, server: FakeLangfuse, model: StrictServer
) -> None:
    for number in range(5):
        write(server, BEGAN_MS + number)
    asked = {"kind": "endpoint", "base_url": model.base_url, "model": "planted"}
    tables: dict[str, dict[str, Any]] = {
        "models": {"sample-model": asked},
        "sampling": {"rate": 0.0, "minimum_per_prompt_version": 2},
        "sources": {"langfuse": {"environments": ["default"]}},
    }
    settings = Settings(home=tmp_path, **settings_tables(model.base_url, tables))
    with Store.open(settings) as store:
        [reading] = pulled(settings)
        for _ in range(2):
            pull = Pull(reading, store, settings, clock=lambda: END_MS / 1000, pause=lambda _: None)
            pull.run()
            state = store.pulled.get("langfuse", "default")
            assert (state.traces, state.calls, state.kept) == (5, 5, 2)
