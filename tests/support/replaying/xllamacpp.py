"""Stands in for `xllamacpp`, first on PYTHONPATH: llama.cpp's answers are recorded and replayed.

Everything before llama.cpp is real: the child process, its options, HTTP. What the packaged models
answered stands in tests/data/model_answers.jsonl.gz, by file, options and request; a request that
was not recorded is refused with what to do. With SMILE_TRACE_RECORD_MODEL set to a folder the real
llama.cpp answers it, and all that was said is written there.

It needs the standard library alone, and is not imported by the tests that it serves.
"""

import functools
import gzip
import http.client
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

RECORD = "SMILE_TRACE_RECORD_MODEL"
ANSWERS = Path(__file__).parents[2] / "data" / "model_answers.jsonl.gz"
UNRECORDED = "the packaged model was not asked this when its answers were recorded: make record"
UNTRUE = frozenset({"timings", "created", "id_slot", "generation_settings", "prompt"})
"""Of a reply: what differs from run to run, and what repeats the request."""

Entry = dict[str, Any]
"""`model`, `path`, `body` (null: none was sent), `status`, `type` (a media type) and `reply`."""


class CommonParams(SimpleNamespace):
    """The options of a server, as smile-trace sets them."""

    def __init__(self) -> None:
        super().__init__(
            model=SimpleNamespace(path=""),
            cpuparams=SimpleNamespace(n_threads=0),
            cpuparams_batch=SimpleNamespace(n_threads=0),
        )


class Server:
    """A server that says what was recorded, or what the real one says."""

    def __init__(self, params: CommonParams) -> None:
        with open(params.model.path, "rb") as file:
            if file.read(4) != b"GGUF":
                raise RuntimeError("the file is not GGUF")
        name = served_as(params)
        folder = os.environ.get(RECORD)
        ask = recording(name, params, Path(folder)) if folder else replaying(name)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                self._answer(json.loads(self.rfile.read(length)))

            def _answer(self, body: Any) -> None:
                status, media_type, reply = ask(self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.listening_address = f"http://127.0.0.1:{server.server_address[1]}"


def served_as(params: Any) -> str:
    """What the answers of a server depend on beside the request."""
    cache = "cache" if params.cache_prompt else "no cache"
    file = Path(params.model.path).name
    return f"{file} {params.n_ctx}/{params.n_parallel} {cache}"


def each(body: Any) -> list[Any]:
    """The requests that a body holds: that with a list of prompts stands for one each."""
    if isinstance(body, dict) and isinstance(body.get("prompt"), list):
        return [{**body, "prompt": prompt} for prompt in body["prompt"]]
    return [body]


def key(model: str, path: str, body: Any) -> str:
    """By what a recorded answer is found."""
    return json.dumps([model, path, body], sort_keys=True)


def read() -> Iterator[Entry]:
    """What was recorded."""
    if not ANSWERS.exists():
        return
    with gzip.open(ANSWERS, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


Reply = tuple[int, str, bytes]
"""A status, a media type and a text."""
Ask = Callable[[str, Any], Reply]
"""Gives the reply to a request: to a path, and to a body (None: none was sent)."""


def replaying(model: str) -> Ask:
    """What was recorded of that model."""
    known = {key(model, one["path"], one["body"]): one for one in read() if one["model"] == model}

    def ask(path: str, body: Any) -> Reply:
        asked = each(body)
        whole = known.get(key(model, path, asked[0] if len(asked) == 1 else body))
        if whole is not None:
            return whole["status"], whole["type"], encoded(whole["reply"])
        found = [known.get(key(model, path, one)) for one in asked]
        if len(found) == 1 or not all(found):
            sent = json.dumps(body, ensure_ascii=False)[:300]
            refusal = {"error": {"message": f"{UNRECORDED} ({model} {path} {sent})"}}
            return 404, "application/json", encoded(refusal)
        first = next(one for one in found if one)
        replies = [{**one["reply"], "index": n} for n, one in enumerate(found) if one]
        return 200, first["type"], encoded(replies)

    return ask


def recording(model: str, params: CommonParams, folder: Path) -> Ask:
    """What was recorded, and else what the real one says; both are written down."""
    path_to = folder / f"{os.getpid()}.jsonl"
    place = f"{Path(params.model.path).parent}/".encode()  # of this machine
    lock = threading.Lock()
    replay, real = replaying(model), functools.cache(lambda: real_server(params))

    def ask(path: str, body: Any) -> Reply:
        reply = replay(path, body)
        if UNRECORDED.encode() in reply[2]:
            with lock:
                address = real().listening_address
            status, media_type, text = forwarded(address + path, body)
            reply = status, media_type, text.replace(place, b"")
        note(path, body, *reply)
        return reply

    def note(path: str, body: Any, status: int, media_type: str, text: bytes) -> None:
        told = decoded(media_type, text)
        asked = each(body)
        pairs = [(asked[0] if len(asked) == 1 else body, told)]
        if status == 200 and isinstance(told, list):
            # Each as if it had been asked alone.
            pairs = [(one, {**said, "index": 0}) for one, said in zip(asked, told, strict=True)]
        with lock, path_to.open("a", encoding="utf-8") as lines:
            for one, said in pairs:
                entry = {"model": model, "path": path, "body": one}
                entry |= {"status": status, "type": media_type, "reply": said}
                lines.write(json.dumps(entry, ensure_ascii=False) + "\n")

    return ask


def real_server(params: CommonParams) -> Any:
    """A server of the real package, with those options."""
    here = str(Path(__file__).parent)
    kept, sys.path = sys.path, [path for path in sys.path if path != here]
    ours = sys.modules.pop("xllamacpp", None)
    try:
        real = importlib.import_module("xllamacpp")
    finally:
        sys.path = kept
        if ours is not None:
            sys.modules["xllamacpp"] = ours
    asked = real.CommonParams()
    _give(params, asked)
    return real.Server(asked)


def _give(options: SimpleNamespace, to: Any) -> None:
    for name, value in vars(options).items():
        if isinstance(value, SimpleNamespace):
            _give(value, getattr(to, name))
        else:
            setattr(to, name, value)


def forwarded(url: str, body: Any) -> Reply:
    """The status, media type and text of an answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    connection.request("GET" if body is None else "POST", parts.path, data, headers)
    reply = connection.getresponse()
    told = reply.status, str(reply.getheader("Content-Type")), reply.read()
    connection.close()
    return told


def decoded(media_type: str, reply: bytes) -> Any:
    """A reply as it is kept: JSON without what differs from run to run; a stream as text."""
    if not media_type.startswith("application/json"):
        return reply.decode()
    told = json.loads(reply)
    for one in told if isinstance(told, list) else [told]:
        if "timings" in one:
            for name in UNTRUE & one.keys():
                del one[name]
    return told


def encoded(reply: Any) -> bytes:
    """A kept reply as it is sent."""
    return reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
