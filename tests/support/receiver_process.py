"""`smile-trace receive` in a process of its own, on a port that stays: something to kill."""

import contextlib
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

from tests.support.command_line import start_command
from tests.support.ports import steady_port

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: Message
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float = 60) -> Answer:
    """Send a request; every status is an answer.

    Raises:
        OSError: there was none.
    """
    request = urllib.request.Request(url, body, dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=seconds) as reply:
            return Answer(reply.status, reply.headers, reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class Receiver:
    """Receivers, one after the other, on one home and port; their log is `receive.log` there."""

    def __init__(self, home: Path, **settings: str) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home = home
        self.log = home / "receive.log"
        self.port = steady_port()
        self.address = f"http://127.0.0.1:{self.port}"
        named = {f"SMILE_TRACE_RECEIVE__{key.upper()}": value for key, value in settings.items()}
        self._environment = os.environ | {
            "SMILE_TRACE_HOME": str(home),
            "SMILE_TRACE_RECEIVE__PORT": str(self.port),
            **named,
        }
        self._process: ForkServerProcess | None = None

    @property
    def traces(self) -> str:
        """Where traces are sent."""
        return f"{self.address}/v1/traces"

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return int(self._process.pid or 0)

    def start(self, **environment: str) -> None:
        """Start one and wait until it listens."""
        env = self._environment | environment
        self._process = start_command("receive", cwd=self.home, env=env, log=self.log)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self._process.is_alive(), self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        assert self._process.is_alive(), self.said()
        self._process.kill()
        self._join()

    def stop(self) -> int:
        """End it as an operator does; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._join()

    def said(self) -> str:
        """Its log."""
        return self.log.read_text() if self.log.exists() else ""

    def spooled(self) -> list[bytes]:
        """Every line of the spool."""
        files = sorted((self.home / "spool").glob("*.jsonl"))
        return [line for file in files for line in file.read_bytes().splitlines()]

    def _join(self) -> int:
        assert self._process is not None
        self._process.join(60)
        code = self._process.exitcode
        assert code is not None, "it did not end"
        self._process = None
        return code

    def close(self) -> None:
        """Kill what still runs."""
        if self._process is not None:
            self.kill()


@contextmanager
def receiving(home: Path, **settings: str) -> Iterator[Receiver]:
    """A receiver that listens meanwhile."""
    receiver = Receiver(home, **settings)
    try:
        receiver.start()
        yield receiver
    finally:
        receiver.close()
