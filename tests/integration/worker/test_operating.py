"""What an operator is told: whether a worker is ready, how far behind it is, and what to mend."""

import fcntl
import os
import subprocess
import sys
import time
from unittest.mock import patch
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from smile_trace.cli.status import status
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreUnavailable
from smile_trace.store.arrivals import LATE_SECONDS, Pulled
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.database.session import WORKERS, Session
from smile_trace.store.retention import apply_retention
from smile_trace.store.unread import unread_files
from smile_trace.trackers import TrackerUnavailable
from smile_trace.worker.doctor import examine
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.lock import WorkerError, worker_lock
from smile_trace.worker.metrics import serving_metrics
from smile_trace.worker.run import run
from smile_trace.worker.status import check_ready, read_lags
from smile_trace.worker.upkeep import forget_tracker
from tests.support.fake_tracker import FakeTracker
from tests.support.ports import steady_port
from tests.support.spooled import call_span, write_spool
from tests.support.store_rows import capture, deliver, explain, traces
from tests.support.stores import on_both, settings, store
from tests.support.worker_settings import capture as spool_calls

__all__ = ["settings", "store"]


WITHOUT = (
    *("numpy", "scipy", "sklearn", "ot", "tokenizers"),  # loaded for the first call that is sampled
    *("pandas", "pyarrow", "mlflow", "openai", "anthropic", "xllamacpp"),  # clients
    *("alembic", "genai_prices", "jinja2"),
)
IDLE = f"""
import sys
sys.modules.update(dict.fromkeys({WITHOUT}))
from smile_trace.settings import Settings
from smile_trace.worker.run import run
run(Settings(), once=True)
"""


def test_a_worker_without_work_loads_no_arithmetic_and_no_client(tmp_path) -> None:
    home = {**os.environ, "SMILE_TRACE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", IDLE], env=home, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@on_both
def test_a_worker_is_ready_once_the_others_know_it(store: Store, settings: Settings) -> None:
    with pytest.raises(WorkerError, match="start smile-trace worker"):
        check_ready(settings)
    with worker_lock(settings.home):
        if settings.store.url is not None:
            me = store.workers.register(1, now=1.0)
            with pytest.raises(WorkerError, match="is among those on postgresql://"):
                check_ready(settings)
            assert isinstance(store.database, PostgresDatabase)
            session = Session(store.database)
            session.connect()
            assert session.hold(WORKERS, me.id)
        assert "a worker runs on" in check_ready(settings)
        if settings.store.url is not None:
            session.close()
        full = StoreUnavailable("the disk is full")
        with (
            patch.object(type(store.database), "write", side_effect=full),
            pytest.raises(StoreUnavailable, match="the disk is full"),
        ):
            check_ready(settings)


def test_the_counts_are_those_of_the_status(store: Store, settings: Settings) -> None:
    capture(store, 1, 2)
    explain(store, 1)
    deliver(store, traces(store, 'a"\n')[0])
    store.ledger.reserve(model="m", explanation="e", calls=3, tokens=10, usd=0.02)
    with serving_metrics(store, settings):
        pass  # nothing is served without a port
    port = steady_port()
    settings = settings.model_copy(
        update={"worker": settings.worker.model_copy(update={"metrics_port": port})}
    )
    with serving_metrics(store, settings):
        with urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
            lines = reply.read().decode().splitlines()
        with pytest.raises(WorkerError, match="choose another"), serving_metrics(store, settings):
            pass
    assert 'smile_trace_calls{state="explained"} 1.0' in lines
    assert 'smile_trace_deliveries{state="delivered",tracker="a\\"\\n"} 1.0' in lines
    assert 'smile_trace_spent_total{unit="calls"} 3.0' in lines
    assert 'smile_trace_spent_total{unit="usd"} 0.02' in lines
    [lag] = [line for line in lines if line.startswith("smile_trace_lag_seconds{")]
    assert 'name="a\\"\\n",place="",stage="deliver"' in lag
    with pytest.raises(URLError):
        urlopen(f"http://127.0.0.1:{port}/metrics")


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


@pytest.mark.slow
def test_a_tracker_that_is_not_used_any_more_is_forgotten(configure, store: Store) -> None:
    settings = configure()
    gone = FakeTracker("gone")
    gone.fail_with = TrackerUnavailable("it is down")
    spool_calls(settings, 1)
    run(settings, once=True, trackers=[gone])

    def remove_all() -> int:
        return apply_retention(store.database, settings.retention, clock=lambda: 4e9).traces

    assert remove_all() == 0
    [found] = [one for one in examine(settings) if one.about == "tracker gone"]
    assert found.level == "bad"
    assert "what waits for it is kept (2)" in found.said
    assert "--forget-tracker gone" in found.said
    with worker_lock(settings.home), pytest.raises(WorkerError, match="another worker"):
        forget_tracker(settings, "gone")
    with pytest.raises(WorkerError, match=r"known: gone"):
        forget_tracker(settings, "nonesuch")
    assert "2 items" in forget_tracker(settings, "gone").said
    assert [one.about for one in examine(settings) if one.about == "tracker gone"] == []
    assert remove_all() == 1


def test_what_waits_for_the_first_worker_is_said(settings: Settings) -> None:
    def of_store() -> list[str]:
        return [one.said for one in examine(settings) if one.about == "store"]

    assert of_store() == ["nothing has been captured here yet"]
    spool_calls(settings, 1)
    assert of_store() == ["nothing was read yet, 1 spool file waits: start smile-trace worker"]


def test_an_active_tracker_is_not_forgotten(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(WorkerError, match="is active"):
        forget_tracker(settings, "mlflow")
