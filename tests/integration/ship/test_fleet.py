"""The services of deploy/compose.yaml as processes: two application hosts with shippers, two
receivers behind a balancer, each with its reader, a worker, and PostgreSQL."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store.queries.status import Status
from smile_trace.worker.status import read_home
from tests.support.balancer import Balancer
from tests.support.planted_process import PlantedProcess
from tests.support.postgres_server import PostgresServer
from tests.support.receiver_process import Receiver
from tests.support.shipper_process import ShipperProcess
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import (
    PROMPT,
    planted_answer,
    settings_tables,
    slow_answer,
    wait_for,
)

CALLS = 5
"""Of each host."""
APPLICATION = f"""
import sys
import smile_trace

@smile_trace.trace(model="planted")
def ask(prompt):
    return {planted_answer(PROMPT)!r}

for number in range({CALLS}):
    ask({PROMPT!r} + f" {{sys.argv[1]}}{{number}}")
"""


@pytest.mark.slow
def test_what_hosts_capture_is_explained_once_and_delivered_once(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    model = PlantedProcess(tmp_path / "model", slow_answer, seed=0)
    tables = settings_tables(
        model.base_url,
        {
            "store": {"url": postgres_server.new_database()},
            "worker": {"concurrent_explanations": 1},
        },
    )
    receivers = [Receiver(tmp_path / name) for name in ("central-1", "central-2")]
    (tmp_path / "worker").mkdir(mode=0o700)
    homes = [*(receiver.home for receiver in receivers), tmp_path / "worker"]
    workers = [WorkerProcesses(home, tables) for home in homes]
    hosts = [tmp_path / "host-1", tmp_path / "host-2"]
    for host in hosts:
        environment = os.environ | {"SMILE_TRACE_HOME": str(host)}
        command = [sys.executable, "-c", APPLICATION, host.name]
        subprocess.run(command, env=environment, check=True)

    def status() -> Status:
        return read_home(Settings(home=homes[-1], **tables))

    def delivered() -> list[str]:
        return [line for one in workers for line in one.tracker.visible("explanation")]

    with Balancer([receiver.port for receiver in receivers], random.Random(1)) as balancer:
        shippers = [ShipperProcess(host, balancer.url) for host in hosts]
        services: list[Receiver | WorkerProcesses | ShipperProcess]
        services = [*receivers, *workers, *shippers]
        try:
            model.start()
            for one in services:
                one.start()
            wait_for(lambda: len(status().workers) == len(workers))
            wait_for(lambda: status().explained == len(hosts) * CALLS)
            wait_for(lambda: not any(shipper.waiting() for shipper in shippers))
            wait_for(lambda: len(delivered()) >= len(hosts) * CALLS)
            for shipper in shippers:
                assert shipper.stop() == 0, shipper.said()
            ended = status()
        finally:
            for one in services:
                one.close()
            model.close()
    assert (ended.captured, ended.failed) == (len(hosts) * CALLS, 0)
    assert ended.spent.calls >= model.asked
    assert len(delivered()) == len(set(delivered())) == len(hosts) * CALLS
