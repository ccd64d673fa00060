"""What the doctor finds and what it does, beyond the command itself."""

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.retention import apply_retention
from smile_trace.trackers import TrackerUnavailable
from smile_trace.worker.doctor import examine, forget_tracker
from smile_trace.worker.lock import WorkerError, worker_lock
from smile_trace.worker.run import run
from tests.support.fake_tracker import FakeTracker
from tests.support.worker_settings import capture


@pytest.mark.usefixtures("server")
def test_a_tracker_that_is_not_used_any_more_is_forgotten(settings: Settings) -> None:
    gone = FakeTracker("gone")
    gone.fail_with = TrackerUnavailable("it is down")
    capture(settings, 1)
    run(settings, once=True, trackers=[gone])
    store = Store.open(settings)

    def remove_all() -> int:
        return apply_retention(store.database, settings.retention, clock=lambda: 4e9).traces

    assert remove_all() == 0
    [found] = [one for one in examine(settings) if one.about == "tracker gone"]
    assert found.level == "bad"
    assert "2 wait" in found.said
    assert "--forget-tracker gone" in found.said
    with worker_lock(settings.home), pytest.raises(WorkerError, match="another worker"):
        forget_tracker(settings, "gone")
    with pytest.raises(WorkerError, match=r"known: gone"):
        forget_tracker(settings, "nonesuch")
    assert "2 things" in forget_tracker(settings, "gone").said
    assert [one.about for one in examine(settings) if one.about == "tracker gone"] == []
    assert remove_all() == 1
    store.close()


def test_what_waits_for_the_first_worker_is_said(settings: Settings) -> None:
    def of_store() -> list[str]:
        return [one.said for one in examine(settings) if one.about == "store"]

    assert of_store() == ["nothing was captured here yet"]
    capture(settings, 1)
    assert of_store() == ["nothing was read yet, 1 spool file waits: start smile-trace worker"]


def test_an_active_tracker_is_not_forgotten(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(WorkerError, match="is active"):
        forget_tracker(settings, "mlflow")
