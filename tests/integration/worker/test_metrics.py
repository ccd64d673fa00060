"""What Prometheus reads is what the status says, on the loopback address only."""

from urllib.error import URLError
from urllib.request import urlopen

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.lock import WorkerError
from smile_trace.worker.metrics import serving_metrics
from tests.support.ports import steady_port
from tests.support.store_rows import capture, deliver, explain, traces


def test_the_counts_are_those_of_the_status(store: Store, settings: Settings) -> None:
    capture(store, 1, 2)
    explain(store, 1)
    deliver(store, traces(store, 'a"\n')[0])
    store.ledger.reserve(model="m", explanation="e", calls=3, tokens=10, usd=0.25)
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
    assert 'smile_trace_spent_total{unit="usd"} 0.25' in lines
    [lag] = [line for line in lines if line.startswith("smile_trace_lag_seconds{")]
    assert 'name="a\\"\\n",place="",stage="deliver"' in lag
    with pytest.raises(URLError):
        urlopen(f"http://127.0.0.1:{port}/metrics")


def test_nothing_is_served_without_a_port(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smile_trace.worker.metrics.start_http_server", None)
    with serving_metrics(store, settings):
        pass
