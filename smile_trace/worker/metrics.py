"""The status as Prometheus metrics, on a port when asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.status import Lag
from smile_trace.store.spending.accounts import UNITS
from smile_trace.store.unread import unread_files
from smile_trace.store.workers import RegisteredWorker
from smile_trace.worker.lock import WorkerError
from smile_trace.worker.status import filled, read_lags


class StatusCollector(Collector):
    """Collects from the store at each scrape."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        """Calls, deliveries, pauses, spending, lags, workers of a shared store, and drift."""
        now = self._store.status()
        calls = GaugeMetricFamily("smile_trace_calls", "Captured calls", labels=["state"])
        for state in ("undecided", "pending", "running", "explained", "failed", "skipped"):
            calls.add_metric([state], getattr(now, state))
        yield calls
        delivered = GaugeMetricFamily(
            "smile_trace_deliveries", "Deliveries", labels=["tracker", "state"]
        )
        for one in now.trackers:
            delivered.add_metric([one.name, "delivered"], one.traces + one.explanations)
            delivered.add_metric([one.name, "waiting"], one.waiting)
            delivered.add_metric([one.name, "refused"], sum(r.count for r in one.refused))
        yield delivered
        yield GaugeMetricFamily(
            "smile_trace_paused_models", "Models that cannot be asked", value=len(now.paused_models)
        )
        yield GaugeMetricFamily(
            "smile_trace_paused_trackers",
            "Trackers that are not accepting data",
            value=sum(one.paused is not None for one in now.trackers),
        )
        spent = CounterMetricFamily(
            "smile_trace_spent", "Spent or reserved in total, by unit", labels=["unit"]
        )
        for unit in UNITS:
            spent.add_metric([unit], getattr(now.spent, unit))
        yield spent
        yield GaugeMetricFamily(
            "smile_trace_spool_filled",
            "How full the spool of this worker's home is, from 0 to 1",
            value=filled(self._settings),
        )
        unread = unread_files(self._store, self._settings.spool)
        yield _lags(read_lags(self._store, self._settings, unread))
        yield from _workers(now.workers)
        yield from self._drift()

    def _drift(self) -> Iterator[Metric]:
        alarms = GaugeMetricFamily(
            "smile_trace_drift_alarm",
            "Whether the model of a prompt was shown to answer differently than before",
            labels=["prompt"],
        )
        others = GaugeMetricFamily(
            "smile_trace_drift_other_answers",
            "Share of the answers of the last replay that differ from the reference",
            labels=["prompt", "probe"],
        )
        for name in self._store.drift.prompts():
            alarms.add_metric([name], self._store.drift.alarm(name) is not None)
            last = {one.probe: one for one in self._store.drift.counts(name)}
            for probe, one in last.items():
                others.add_metric([name, probe], one.changed / one.asked)
        yield alarms
        yield others


def _lags(lags: Sequence[Lag]) -> Metric:
    seconds = GaugeMetricFamily(
        "smile_trace_lag_seconds",
        "How long the oldest waiting item has waited",
        labels=["stage", "name", "place"],
    )
    for one in lags:
        seconds.add_metric([one.stage, one.name, one.place], one.seconds)
    return seconds


def _workers(registered: Sequence[RegisteredWorker]) -> Iterator[Metric]:
    labels = ["worker", "host"]
    alive = GaugeMetricFamily(
        "smile_trace_worker_alive", "Whether a worker is alive", labels=labels
    )
    explaining = GaugeMetricFamily(
        "smile_trace_worker_explanations", "Explanations that a worker is working on", labels=labels
    )
    for one in registered:
        alive.add_metric([one.name, one.host], one.alive)
        explaining.add_metric([one.name, one.host], one.explaining)
    yield alive
    yield explaining


@contextmanager
def serving_metrics(store: Store, settings: Settings) -> Iterator[None]:
    """Serve `/metrics` inside the context on `worker.metrics_port`, if there is one. Raises
    WorkerError if the port is taken."""
    host, port = settings.worker.metrics_host, settings.worker.metrics_port
    if port is None:
        yield
        return
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(store, settings))
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise WorkerError(
            f"metrics cannot be served on {host}, port {port} ({error.strerror}): "
            "choose another worker.metrics_port."
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
