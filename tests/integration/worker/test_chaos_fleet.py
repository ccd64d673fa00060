"""Fault injection into a fleet: hosts with shippers, receivers, workers, and PostgreSQL."""

from pathlib import Path

import pytest

from tests.support.chaos.fleet_run import SMALL, run


@pytest.mark.slow
def test_faults_in_a_fleet(tmp_path: Path) -> None:
    outcome = run(13, tmp_path, SMALL)  # the database crashes, and a newer release comes
    assert outcome.good, outcome.failure
    assert outcome.kills
