"""`make chaos SEEDS=500`: as many runs as wanted, the real MLflow server throughout.

Prints a line per seed and a summary, goes on after a failed seed (whose folder is kept), and
exits 1 where any failed.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support.chaos.accounting import Accounting, check_accounting
from tests.support.chaos.fault_run import FaultRun
from tests.support.chaos.real_mlflow import RealMLflow
from tests.support.forked import also_import
from tests.support.mlflow_server import OwnMLflowServer


def main() -> int:
    """Run the seeds; gives the exit status."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    wanted = parser.parse_args()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    also_import("smile_trace_mlflow.server")
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="chaos-mlflow-") as folder:
        server = OwnMLflowServer(Path(folder))
        server.start()
        try:
            for seed in range(wanted.first, wanted.first + wanted.seeds):
                total += _one(seed, server)
                print(f"  so far: {_said(total)}", flush=True)
        finally:
            server.stop()
    print(f"{wanted.seeds} seeds: {_said(total)}")
    return 1 if total["failures"] else 0


def _one(seed: int, server: OwnMLflowServer) -> Counter[str]:
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    mlflow = RealMLflow(server)
    fault_run = FaultRun(folder, seed, mlflow)
    began = time.monotonic()
    try:
        fault_run.run()
        accounting = check_accounting(fault_run)
        mlflow.check(fault_run)
    except Exception as error:  # noqa: BLE001 - whatever one seed does, the others follow
        (folder / "failure.txt").write_text(f"{type(error).__name__}: {error}")
        first = next(iter(str(error).splitlines()), "")
        print(f"seed {seed}: FAILED, see {folder}: {type(error).__name__} {first[:300]}")
        return Counter(seeds=1, failures=1)
    finally:
        fault_run.close()
    shutil.rmtree(folder)
    print(
        f"seed {seed}: {time.monotonic() - began:.0f} s, {mlflow.kills} MLflow kills, {accounting}"
    )
    return _counted(accounting, mlflow.kills)


def _counted(accounting: Accounting, mlflow_kills: int) -> Counter[str]:
    figures = {name.replace("_", " "): figure for name, figure in accounting}
    return Counter({"seeds": 1, "MLflow kills": mlflow_kills, **figures})


def _said(total: Counter[str]) -> str:
    return ", ".join(f"{count:,.10g} {name}" for name, count in total.items())


if __name__ == "__main__":
    sys.exit(main())
