"""The first `smile-trace explain` of the README, beside the same requests sent bare.

`python -m benchmarks.worker.first_explain` (`--planted SECONDS`: by a server that takes so long for
a request, one after the other, in place of the packaged model). Both go through a proxy, which
keeps what is sent and sees when the server has nothing to do. Each explanation has a home of its
own; the packaged model is served without a prompt cache, so that no order is quicker.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from benchmarks.limit.rows import Pair
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.models.llama_server import LlamaServer
from smile_trace.models.packaged import serving

PROMPT = "The shop opens at nine. When does the shop open?"
ROUNDS = 3
GRACE = 0.5
"""Seconds that an explanation may take beside 1.05 times its requests."""
SETTINGS = '[models.demo]\nkind = "endpoint"\nbase_url = "{address}"\nmax_tokens = 12\n'
AT_ONCE = int(EndpointSettings.model_fields["concurrency"].default)


class Proxy(ThreadingHTTPServer):
    """Passes requests on to `target`; keeps their bodies, and the seconds without any between the
    first and the last. With a number as the target it answers by itself, one after the other."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, target: str | float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.address = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.turn, self._lock = threading.Lock(), threading.Lock()
        self._http = httpx.Client(timeout=600, limits=httpx.Limits(max_connections=None))
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.sent: list[tuple[str, bytes]] = []
        self.idle, self.first, self._in_flight, self._since = 0.0, 0.0, 0, 0.0

    @contextmanager
    def in_flight(self, path: str, body: bytes) -> Iterator[None]:
        """Count a request."""
        with self._lock:
            now = time.monotonic()
            if not self.sent:
                self.first = now
            elif not self._in_flight:
                self.idle += now - self._since
            self.sent.append((path, body))
            self._in_flight += 1
        yield
        with self._lock:
            self._in_flight -= 1
            self._since = time.monotonic()

    def answer(self, path: str, body: bytes) -> bytes:
        """The reply to a request."""
        with self.in_flight(path, body):
            if isinstance(self.target, str):
                reply = self._http.post(self.target + path, content=body, headers=_JSON)
                return reply.raise_for_status().content
            with self.turn:
                time.sleep(self.target)
            return json.dumps(_reply(body)).encode()


_JSON = {"Content-Type": "application/json"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_POST(self) -> None:
        """Answer."""
        content = self.server.answer(
            self.path, self.rfile.read(int(self.headers["Content-Length"]))
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


def _reply(body: bytes) -> dict[str, Any]:
    """Of a model that repeats the time of day if it is asked with it."""
    asked = json.loads(body)["messages"][-1]["content"]
    said = "The shop opens at nine." if "nine" in asked else "I do not know that."
    message = {"role": "assistant", "content": said}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 20, "completion_tokens": 6}}


@contextmanager
def served(planted: float | None) -> Iterator[Proxy]:
    """The packaged chat model, or one that takes `planted` seconds a request."""
    how = serving(None, "demo")
    server = LlamaServer(how, context_tokens=8192, threads=1)
    proxy = Proxy(server.start() if planted is None else planted)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        server.close()


def explain(address: str) -> float:
    """Seconds of the command, with its start, in a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "smile_trace.toml").write_text(SETTINGS.format(address=address))
        place = {**os.environ, "SMILE_TRACE_HOME": f"{folder}/home"}
        asked = ["explain", "--model", "demo", "--prompt", PROMPT]
        began = time.monotonic()
        command = [sys.executable, "-m", "smile_trace", *asked]
        subprocess.run(command, cwd=folder, env=place, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - began


async def bare(address: str, sent: list[tuple[str, bytes]]) -> float:
    """Seconds of these requests, as many at once as an explanation sends."""
    root, slots = address.removesuffix("/v1"), asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(timeout=600) as client:

        async def ask(path: str, body: bytes) -> None:
            async with slots:
                (await client.post(root + path, content=body, headers=_JSON)).raise_for_status()

        began = time.monotonic()
        await asyncio.gather(*itertools.starmap(ask, sent))
        return time.monotonic() - began


def measured(planted: float | None = None) -> list[dict[str, float]]:
    """The rounds: an explanation, then its requests, bare."""
    found = []
    with served(planted) as proxy:
        for _ in range(ROUNDS):
            proxy.forget()
            began = time.monotonic()
            seconds = explain(proxy.address)
            sent, idle, start = proxy.sent, proxy.idle, proxy.first - began
            proxy.forget()
            beside = asyncio.run(bare(proxy.address, sent))
            found.append(
                {
                    "requests": len(sent),
                    "explain": seconds,
                    "bare": beside,
                    "start": start,
                    "idle_between": idle,
                    "end": seconds - start - idle - beside,
                }
            )
            print(json.dumps(found[-1]), flush=True)
    return found


def rows() -> dict[str, Pair]:
    """For `benchmarks.limit`."""
    found = measured()
    middle = statistics.median
    ours = middle(one["explain"] for one in found) - GRACE
    return {"first explain, model served, less .5 s": (ours, middle(one["bare"] for one in found))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planted", type=float, help="seconds a request")
    measured(parser.parse_args().planted)
