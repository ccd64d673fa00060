"""The cap holds to the call: many explanations at once, retries and kills, one daily cap."""

from pathlib import Path

import pytest

from smile_trace.errors import ReasonCode
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.chaos.fault_run import capture, prepare, wait_out_pauses
from tests.support.planted_process import PlantedProcess
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import planted_answer, settings_tables

PER_EXPLANATION = 8


@pytest.mark.slow
def test_the_model_never_counts_more_than_the_cap(tmp_path: Path) -> None:
    concurrent, cap = 50, 1000
    model = PlantedProcess(tmp_path / "model", planted_answer, seed=cap, share=0.2)
    tables = settings_tables(
        model.base_url,
        {
            "worker": {"concurrent_explanations": concurrent},
            "budget": {
                "calls_per_explanation": PER_EXPLANATION,
                "calls_per_day": cap,
                "usd_per_day": None,
                "usd_per_explanation": None,
            },
        },
    )
    tables["models"]["planted"] |= {"concurrency": concurrent, "retries": 4}
    settings = Settings(home=tmp_path / "home", **tables)
    workers = WorkerProcesses(settings.home, tables, prepare)
    calls = 2 * cap // PER_EXPLANATION  # twice as much to do as the cap lets through
    for number in range(1, calls + 1):
        capture(settings, number)
    store = Store.open(settings)
    try:
        model.start()
        running: list[int] = []

        def sent(share: float) -> bool:
            running.append(store.status().running)
            return model.asked >= share * cap

        for share in (0.1, 0.3, 0.6):
            workers.kill_when(lambda share=share: sent(share))
            model.kill()
            model.start()
            wait_out_pauses(settings)
        workers.finish(300)
        status = store.status()
        assert model.asked <= status.spent.calls <= cap, workers.log()
        assert model.asked >= 0.5 * cap
        assert max(running) == concurrent
        # The last explanation alone may take what is left, to the last call.
        assert status.spent.calls == cap
        assert status.captured == calls
        assert status.explained > 0
        assert status.pending > 0
        assert {said.code for said in status.pending_by_reason} == {ReasonCode.DAILY_CAP}
    finally:
        store.close()
        workers.close()
        model.close()
