"""Each line of a worker's log that is about a call, a model or a tracker says which, in fields."""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from smile_trace.cli.log import NOISY, JsonLines
from smile_trace.settings import Settings
from smile_trace.trackers import CapturedTrace, Outcome
from smile_trace.worker.run import run
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import serving
from tests.support.spooled import call_span, trace_id, write_spool
from tests.support.store_rows import call_id
from tests.support.worker_settings import PROMPT, capture, planted_answer

IDS = ("trace_id", "call_id", "job_id")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """The lines that `--log json` writes, read."""
    caplog.handler.setFormatter(JsonLines())
    caplog.set_level(logging.INFO)
    for name in NOISY:  # a command that ran in this process has silenced them
        caplog.set_level(logging.INFO, name)
    return lambda: [json.loads(line) for line in caplog.text.splitlines()]


def test_a_call_that_is_not_explained_is_named_in_fields(
    configure: Callable[..., Settings], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    settings = configure(explain={"protect": ["all of this"]})
    write_spool(settings.spool, [call_span(9, prompt="all of this")], "a.jsonl")
    run(settings, once=True, trackers=[])
    [line] = [one for one in lines() if "is not explained" in one["message"]]
    assert {name: line[name] for name in IDS} == {
        "trace_id": trace_id(9),
        "call_id": call_id(9),
        "job_id": 1,
    }
    assert line["model"] == "planted"
    [start] = [one for one in lines() if "the worker starts" in one["message"]]
    assert not {*IDS, "model"} & start.keys(), "it is about no call"


def test_lines_of_the_library_that_asks_name_the_call_of_two_at_once(
    configure: Callable[..., Settings], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    both = threading.Barrier(2)

    def answering() -> Callable[[str], str]:
        waits = [both.wait]

        def answer(prompt: str) -> str:
            while waits:
                waits.pop()(300)  # each model is asked while the other one waits
            return planted_answer(prompt)

        return answer

    with serving(answering()) as one, serving(answering()) as two:
        asked = {"one": one.base_url, "two": two.base_url}
        models = {name: {"kind": "endpoint", "base_url": url} for name, url in asked.items()}
        settings = configure(models=models)
        calls = [
            call_span(n, prompt=PROMPT, answer=planted_answer(PROMPT), model=model)
            for n, model in enumerate(asked, 1)
        ]
        write_spool(settings.spool, calls)
        run(settings, once=True, trackers=[])
    sent = [line for line in lines() if line["message"].startswith("HTTP Request: POST")]
    told = {(line["message"].split("/")[2], line["trace_id"], line["model"]) for line in sent}
    ports = {name: url.split("/")[2] for name, url in asked.items()}
    assert told == {(ports["one"], trace_id(1), "one"), (ports["two"], trace_id(2), "two")}


def test_a_delivery_that_fails_names_its_tracker_and_its_trace(
    settings: Settings, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    class BrokenOnce(FakeTracker):
        def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
            if self.fail_with is not None:
                error, self.fail_with = self.fail_with, None
                raise error
            return super().deliver_traces(items)

    tracker = BrokenOnce("broken")
    tracker.fail_with = ValueError("no such field")
    capture(settings, 1)
    run(settings, once=True, trackers=[tracker])
    [line] = [one for one in lines() if one["message"].endswith(" failed")]
    assert (line["tracker"], line["trace_id"]) == ("broken", trace_id(1))
    assert "no such field" in line["traceback"]
