"""The agents of the examples, with the frameworks themselves: captured by `instrument` alone, each
answer has its path, back to the words of the question."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support import order_agent
from tests.support.agents_in_store import endpoint
from tests.support.paths import ROOT
from tests.support.strict_openai import StrictServer, strict


def model(body: dict[str, Any]) -> str | list[dict[str, Any]]:
    """The planted agent of two calls."""
    if any(message["role"] == "tool" for message in body["messages"]):
        return order_agent.answer(body)
    said = order_agent.first_step(body)
    names = [tool["function"]["name"] for tool in body["tools"]]
    return said if isinstance(said, str) or said[0]["name"] in names else "I cannot look it up."


def run_example(name: str, home: Path, server: StrictServer) -> str:
    """What an example prints, asked of the planted server."""
    environment = {
        **os.environ,
        "SMILE_TRACE_HOME": str(home),
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": "unused",
        "OPENAI_MODEL": "planted",
    }
    command = [sys.executable, "-W", "error::DeprecationWarning", str(ROOT / "examples" / name)]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def only_path(home: Path, server: StrictServer) -> ExplanationPath:
    """The path of the only trace that is in the spool."""
    with Store.open(Settings(home=home)) as store:
        Ingest(store, Settings(home=home)).run()
        calls = [call for _, call in store.sampling.undecided()]
    [trace_id] = {call.trace_id for call in calls}
    assert len(calls) == 2, "each call once"
    return smile_trace.explain_path(trace_id, model=endpoint(server))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "driver"),
    [("langgraph_agent.py", '"arrives": "Friday"'), ("openai_agent.py", "Friday")],
)
def test_an_agent_of_a_framework_has_its_path(
    example: str, driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
    with strict(model) as server:
        assert run_example(example, tmp_path, server) == "It arrives on Friday."
        sent = list(server.bodies)
        path = only_path(tmp_path, server)
    assert server.refused == []
    for request in sent:
        again = [_lasting(b) for b in server.bodies[2:] if b["messages"] == request["messages"]]
        assert _lasting(request) in again, "it is asked again as it was"
    first, second = path.steps
    [source] = first.sources
    assert (source.kind, source.name, source.step) == ("tool_result", "get_order", 1)
    assert driver in source.drivers[0].text
    assert second.sources[0].drivers[0].name == "4711"
    assert second.note is None


def _lasting(body: dict[str, Any]) -> dict[str, Any]:
    """A request without how its answer is sent, and how long that may be."""
    return {name: body[name] for name in body.keys() - {"stream", "max_tokens"}}
