"""Since when the oldest line waits that no worker has read, and which backends are behind."""

import fcntl
import os
import time

import pytest

from smile_trace.cli.status import status
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.pulled import LATE_SECONDS, Pulled
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.lag import read_lags, unread_files
from tests.support.spooled import call_span, write_spool


def test_a_spool_waits_since_its_first_unread_line(store: Store, settings: Settings) -> None:
    assert unread_files(store, settings.spool) == []
    path = write_spool(settings.spool, [call_span(1), call_span(2)])
    [unread] = unread_files(store, settings.spool)
    assert unread.path == path
    assert unread.since == pytest.approx(call_span(1).end_ns / 1e9)
    [lag] = read_lags(store, settings, [unread])
    assert (lag.stage, lag.name) == ("read", "spool")
    assert lag.seconds == pytest.approx(time.time() - unread.since, abs=600)


@pytest.mark.parametrize("line", [b"", b"no time at all\n", b'{"endTimeUnixNano":"%d"}\n' % 2**62])
def test_no_line_is_younger_than_its_file(store: Store, settings: Settings, line: bytes) -> None:
    settings.spool.mkdir(parents=True)
    path = settings.spool / "a.jsonl"
    path.write_bytes(line)
    os.utime(path, (5.0, 5.0))
    assert [file.since for file in unread_files(store, settings.spool)] == [5.0] * bool(line)


def test_no_line_is_older_than_what_was_read_before(store: Store, settings: Settings) -> None:
    """Another machine's clock may be wrong, and a shipper may send what is a day old."""
    path = write_spool(settings.spool, [call_span(1)])
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # its writer lives: the file stays
        read_at = time.time() - 50
        Ingest(store, settings, clock=lambda: read_at).run()
        assert unread_files(store, settings.spool) == []
        os.lseek(descriptor, 0, os.SEEK_END)
        os.write(descriptor, b'{"endTimeUnixNano":"5000000000"}\n')
        [unread] = unread_files(store, settings.spool)
    finally:
        os.close(descriptor)
    assert unread.since == pytest.approx(read_at)


def test_a_backend_that_is_not_named_any_more_is_not_behind(
    store: Store, settings: Settings
) -> None:
    for source in ("mlflow", "phoenix"):
        until = int((store.clock() - LATE_SECONDS - 60) * 1000)
        store.pulled.note(Pulled(source=source, place="p", until_ms=until))
    with_one = settings.model_copy(
        update={
            "sources": type(settings.sources).model_validate({"mlflow": {"experiments": ["p"]}})
        }
    )
    assert [one.name for one in read_lags(store, with_one, [])] == ["mlflow"]
    assert read_lags(store, settings, []) == ()


@pytest.mark.parametrize(
    ("limit", "said"),
    [("3000", ""), ("1500", "the spool is 67% full"), ("1000", "the spool is full, and nothing")],
)
def test_status_says_how_full_the_spool_is(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    limit: str,
    said: str,
) -> None:
    settings.spool.mkdir(parents=True)
    (settings.spool / "a.jsonl").write_bytes(b" " * 1000)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
    monkeypatch.setenv("SMILE_TRACE_SPOOL_LIMIT", limit)
    status(as_json=False, watch=False)
    out = capsys.readouterr().out
    assert said in out
    assert ("the spool is" in out) == bool(said)
