"""Agents that somebody made up to do harm, from capture to the pictures: what they sent is kept and
shown as text, and explained or refused in one sentence; nothing of it is run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import smile_trace
from smile_trace.dialects import assemble
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import Call, Explanation
from smile_trace.records.formats.otlp import spans_from_line
from smile_trace.render import print_terminal, to_html, to_markdown, to_svg
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.testing import captured
from smile_trace_contracts.samples import HOSTILE
from smile_trace_mlflow.spans import spans_for_mlflow
from tests.support.agents_in_store import endpoint, keep
from tests.support.hostile_agents import (
    AGENTS,
    ARRIVES,
    HostileAgent,
    answer,
    as_conventions,
    as_openinference,
)
from tests.support.otlp_json import spans_to_otlp
from tests.support.spooled import call_span, trace_id
from tests.support.strict_openai import StrictServer, reply, strict

LARGE = {name for name in AGENTS if "large" in name or "many" in name or "nested" in name}
SMALL = sorted(AGENTS.keys() - LARGE)
WRITERS = {"conventions": as_conventions, "OpenInference": as_openinference}


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
    return Settings(home=tmp_path)


def recorded(agent: HostileAgent) -> list[bytes]:
    """The spool lines of an application that records the request."""
    with captured() as found:

        @smile_trace.trace
        def ask() -> None:
            smile_trace.record(parameters=agent.body, response=reply(agent.answer, agent.body))

        ask()
    return found.lines


def written(agent: HostileAgent, how: str, number: int = 1) -> bytes:
    """The line of another program's instrumentation, as a Collector writes it."""
    attributes = WRITERS[how](agent)
    span = call_span(number).model_copy(update={"attributes": attributes, "scope": "another"})
    return json.dumps(spans_to_otlp([span])).encode()


def stored(settings: Settings) -> Call:
    """The one call in the store; nothing was set aside as unreadable."""
    store = Store.open(settings)
    with store.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM corrupt_lines").scalar() == 0
    [one] = store.traces.find_calls("")
    call = store.traces.call(one)
    store.close()
    assert call is not None
    return call


def texts_of(call: Call) -> str:
    """Every text of the request, as it was sent."""
    parts = [part for message in call.messages for part in message.parts]
    calls = [f"{getattr(p, 'name', '')} {getattr(p, 'arguments', '')}" for p in parts]
    tools = str(call.parameters.get("tools"))
    called = [f"{one.name} {one.arguments_text}" for one in call.tool_calls]
    return "\n".join([*(m.content for m in call.messages), *calls, tools, *called])


def check_pictures(explanation: Explanation) -> None:
    """Every text in them is a text."""
    for page in (to_html(explanation), to_svg(explanation)):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "<script>" not in to_markdown(explanation)
    with Path("/dev/null").open("w") as nowhere:
        console = Console(file=nowhere, record=True, width=100)
        print_terminal(explanation, console)
    assert not set(console.export_text()) & set("\x00\x07\x1b\x9b\u202e")


def outcome(call: Call, server: StrictServer) -> Explanation | SmileTraceError:
    """The call's explanation, or the sentence in its place."""
    trace = call.id.split(":")[0]
    try:
        return smile_trace.explain(trace_id=trace, model=endpoint(server), budget=14)
    except SmileTraceError as error:
        return error


def check_outcome(agent: HostileAgent, found: Explanation | SmileTraceError) -> None:
    if isinstance(found, SmileTraceError):
        assert not agent.valid, found
        assert found.code is ReasonCode.CANNOT_EXPLAIN
        assert "\n" not in str(found)
        return
    assert found.answer
    check_pictures(found)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "scripts" else pytest.mark.slow) for name in SMALL],
)
def test_what_an_application_records(name: str, settings: Settings) -> None:
    agent = AGENTS[name]()
    lines = recorded(agent)
    keep(settings, lines)
    call = stored(settings)
    assert agent.keeps in texts_of(call)
    check_in_mlflow(lines, agent)
    with strict(answer(agent)) as server:
        check_outcome(agent, outcome(call, server))
        refused_or_not_asked = bool(server.refused) or not server.bodies
        assert refused_or_not_asked is not agent.valid or agent.tools == []


def check_in_mlflow(lines: list[bytes], agent: HostileAgent) -> None:
    """Its spans hold the whole conversation, as JSON text."""
    spans = [span for line in lines for span in spans_from_line(line)]
    [sent] = spans_for_mlflow(assemble(spans[0].trace_id, spans))
    shown = json.loads(str(sent.attributes["mlflow.spanInputs"]))
    assert len(shown["messages"]) == len(agent.messages)
    assert json.loads(str(sent.attributes["mlflow.spanOutputs"]))


@pytest.mark.parametrize("how", WRITERS)
def test_what_another_program_writes(how: str, settings: Settings) -> None:
    """The same messages as capture's own: nothing is lost, whoever wrote them."""
    agents = {number: AGENTS[name]() for number, name in enumerate(SMALL, 1)}
    keep(settings, [written(agent, how, number) for number, agent in agents.items()])
    store = Store.open(settings)
    for number, agent in agents.items():
        [one] = store.traces.find_calls(trace_id(number))
        call = store.traces.call(one)
        assert call is not None
        assert [message.role for message in call.messages] == [m["role"] for m in agent.messages]
        if agent.answer == ARRIVES:
            assert agent.keeps in texts_of(call)
            assert call.answer == ARRIVES
    assert store.status().corrupt_lines == 0
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LARGE))
def test_what_is_large_is_cut_in_capture_and_said(name: str, settings: Settings) -> None:
    agent = AGENTS[name]()
    keep(settings, recorded(agent))
    call = stored(settings)
    assert agent.keeps[:400] in texts_of(call)
    with strict(answer(agent)) as server:
        found = outcome(call, server)
        if isinstance(found, SmileTraceError):
            assert "cut at the size limit" in str(found)
            assert server.bodies == []
        else:
            check_outcome(agent, found)


OF_OTHERS = """
import sys
from pathlib import Path

import smile_trace
from smile_trace.errors import SmileTraceError
from smile_trace.settings import Settings
from tests.support.agents_in_store import keep
from tests.support.peak_memory import peak_megabytes
from tests.support.planted import PlantedModel

keep(Settings(), [Path(sys.argv[1]).read_bytes()])
try:
    model = PlantedModel(lambda prompt: "It arrives on Friday.")
    print(smile_trace.explain(trace_id=sys.argv[2], model=model, budget=14).status)
except SmileTraceError as error:
    print(error.code, error)
print(peak_megabytes())
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a large result", "many values"])
def test_what_is_large_takes_no_more_memory_than_it_must(
    name: str, settings: Settings, tmp_path: Path
) -> None:
    """Ten megabytes that nobody cut: more than any model reads."""
    file = tmp_path / "line.json"
    file.write_bytes(written(AGENTS[name](), "conventions"))
    done = subprocess.run(
        [sys.executable, "-c", OF_OTHERS, str(file), trace_id(1)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said, peak = done.stdout.splitlines()
    assert said.startswith("cannot_explain The prompt has ")
    assert float(peak) < 600


def test_calls_that_a_server_makes_up(settings: Settings) -> None:
    """The client's reply is the application's, whatever is in it, and no tool is called."""
    openai = pytest.importorskip("openai")
    made_up = [
        {"name": "__proto__", "arguments": {HOSTILE[:20]: HOSTILE[:200]}},
        {"name": "x\"'><b>", "arguments": {}},
        {"name": "get_order", "arguments": {"number": [[4711]]}},
    ]
    with strict(lambda body: made_up) as server, captured() as found:
        smile_trace.instrument("openai")
        with openai.OpenAI(base_url=server.base_url, api_key="unused") as client:
            messages: list[Any] = [{"role": "user", "content": "hello"}]
            got = client.chat.completions.create(model="planted", messages=messages)
    calls = got.choices[0].message.tool_calls
    assert [one.function.name for one in calls] == [one["name"] for one in made_up]
    [call] = found.calls
    assert [one.name for one in call.tool_calls] == [one["name"] for one in made_up]
    assert [one.arguments for one in call.tool_calls] == [c.function.arguments for c in calls]
