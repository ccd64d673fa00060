"""`make bench-worker`: the three measurements in turn, each in processes of its own.

Prints their tables and keeps all figures in `benchmarks/worker/results/worker.json`.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "worker.json"


def measured(name: str) -> Any:
    """What one of the measurements prints in its last line."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.worker.{name}"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])[name]


def print_calls(figures: list[dict[str, Any]]) -> None:
    """The worker's rate of calls beside the bare server's."""
    print("| | calls | worker calls/s | bare calls/s | ratio | of the model | CPU ms per call |")
    print("|---|---|---|---|---|---|---|")
    for f in figures:
        bare = max(f["bare_in_turn_per_second"], f["bare_at_once_per_second"])
        cells = f"{f['worker_per_second']:.2f} | {bare:.2f} | {f['ratio']:.2f}"
        cpu = f"{f['worker_cpu_ms_per_call']:.1f}"
        print(f"| {f['signal']} | {f['calls']:.0f} | {cells} | {f['of_the_model']:.2f} | {cpu} |")


def print_study_time(figures: list[dict[str, Any]]) -> None:
    """What a study takes without the model."""
    print("| | seconds | CPU s | slowest round before the last, s | the same, CPU s | peak MB |")
    print("|---|---|---|---|---|---|")
    for f in figures:
        slowest = [f.get("slowest_round_before_the_last"), f.get("slowest_round_cpu")]
        rounds = " | ".join("" if each is None else f"{each:.2f}" for each in slowest)
        print(
            f"| {f['case']} | {f['seconds']:.2f} | {f['cpu']:.2f} | {rounds} | {f['peak_mb']:.0f} |"
        )


def print_traces(f: dict[str, Any]) -> None:
    """From the spool to MLflow."""
    ingest, deliver, memory = f["ingest"], f["deliver"], f["memory"]
    rows = {
        f"ingest of {ingest['spans']:,} spans, spans/s": ingest["spans_per_second"],
        "the same per second of processor": ingest["spans_per_cpu_second"],
        f"{deliver['traces']:,} traces to MLflow, traces/s": deliver["worker_per_second"],
        "bare batches of the same size, traces/s": deliver["bare_per_second"],
        "ratio": deliver["ratio"],
        "status from the store, s": f["status"]["seconds"],
        "`smile-trace status`, its start included, s": f["status_command_seconds"],
        "memory after a tenth, MB": memory["after_a_tenth_mb"],
        "memory at most, MB": memory["peak_mb"],
        "memory at the end, MB": memory["end_mb"],
    }
    print("| | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value:,.2f} |" if value < 10 else f"| {name} | {value:,.0f} |")


def main() -> None:
    """Measures, prints and keeps."""
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    found: dict[str, Any] = {"machine": machine, "load_before": os.getloadavg()[0]}
    print(f"{machine}, load {found['load_before']:.1f}")
    for name, show in (
        ("calls", print_calls),
        ("study_time", print_study_time),
        ("traces", print_traces),
    ):
        found[name] = measured(name)
        found["load_after"] = os.getloadavg()[0]
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(found, indent=1) + "\n")  # now: the next one may be cut off
        print()
        show(found[name])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
