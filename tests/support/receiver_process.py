"""`smile-trace receive` in a process of its own, on a port that stays."""

import contextlib
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import NamedTuple

from tests.support.ports import steady_port
from tests.support.service_process import ServiceProcess

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


class Receiver(ServiceProcess):
    """Receivers, one after the other, on one home and port."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.port = steady_port()
        super().__init__("receive", home, port=str(self.port), **settings)
        self.address = f"http://127.0.0.1:{self.port}"

    @property
    def traces(self) -> str:
        """Where traces are sent."""
        return f"{self.address}/v1/traces"

    def start(self, *options: str, **environment: str) -> None:
        """Start one and wait until it listens."""
        super().start(*options, **environment)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self.running, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as `kill -9` does; it must not have ended by itself."""
        assert self.running, self.said()
        super().kill()


@contextmanager
def receiving(home: Path, **settings: str) -> Iterator[Receiver]:
    """A receiver that listens meanwhile."""
    receiver = Receiver(home, **settings)
    try:
        receiver.start()
        yield receiver
    finally:
        receiver.close()
