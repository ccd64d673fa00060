"""`rotel`, an OpenTelemetry Collector from the package index, in front of a receiver."""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.support.ports import steady_port

BATCH = 50
"""Spans that it sends at once."""


def agent() -> Path | None:
    """Its program, where the package is installed."""
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "rotel-agent"


class Collector:
    """Takes OTLP/HTTP and sends it on in batches, again and again until it is taken.

    Args:
        address: where to, as `http://host:port`.
        log: where it writes what it has to say.
    """

    def __init__(self, address: str, log: Path) -> None:
        self._log = log
        self._port = steady_port()
        self.traces, self.logs = (
            f"http://127.0.0.1:{self._port}/v1/{kind}" for kind in ("traces", "logs")
        )
        self._options = {
            "otlp-http-endpoint": f"127.0.0.1:{self._port}",
            "otlp-grpc-endpoint": "127.0.0.1:0",
            "otlp-exporter-endpoint": address,
            "otlp-exporter-protocol": "http",
            "otlp-exporter-compression": "gzip",
            "otlp-exporter-retry-initial-backoff": "100ms",
            "otlp-exporter-retry-max-backoff": "500ms",
            "batch-max-size": str(BATCH),
            "batch-timeout": "200ms",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        program = agent()
        assert program is not None
        given = [part for name, value in self._options.items() for part in (f"--{name}", value)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(program), "start", *given], stdout=log, stderr=log, env={**os.environ}
            )
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def given_up(self) -> int:
        """How many batches it has dropped itself."""
        return self._log.read_text().count("dropping data")

    def stop(self) -> None:
        """End it as an operator does: it sends on what it has taken."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
            self._process = None
