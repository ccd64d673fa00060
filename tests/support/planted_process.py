"""A planted model in its own process, with fault injection: it can be killed, and logs its calls.

A seed, the text of a request and how often that text was asked before decide whether it gets a
fault, so that the order of requests does not matter. Requests are logged before they are answered;
killing the process leaves the log intact.
"""

import json
import os
import random
import select
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from genai_prices import data_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider

from smile_trace.models import transport
from smile_trace.records import JSON, Record
from tests.support.forked import FORKS
from tests.support.planted import PlantedHandler, PlantedServer, usage_of
from tests.support.ports import reserve_port

Fault = Literal[
    "rate_limited",
    "server_error",
    "not_json",
    "rejected",
    "half_a_body",
    "connection_closed",
    "malformed",
    "unanswered",
    "slow",
]
"""What a request gets instead of its answer. From `half_a_body` on its tokens are billed."""
_WEIGHTS = {"slow": 0.3, "rejected": 0.2, "half_a_body": 0.3, "malformed": 0.2, "unanswered": 0.2}
"""Less frequent than the others: slow answers, and faults that are not retried."""
UNBILLED = ("rate_limited", "server_error", "not_json", "rejected")
DOLLARS_PER_TOKEN = 1e-4
TIMEOUT = 1.5
"""How long a client should wait for an answer, in seconds: a slow one comes later."""


class LoggedRequest(Record):
    """One request that the model received."""

    text: str
    fault: Fault | None
    tokens: int
    abandoned: bool = False
    """Whether the client had closed its connection before the answer was ready."""

    @property
    def billed(self) -> bool:
        """Whether it cost something."""
        return self.fault not in UNBILLED

    @property
    def usd(self) -> float:
        """What it cost."""
        return self.tokens * DOLLARS_PER_TOKEN


class Planted(NamedTuple):
    """The arguments of the model's process."""

    folder: str
    port: int
    function: Callable[[str], str]
    seed: int
    share: float


class PlantedProcess:
    """A model that is started, killed, paused and started again, on the same port.

    Args:
        folder: where its log is.
        function: the answer to a prompt; found by name in the other process.
        seed: decides which requests get a fault.
        share: the share of requests that get a fault, until `stop_faults`.
    """

    def __init__(
        self, folder: Path, function: Callable[[str], str], *, seed: int = 0, share: float = 0.0
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._reserved = reserve_port()
        port = int(self._reserved.getsockname()[1])
        self._planted = Planted(str(folder), port, function, seed, share)
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._process: ForkServerProcess | None = None
        self._read = 0
        self._asked = 0

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = FORKS.Process(target=_serve, args=(self._planted,), daemon=True)
        self._process.start()
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            assert self._process.is_alive(), "the planted model did not start"
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._planted.port)):
                return
            time.sleep(0.01)
        raise AssertionError("the planted model does not listen")

    def kill(self) -> None:
        """Kill it: requests in flight get no answer, new ones no connection."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def pause(self) -> None:
        """Suspend the process."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the process."""
        self._signal(signal.SIGCONT)

    def stop_faults(self) -> None:
        """From now on every request is answered."""
        (self._folder / "stop_faults").touch()

    @property
    def asked(self) -> int:
        """How many requests it has received so far."""
        requests = _requests_file(self._folder)
        if requests.exists():
            with requests.open("rb") as stream:
                stream.seek(self._read)
                new = stream.read()
            self._read += len(new)
            self._asked += new.count(b'{"text"')
        return self._asked

    def requests(self) -> list[LoggedRequest]:
        """Every request that it received, in order."""
        return _read_requests(self._folder)

    def close(self) -> None:
        """Kill it and release its port."""
        self.kill()
        self._reserved.close()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, number)


def plant_prices() -> None:
    """Register the planted model's prices in this process, as those of a provider."""
    price = ModelPrice(
        input_mtok=Decimal(str(DOLLARS_PER_TOKEN)) * 1_000_000,
        output_mtok=Decimal(str(DOLLARS_PER_TOKEN)) * 1_000_000,
    )
    model = ModelInfo(id="planted", match=ClauseEquals("planted"), prices=price)
    provider = Provider("planted", "Planted", r"http://127\.0\.0\.1", models=[model])
    data_snapshot.set_custom_snapshot(data_snapshot.DataSnapshot([provider], False))
    # A model on this machine costs nothing otherwise.
    transport.is_loopback = lambda host: False  # type: ignore[attr-defined]


def _requests_file(folder: Path) -> Path:
    return folder / "requests.jsonl"


def _read_requests(folder: Path) -> list[LoggedRequest]:
    asked: list[LoggedRequest] = []
    requests = _requests_file(folder)
    for line in requests.read_text().splitlines() if requests.exists() else ():
        entry = json.loads(line)
        if "abandoned" in entry:
            number = entry["abandoned"]
            asked[number] = asked[number].model_copy(update={"abandoned": True})
        else:
            asked.append(LoggedRequest(**entry))
    return asked


def _serve(planted: Planted) -> None:
    _CountingServer(planted).serve_forever(0.01)


class _CountingServer(PlantedServer):
    def __init__(self, planted: Planted) -> None:
        super().__init__(planted.function, planted.port, _CountingHandler)
        self._planted = planted
        folder = Path(planted.folder)
        self._stopped_faults = folder / "stop_faults"
        before = _read_requests(folder)
        self._times = Counter(asked.text for asked in before)
        self._number = len(before)
        self._file = os.open(_requests_file(folder), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, text: str, tokens: int) -> tuple[int, Fault | None]:
        """Log a request; returns its number in the log, and its fault."""
        with self.lock:
            fault = self._decide(text)
            self._times[text] += 1
            number, self._number = self._number, self._number + 1
            billed = 0 if fault in UNBILLED else tokens
            self._write({"text": text, "fault": fault, "tokens": billed})
            return number, fault

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the closed connections of a killed client."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def note_abandoned(self, number: int) -> None:
        """Log that the client left before the answer."""
        with self.lock:
            self._write({"abandoned": number})

    def _decide(self, text: str) -> Fault | None:
        draw = random.Random(f"{self._planted.seed} {self._times[text]} {text}")
        if draw.random() >= self._planted.share or self._stopped_faults.exists():
            return None
        kinds = get_args(Fault)
        [kind] = draw.choices(kinds, [_WEIGHTS.get(kind, 1.0) for kind in kinds])
        return kind

    def _write(self, entry: JSON) -> None:
        os.write(self._file, json.dumps(entry).encode() + b"\n")


class _CountingHandler(PlantedHandler):
    server: _CountingServer

    def do_POST(self) -> None:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/v1/chat/completions" or "messages" not in body:
            self.send(404, {}, {"error": {"message": f"unknown request {self.path}"}})
            return
        text = "\n".join(message["content"] for message in body["messages"])
        answer = self.server.function(text)
        number, fault = self.server.note(text, usage_of(text, answer)["total_tokens"])
        time.sleep(len(text) % 5 / 100)
        if fault == "slow":
            time.sleep(TIMEOUT * 1.5)
        if self._client_has_left():
            self.server.note_abandoned(number)
        if fault is None or fault == "slow":
            self.send(200, {}, self.chat(text, body))
        else:
            self._send_fault(fault, self.chat(text, body))

    def _send_fault(self, how: Fault, reply: Any) -> None:
        whole = json.dumps(reply).encode()
        match how:
            case "rate_limited":
                self.send(429, {"retry-after": "0"}, {"error": {"message": "slow down"}})
            case "server_error":
                self.send(500, {}, {"error": {"message": "server error"}})
            case "not_json":
                self.send(503, {}, b"<html>no JSON</html>")
            case "rejected":
                self.send(400, {}, {"error": {"message": "not this one"}})
            case "half_a_body":
                self.send(200, {}, whole[: len(whole) // 2])
            case "malformed":
                self.send(200, {}, {"object": "chat.completion", "answer": 42})
            case "unanswered":
                reply["choices"] = []
                self.send(200, {}, reply)
            case "connection_closed":
                self.close_connection = True
                self.send_response(200)
                self.send_header("content-length", str(len(whole)))
                self.end_headers()
                self.wfile.write(whole[: len(whole) // 2])

    def _client_has_left(self) -> bool:
        """Whether the client has closed its connection."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        with suppress(ConnectionError):
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
        return True
