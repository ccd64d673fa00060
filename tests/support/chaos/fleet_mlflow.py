"""`make chaos-fleet-mlflow SEEDS=10`: the fleet of `make chaos-fleet`, delivering to a real MLflow.

Its server is killed and started again, too, in the middle of a delivery where there is one.
"""

import functools
import os
import sys
import tempfile
from pathlib import Path

from smile_trace.store.queries.status import Status
from tests.support import killed
from tests.support.chaos.accounting import Accounting, check_accounting
from tests.support.chaos.fleet_run import FleetRun, Kind, Size, run
from tests.support.chaos.real_mlflow import RealMLflow
from tests.support.chaos.schedule import Fault
from tests.support.forked import also_import
from tests.support.mlflow_server import OwnMLflowServer


class MLflowFleet(FleetRun):
    """A fleet, and an experiment of its own on the server."""

    def __init__(self, server: OwnMLflowServer, folder: Path, seed: int, size: Size) -> None:
        self._mlflow = RealMLflow(server)
        super().__init__(folder, seed, size, self._mlflow.settings())

    def check(self) -> Accounting:
        """As for any fleet; and what a person sees in MLflow."""
        accounting = check_accounting(self)
        self._mlflow.check(self)
        return accounting

    def _inject(self, kind: Kind) -> None:
        super()._inject(kind)
        if self._chance.random() < 0.3:
            self._mlflow.inject(Fault(kind="answer lost", after=0, seconds=0.0))

    def _shown(self, now: Status) -> bool:
        self._mlflow.recover()
        return True  # where nothing waits for delivery, it was answered


def main() -> int:
    """Run the seeds on one server; gives the exit status."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    also_import("smile_trace_mlflow.server")
    with tempfile.TemporaryDirectory(prefix="chaos-mlflow-") as folder:
        server = OwnMLflowServer(Path(folder))
        server.start()
        try:
            made = functools.partial(MLflowFleet, server)
            one = functools.partial(run, made=made)
            return killed.run_seeds(__doc__, one, lambda _: "each trace is in MLflow once")
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
