"""Fault injection with the real language model: three kills of the worker and of llama.cpp."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from smile_trace.errors import ReasonCode
from smile_trace.models import Request
from smile_trace.models.kinds.local import LocalModel
from smile_trace.records import Message
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.tables import responses
from tests.support.chaos.fault_run import prepare, wait_out_pauses
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import settings_tables, wait_for

PROMPTS = (
    "The capital of France is a city called",
    "My dog likes to eat bones and also",
    "One two three four five six seven",
)
NUMBERS = range(1, len(PROMPTS) + 1)
BUDGET = 40
ANSWER_TOKENS = 8
CONCURRENT = 2
MODEL = {
    "kind": "local",
    "packaged": "demo-completion",
    "max_tokens": ANSWER_TOKENS,
    "slots": 2,
}
LIST_SIZE = 16
"""Prompts in one request to llama.cpp."""


@pytest.mark.slow
@pytest.mark.model
async def test_faults_with_the_real_model(tmp_path: Path, local_model: LocalModel) -> None:
    draw = random.Random(5)
    answers = await local_model.generate([_request(prompt) for prompt in PROMPTS])
    tables = settings_tables(
        "",
        {
            "models": {"planted": MODEL},
            "worker": {"concurrent_explanations": CONCURRENT},
            "budget": {"calls_per_explanation": BUDGET, "calls_per_day": 500},
            "explain": {"signal": "text"},
        },
    )
    settings = Settings(home=tmp_path / "home", **tables)
    workers = WorkerProcesses(settings.home, tables, prepare)
    store = Store.open(settings)
    try:
        kills = ("worker", "llama.cpp", "worker")
        for number, what in zip(NUMBERS, kills, strict=True):
            _capture(settings, number, answers[number - 1].text or "")
            worker = workers.start()
            assert worker.pid is not None
            _wait_for_an_answer(store)
            [server] = _servers(worker.pid)
            time.sleep(draw.uniform(0.0, 0.3))
            if what == "llama.cpp":
                os.kill(server, signal.SIGKILL)
                _wait_for_an_answer(store)
            worker.kill()
            worker.join()
            wait_for(lambda server=server: not Path(f"/proc/{server}").exists(), 300)
            wait_out_pauses(settings)
        workers.finish(600)
        status = store.status()
        assert status.captured == status.explained + status.failed == len(PROMPTS), workers.log()
        # What was in flight at a kill counts as spent, and so many kills may use a budget up.
        assert status.explained >= 1, status.failed_by_reason
        assert {said.code for said in status.failed_by_reason} <= {ReasonCode.EXPLANATION_CAP}
        tracker, calls = workers.tracker, [f"{trace_id(n)}:{span_id(1)}" for n in NUMBERS]
        assert tracker.visible("trace") == {trace_id(n) for n in NUMBERS}
        explained = {call for call in calls if store.explanation(call) is not None}
        assert len(explained) == status.explained
        assert tracker.visible("explanation") == explained
        assert status.spent.calls <= len(PROMPTS) * BUDGET
        assert status.spent.usd == 0
        # An attempt without a kept answer was in flight at one of the kills (of the worker, or
        # of llama.cpp and then of the worker), each explanation with one list of prompts.
        assert status.spent.calls - _kept(store) <= 4 * CONCURRENT * LIST_SIZE
        assert "Traceback" not in workers.log(), workers.log()
    finally:
        store.close()
        workers.close()


def _request(prompt: str) -> Request:
    return Request(messages=(Message(role="user", content=prompt),), form="completion")


def _capture(settings: Settings, number: int, answer: str) -> None:
    span = call_span(number, prompt=PROMPTS[number - 1], answer=answer)
    write_spool(settings.spool, [span], f"{number}.jsonl")


def _kept(store: Store) -> int:
    with store.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(responses)).scalar_one())


def _wait_for_an_answer(store: Store) -> None:
    before = _kept(store)
    wait_for(lambda: _kept(store) > before, 300)


def _servers(worker: int) -> list[int]:
    """The processes of llama.cpp that a worker has started."""
    found = []
    for task in Path(f"/proc/{worker}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"llama_cpp.server" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found
