"""Fault injection: whatever dies and whenever, nothing is lost and nothing is paid for twice.

A planted HTTP model counts and prices its calls; it, the real worker, its disk and the tracker
are killed, paused and disturbed as a seed has planned it. Afterwards every finished call is
stored once, explained or failed with a true reason, and visible once; and the recorded spend
covers what the model counted and stays below the caps.
"""

from pathlib import Path
from typing import get_args

import pytest

from tests.support.chaos import fleet_run
from tests.support.chaos.accounting import check_accounting, visible_once
from tests.support.chaos.fault_run import FaultRun
from tests.support.chaos.real_mlflow import RealMLflow
from tests.support.chaos.schedule import Kind, plan
from tests.support.mlflow_server import OwnMLflowServer

SEEDS = (0, 1, 3, 8, 9)
"""Few, and every kind of fault is among them; `make chaos` takes as many as wanted."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_faults(seed: int, tmp_path: Path) -> None:
    fault_run = FaultRun(tmp_path, seed)
    try:
        fault_run.run()
        check_accounting(fault_run)
        visible_once(fault_run)
    finally:
        fault_run.close()


@pytest.mark.slow
@pytest.mark.mlflow
def test_faults_with_a_real_mlflow(tmp_path: Path, own_mlflow_server: OwnMLflowServer) -> None:
    mlflow = RealMLflow(own_mlflow_server)
    fault_run = FaultRun(tmp_path, 107, mlflow)
    try:
        fault_run.run()
        check_accounting(fault_run)
        mlflow.check(fault_run)
        assert mlflow.kills
    finally:
        fault_run.close()


@pytest.mark.slow
def test_faults_in_a_fleet(tmp_path: Path) -> None:
    """Hosts with shippers, receivers, workers, and PostgreSQL, which crashes; a release comes."""
    outcome = fleet_run.run(13, tmp_path, fleet_run.SMALL)
    assert outcome.good, outcome.failure
    assert outcome.kills


def test_every_kind_of_fault_is_injected() -> None:
    workers = [worker for seed in SEEDS for worker in plan(seed)]
    happened = {fault.kind for worker in workers for fault in worker.faults}
    assert happened == set(get_args(Kind))
    assert {worker.killed for worker in workers} == {True, False}
