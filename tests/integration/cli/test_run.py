"""`smile-trace run`: the real client in an application that knows nothing of us."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.application_process import read_spool, spooled_calls
from tests.support.fake_tracker import FolderTracker
from tests.support.strict_openai import StrictServer, strict
from tests.support.worker_settings import PROMPT, WORD, planted_answer, settings_tables

APPLICATION = f"""
import sys
from openai import OpenAI

client = OpenAI(api_key="a-key", max_retries=0)
SYSTEM = {{"role": "system", "content": "You are a shop assistant."}}

def ask(question):
    messages = [SYSTEM, {{"role": "user", "content": question}}]
    reply = client.chat.completions.create(model="planted", messages=messages, temperature=0)
    return reply.choices[0].message.content

if __name__ == "__main__":
    print(ask({PROMPT!r}), sys.argv[1:])
"""


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with strict(lambda body: planted_answer(json.dumps(body["messages"]))) as server:
        yield server


@pytest.fixture
def start(server: StrictServer, tmp_path: Path):
    """Starts a Python with these arguments under `smile-trace run`; the application is there."""
    (tmp_path / "application.py").write_text(APPLICATION)
    env = {
        **os.environ,
        "SMILE_TRACE_HOME": str(tmp_path / "home"),
        "OPENAI_BASE_URL": server.base_url,
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(tmp_path), os.environ.get("PYTHONPATH"), *sys.path[:1]])
        ),
    }

    def start(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "smile_trace", "run", "--", sys.executable, *arguments],
            cwd=tmp_path,
            env=env | variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return start


@pytest.mark.slow
def test_it_is_captured_and_explained(start, server: StrictServer, tmp_path: Path) -> None:
    done = start("application.py", "--help", "x")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{planted_answer(PROMPT)} ['--help', 'x']\n"
    first, *_ = done.stderr.splitlines()
    assert first.startswith(f"smile-trace: captured into {tmp_path / 'home'}: openai (by openinfe")
    [call] = spooled_calls(tmp_path / "home")
    assert [m.content for m in call.messages] == ["You are a shop assistant.", PROMPT]
    assert call.parameters == {"temperature": 0}
    budget = {"calls_per_explanation": 40, "usd_per_explanation": None}
    tables = settings_tables(server.base_url, {"budget": budget})
    settings = Settings(home=tmp_path / "home", **tables)
    status = run(settings, once=True, trackers=[FolderTracker(tmp_path / "tracker")])
    assert (status.captured, status.explained) == (1, 1)
    with Store.open(settings) as store:
        [call_id] = store.traces.find_calls("")
        assert WORD in store.explanation(call_id).drivers[0].text


@pytest.mark.slow
def test_what_it_ends_with_is_its_own(start, tmp_path: Path) -> None:
    asks = "import application, os, signal; application.ask('first'); "
    assert start("-c", asks + "raise SystemExit(7)").returncode == 7
    for number in (signal.SIGTERM, signal.SIGKILL):
        assert start("-c", asks + f"os.kill(os.getpid(), {int(number)})").returncode == -number
    assert len(spooled_calls(tmp_path / "home")) == 3  # what has returned is kept


def test_nothing_is_loaded_before_the_application_imports_it(start) -> None:
    asked = "import sys; print(sorted({'opentelemetry', 'smile_trace', 'ssl'} & set(sys.modules)))"
    assert start("-c", asked).stdout == "[]\n"
    path = "import sys; print([p for p in sys.path if 'startup' in p])"
    assert start("-c", path).stdout == "[]\n"


@pytest.mark.slow
def test_processes_that_it_starts_are_captured_and_one_of_them_tells(start, tmp_path: Path) -> None:
    done = start(
        "-c",
        "import multiprocessing, application\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        print(pool.map(application.ask, ['one', 'two', 'three']))\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("captured into") == 1
    assert sorted(call.messages[1].content for call in spooled_calls(tmp_path / "home")) == [
        *("one", "three", "two")
    ]


@pytest.mark.slow
def test_its_own_sitecustomize_and_its_own_tracing_are_as_without_us(start, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.theirs = 'ran'\n")
    code = """
import application, json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from openinference.instrumentation.openai import OpenAIInstrumentor
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()
with trace.get_tracer("theirs").start_as_current_span("request"):
    application.ask("both")
seen = [[s.name, s.parent is None, len(s.attributes or {})] for s in exporter.get_finished_spans()]
print(json.dumps([theirs, seen]))
"""
    with_us = start("-c", code)
    without = start("-c", code, SMILE_TRACE_DISABLED="1")
    assert with_us.returncode == 0, with_us.stderr
    assert json.loads(with_us.stdout) == json.loads(without.stdout)
    assert json.loads(with_us.stdout)[0] == "ran"
    assert "captured" not in without.stderr
    assert [call.messages[1].content for call in spooled_calls(tmp_path / "home")] == ["both"]


@pytest.mark.slow
def test_a_chain_and_its_client_are_one_call_in_one_trace(start, tmp_path: Path) -> None:
    done = start(
        "-c",
        """
import asyncio
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from application import ask

template = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
chain = template | ChatOpenAI(model="planted", api_key="a-key")

async def several():
    await asyncio.gather(*(chain.ainvoke({"question": text}) for text in ("three", "four")))
    async for _ in chain.astream({"question": "five"}):
        pass

chain.invoke({"question": "one"})
list(chain.stream({"question": "two"}))
asyncio.run(several())
ask("beside")
""",
    )
    assert done.returncode == 0, done.stderr
    spans = {span.span_id: span for span in read_spool(tmp_path / "home")}
    asked = [span for span in spans.values() if span.name == "ChatCompletion"]
    assert len(asked) == 6
    above = sorted(_above(span.parent_id, spans) for span in asked)
    assert above == [[], *[["ChatOpenAI", "RunnableSequence"]] * 5]


def _above(span_id: str | None, spans: dict) -> list[str]:
    if span_id is None:
        return []
    return [spans[span_id].name, *_above(spans[span_id].parent_id, spans)]


def test_a_command_that_cannot_be_run_is_said_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "smile_trace", "run", "--", "no-such-program", "app.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("smile-trace: no-such-program cannot be run (no such program)")
