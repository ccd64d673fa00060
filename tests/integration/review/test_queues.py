"""`smile-trace review send` and `read` where two trackers with review queues are active."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from smile_trace.cli.app import app
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.fake_langfuse import KEYS
from tests.support.fake_langfuse_writes import FakeLangfuseWrites
from tests.support.fake_opik import FakeOpik
from tests.support.judged import with_profile

QUEUE = "experts"


@pytest.fixture
def langfuse(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[FakeLangfuseWrites]:
    with_profile(store)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", KEYS[0])
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", KEYS[1])
    monkeypatch.setenv("OPIK_CONFIG_PATH", str(tmp_path / "opik.config"))
    with FakeLangfuseWrites() as running:
        monkeypatch.setenv("LANGFUSE_BASE_URL", running.url)
        yield running


@pytest.fixture
def opik(langfuse: FakeLangfuseWrites, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpik]:
    with FakeOpik() as running:
        monkeypatch.setenv("OPIK_URL_OVERRIDE", running.api)
        yield running


def run(*arguments: str) -> Result:
    given = ["review", *arguments, "--queue", QUEUE]
    return CliRunner().invoke(app, given, catch_exceptions=False)


def judge(langfuse: FakeLangfuseWrites, opik: FakeOpik) -> None:
    """Anna says in the one, Bert in the other, of each variant that its answer is worse."""
    [queue] = langfuse.queues.queues
    for item in langfuse.queues.items[queue].values():
        said = {"smile.same_meaning": "yes", "smile.worse": "yes"}
        langfuse.judge(queue, item["objectId"], "anna", **said)
    for trace_id in opik.traces:
        opik.judge(trace_id, "bert", **{"smile.same_meaning": "yes", "smile.worse": "yes"})


def test_what_was_said_in_either_is_read(langfuse: FakeLangfuseWrites, opik: FakeOpik) -> None:
    sent = run("send", "--number", "3").stdout
    assert {line.rpartition(" ")[2] for line in sent.splitlines()} == {"langfuse.", "opik."}
    judge(langfuse, opik)
    assert "6 judgements from experts." in run("read").stderr


def test_a_tracker_without_the_queue_hides_no_other(
    langfuse: FakeLangfuseWrites, opik: FakeOpik
) -> None:
    run("send", "--number", "3")
    judge(langfuse, opik)
    opik.queues.queues.clear()
    read = run("read")
    assert "Opik has no review queue 'experts'" in read.stderr
    assert "3 judgements from experts." in read.stderr
    assert "people confirmed 3 of 3 variants" in read.stdout
