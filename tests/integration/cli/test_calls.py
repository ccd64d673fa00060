"""`smile-trace calls` lists the captured calls as they were read; doctor says which were not."""

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

from smile_trace import semconv
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.doctor import examine
from smile_trace.worker.ingest import Ingest
from tests.instrumentors.applications.texts import CONTEXT
from tests.support.command_line import run_command
from tests.support.recorded_calls import ANSWER, spans_of
from tests.support.spooled import call_span, context_span, write_spool

NAMES = (
    "opentelemetry-instrumentation-genai-openai-1.3b0.event_only",
    "opentelemetry-instrumentation-genai-openai-1.3b0",
    "openinference-instrumentation-langchain-0.1.80",
)


def _ingested(home: Path) -> Settings:
    settings = Settings(home=home)
    for number, name in enumerate(NAMES):
        write_spool(settings.spool, spans_of(name), f"process-{number}.jsonl")
    with Store.open(settings) as store:
        assert not Ingest(store, settings, clock=lambda: 4e9).run().corrupt
    return settings


def _run(tmp_path: Path, *arguments: str) -> str:
    env = {**os.environ, "SMILE_TRACE_HOME": str(tmp_path / "home")}
    done = run_command("calls", *arguments, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_calls(tmp_path: Path) -> None:
    _ingested(tmp_path / "home")
    listed = [json.loads(line) for line in _run(tmp_path, "--json").splitlines()]
    assert len(listed) == 10 + 10 + 6
    one = next(call for call in listed if call["documents"])
    assert (one["answer"], one["model"], one["dialect"]) == (ANSWER, "gpt-4o-mini", "openinference")
    assert one["source"] == "openinference.instrumentation.langchain"
    assert one["id"] == f"{one['trace_id']}:{one['span_id']}"
    assert one["parameters"] == {"temperature": 0.2, "seed": 7, "max_completion_tokens": 50}
    assert sum(len(call["tools"]) for call in listed) == 2 + 4
    joined = [
        call for call in listed if call["messages"] and call["source"].endswith("genai.openai")
    ]
    assert joined[0]["messages"][1] == {"role": "user", "content": CONTEXT}
    shown = _run(tmp_path, "--full", "--limit", "2")
    first, *rest = shown.splitlines()
    assert first.startswith(f"{listed[-2]['id']} ")
    assert sum(not line.startswith("    ") for line in rest[:-1]) == 1  # the other call's first
    assert rest[-1] == "the newest 2 of 26 calls (--limit)"
    assert shown.count("\n    read from") == 2
    assert shown.count("\n    new") == 2
    assert _run(tmp_path, "--json", "--since", "2999-01-01") == ""
    assert "No call was read" in _run(tmp_path, "--since", "1s")
    wrong = run_command("calls", "--since", "yesterday", cwd=tmp_path)
    assert wrong.returncode == 1
    assert b"use 2026-11-26T09:30, or an age" in wrong.stderr


def test_before_a_worker_reads_them_it_is_said_how_many_calls_wait(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    write_spool(settings.spool, [context_span(1), call_span(1), call_span(2)])
    waiting = "2 calls wait to be read: smile-trace worker --once reads what is"
    assert [_run(tmp_path).splitlines()[0] for _ in range(2)] == [waiting, waiting]
    with closing(Store.open(settings)) as store:
        assert Ingest(store, settings).run().traces == 2
    assert _run(tmp_path).count("→ something nice") == 2
    assert "No call was read" in _run(tmp_path, "--since", "1s")


def test_a_call_is_a_line_and_the_prompt_stands_above_its_calls_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    asked = [f"Is lamp number {number} on sale, and until when?" for number in range(4)]
    spans = [call_span(1), call_span(1, span=2, prompt="And then?")]
    for number, question in enumerate(asked, start=2):
        held = [("system", "You sell lamps. " * 20), ("user", question)]
        told = [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in held]
        more: dict[str, Any] = {semconv.INPUT_MESSAGES: json.dumps(told)}
        spans.append(call_span(number, model="lamps", answer="No. " * 30, **more))
    write_spool(settings.spool, spans)
    with closing(Store.open(settings)) as store:
        Ingest(store, settings).run()
        lines = _run(tmp_path).splitlines()
        assert all(len(line) <= 80 for line in lines)
        assert sum("You sell lamps." in line for line in lines) == 1
        ids = [
            line.split()[0] for line in lines if line[0] in "0123456789abcdef" and " new " in line
        ]
        assert len(ids) == 2 + len(asked)
        assert [len(store.traces.find_calls(one)) for one in ids] == [1] * len(ids)
        differs = [line.split()[3:6] for line in lines if "→ No." in line]
        assert differs == [[f"…{number}", "on", "sale,"] for number in range(len(asked))]
        assert not any("--limit" in line for line in lines)
        few = _run(tmp_path, "--limit", "2").splitlines()
        assert few[-1] == "the newest 2 of 6 calls (--limit)"
        assert [line for line in few if line.endswith("(2 calls shown)")]


def test_ids_are_as_short_as_tells_the_stores_traces_apart(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    traces = (f"{beginning:0<32}" for beginning in ("b20000000001", "b2", "a1", "a1"))
    spans = (
        call_span(n, span=n).model_copy(update={"trace_id": t}) for n, t in enumerate(traces, 1)
    )
    write_spool(settings.spool, list(spans))
    with closing(Store.open(settings)) as store:
        Ingest(store, settings).run()
        shown = _run(tmp_path, "--limit", "3").splitlines()
        ids = [line.split()[0] for line in shown if " new " in line]
        assert ids == ["b20000000000", "a1000000:0000000000000003", "a1000000:0000000000000004"]
        assert [len(store.traces.find_calls(id)) for id in ids] == [1, 1, 1]


def test_doctor_lists_what_was_not_read(tmp_path: Path) -> None:
    found = [f.said for f in examine(_ingested(tmp_path / "home")) if f.about == "not read"]
    assert found == [
        "9 calls of opentelemetry.instrumentation.genai.openai: content capture is off: set "
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY"
    ]


def test_what_a_message_holds_beside_its_text(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    messages = [
        {"role": "user", "parts": [{"type": "text", "content": "When does 4711 arrive?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "I look."},
                {
                    "type": "tool_call",
                    "id": "c",
                    "name": "get_order",
                    "arguments": {"number": 4711},
                },
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "result": "Friday"}]},
    ]
    held: dict[str, Any] = {semconv.INPUT_MESSAGES: json.dumps(messages)}
    write_spool(settings.spool, [call_span(1, **held)])
    with Store.open(settings) as store:
        Ingest(store, settings).run()
    assert [line.strip() for line in _run(tmp_path, "--full").splitlines()[2:5]] == [
        "user: When does 4711 arrive?",
        'assistant: I look. calls get_order({"number": 4711})',
        "tool: result of get_order: Friday",
    ]
