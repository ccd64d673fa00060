"""`make bench-delivery`: traces a second per tracker beside bare requests; memory with all seven.

MLflow and Phoenix are real servers, the others fakes that wait before each answer. Each tracker's
figures are printed and kept in `benchmarks/delivery/results/delivery.json` as soon as they are
there; of `--only` nothing is kept.
"""

import argparse
import json
import multiprocessing
import os
import platform
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.delivery import memory, rates
from benchmarks.delivery.servers import FAKE, REAL, serving
from benchmarks.worker.traces import capture
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest

RESULT = Path(__file__).parent / "results" / "delivery.json"
GOALS = dict.fromkeys((*REAL, *FAKE), 0.92)
SPAWN = multiprocessing.get_context("spawn")


def filled(home: Path, traces: int) -> None:
    """A store with so many captured traces, all of which wait for every tracker."""
    os.environ["SMILE_TRACE_HOME"] = str(home)
    with SPAWN.Pool(1) as pool:
        pool.apply(capture, (0, traces))
    settings = Settings(home=home)
    with Store.open(settings) as store:
        Ingest(store, settings).run()
        store.outbox.add([*GOALS, "comet_archive"])


def rate(name: str, home: Path, block: int, blocks: int, latency: float) -> dict[str, Any]:
    """One tracker's figures; its deliveries are made in processes of their own."""
    folder = home.parent / name
    folder.mkdir()
    with serving(name, folder, latency) as url, SPAWN.Pool(1, maxtasksperchild=1) as pool:
        port = urlsplit(url).port
        assert port is not None
        with rates.Recorder(port) as proxy:
            ids = pool.apply(rates.record, (name, proxy.url, home, block))
            first = len(proxy.requests) - _of_block(proxy, ids)
            recorded = [rates.bare(request) for request in proxy.requests[first:]]
            at_once = proxy.most_in_flight
        arguments = (name, url, home, recorded, ids, blocks, at_once)
        load = os.getloadavg()[0]
        return {**pool.apply(rates.measure, arguments), "load_before": load}


def needed(block: int, blocks: int) -> int:
    """The traces that one tracker takes."""
    return (block + rates.BATCH) * (blocks + 1) + rates.BATCH


def keep(found: dict[str, Any]) -> None:
    """Write what was found until now."""
    found["load_after"] = os.getloadavg()[0]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


def _of_block(proxy: rates.Recorder, ids: list[rates.Ids]) -> int:
    """How many of the last requests belong to these traces: from the first that names one on."""
    forms = [form for one, *_ in ids for form in (one.encode(), bytes.fromhex(one))]
    for number, request in enumerate(proxy.requests):
        if any(form in request.raw for form in forms):
            return len(proxy.requests) - number
    return len(proxy.requests)


def main() -> None:
    """Measures, prints and keeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--block", type=int, default=2000, help="traces in a block, in fifties")
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--latency", type=float, default=0.02, help="of a fake server, in seconds")
    parser.add_argument("--waiting", type=int, default=100_000, help="for the memory; 0: not taken")
    parser.add_argument("--seconds", type=float, default=180, help="for which memory is looked at")
    parser.add_argument("--only", choices=sorted(GOALS))
    given = parser.parse_args()
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    found: dict[str, Any] = {"machine": machine, "load_before": os.getloadavg()[0], "rates": []}
    print(f"{machine}, load {found['load_before']:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        filled(home, needed(given.block, given.blocks))
        print("| tracker | requests per trace | at once | traces/s | bare | ratio | goal |")
        print("|---|---|---|---|---|---|---|")
        for name in [given.only] if given.only else GOALS:
            figures = rate(name, home, given.block, given.blocks, given.latency)
            found["rates"].append(figures)
            print(
                f"| {name} | {figures['requests_per_trace']:.2f} | {figures['at_once']} "
                f"| {figures['per_second']:.0f} | {figures['bare_per_second']:.0f} "
                f"| {figures['ratio']:.2f} | {GOALS[name]:.2f} |",
                flush=True,
            )
            if not given.only:
                keep(found)
    if given.waiting and not given.only:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder, "home")
            filled(home, given.waiting)
            found["memory"] = memory.measure(home, given.latency, given.seconds)
            shown = {k: round(v) for k, v in found["memory"].items() if k.endswith("mb")}
            print(f"\n{given.waiting:,} traces waiting for each of seven (goal: 300 MB): {shown}")
            print(f"delivered meanwhile: {found['memory']['delivered']}")
        keep(found)


if __name__ == "__main__":
    main()
