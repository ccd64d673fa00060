"""A receiver and its reader on one core, into PostgreSQL, beside rotel, which drops what it gets:
`python -m benchmarks.receive.limit`.

The same requests go to both as fast as they are answered, over `SENDERS` connections. Ours took a
span when it is in the store and its trace complete: the clock stops when all are. The database
and the senders have the other cores.
"""

import contextlib
import http.client
import importlib.util
import multiprocessing
import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.fleet.server import durable_server
from benchmarks.receive.__main__ import HEADERS, receiver
from benchmarks.receive.load import SPANS, request_body
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.tables import traces
from smile_trace.worker.ingest import Ingest

SENDERS, FIRST, BODIES = 4, 4, 64
CORE = min(os.sched_getaffinity(0))
ROW = "receiver with its reader, PostgreSQL, one core"


def read_on(home: str, url: str) -> None:
    """Read the spool again and again, as a worker does, on the receiver's core."""
    os.sched_setaffinity(0, {CORE})
    settings = Settings(home=Path(home), store={"url": url})
    with Store.open(settings) as store:
        reader = Ingest(store, settings)
        while True:
            if not reader.run().spans:
                time.sleep(0.1)


def ours(bodies: list[bytes]) -> float:
    """Spans per second, from the first request to the last complete trace."""
    with closing(durable_server()) as server, tempfile.TemporaryDirectory() as home:
        url = server.new_database()
        settings = Settings(home=Path(home), store={"url": url})
        with Store.open(settings) as store, receiver(home) as (_, port):
            reader = multiprocessing.get_context("spawn").Process(target=read_on, args=(home, url))
            reader.start()
            try:
                # The first requests load what is needed.
                known = _complete(store, _send(port, bodies[:FIRST]))
                began = time.monotonic()
                sent = _send(port, bodies[FIRST:])
                _complete(store, known + sent)
                return sent / (time.monotonic() - began)
            finally:
                reader.terminate()
                reader.join()


def _send(port: int, bodies: list[bytes]) -> int:
    """Send each body once, as fast as they are answered; returns how many spans were taken."""
    waiting = iter(bodies)

    def send(_: int) -> int:
        connection, taken = http.client.HTTPConnection("127.0.0.1", port, timeout=120), 0
        for body in waiting:  # the connections share it
            connection.request("POST", "/v1/traces", body, HEADERS)
            reply = connection.getresponse()
            reply.read()
            taken += SPANS * (reply.status == 200)
        connection.close()
        return taken

    with ThreadPoolExecutor(SENDERS) as senders:
        return sum(senders.map(send, range(SENDERS)))


def _complete(store: Store, least: int) -> int:
    """Wait until so many traces are complete; returns how many are."""
    query = select(func.count()).where(traces.c.position.is_not(None))
    while (found := store.database.column(query)[0]) < least:
        time.sleep(0.2)
    return int(found)


@contextmanager
def rotel() -> Iterator[int]:
    """A Collector in Rust whose exporter drops everything, on the same core: its port."""
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("pip install rotel")
    with socket.create_server(("127.0.0.1", 0)) as web, socket.create_server(("", 0)) as grpc:
        ports = [one.getsockname()[1] for one in (web, grpc)]
    agent = Path(found.origin).with_name("rotel-agent")
    addresses = [f"127.0.0.1:{port}" for port in ports]
    command = ["taskset", "-c", str(CORE), str(agent), "start", "--exporter", "blackhole"]
    command += ["--otlp-http-endpoint", addresses[0], "--otlp-grpc-endpoint", addresses[1]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent_:
        try:
            while True:
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection(("127.0.0.1", ports[0])),
                ):
                    break
                time.sleep(0.1)
            yield ports[0]
        finally:
            agent_.terminate()


def beside(bodies: list[bytes]) -> float:
    """Spans per second that rotel takes, and drops."""
    with rotel() as port:
        _send(port, bodies[:FIRST])
        began = time.monotonic()
        return _send(port, bodies[FIRST:]) / (time.monotonic() - began)


def rows() -> dict[str, tuple[float, float | None]]:
    """For the table of the limit."""
    chance = random.Random(0)
    bodies = [request_body(chance) for _ in range(BODIES)]
    return {ROW: (ours(bodies), beside(bodies))}


if __name__ == "__main__":
    for name, figures in rows().items():
        print(name, *(f"{figure:,.0f}" for figure in figures if figure is not None))
