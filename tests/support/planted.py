"""Models with planted behaviour, for which the right explanation is known."""

import errno
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar

from smile_trace.models import Capabilities, Request
from smile_trace.models.openai_wire import completion_prompt
from smile_trace.records import JSON, Response


def constant(prompt: str) -> str:
    """The same answer to every prompt."""
    return "It is always the same answer."


def copying(word: str) -> Callable[[str], str]:
    """Repeats `word` if the prompt holds it, else answers with an empty text."""
    return lambda prompt: word if word in prompt.split() else ""


class PlantedModel:
    """A Model that answers by a function of the joined prompt and records its requests."""

    name = "planted"
    identity: str | None = None
    capabilities = Capabilities()

    def __init__(self, function: Callable[[str], str], *, deterministic: bool = True) -> None:
        self._function = function
        self._deterministic = deterministic
        self.asked: list[Request] = []

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        """As given."""
        return self._deterministic

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One answer per request; what the function raises is a failure."""
        self.asked.extend(requests)
        return [self._one(completion_prompt(request.messages)) for request in requests]

    async def aclose(self) -> None:
        """Nothing to close."""

    def _one(self, prompt: str) -> Response:
        try:
            return Response(text=self._function(prompt))
        except ValueError as error:
            return Response(failure=str(error))


class Received(NamedTuple):
    """A request in order of arrival."""

    at: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class PlantedServer(ThreadingHTTPServer):
    """An OpenAI-compatible server that answers by a function of the prompt.

    `faults` are taken first, one per request: (status, headers, body), or None for an answer;
    status 0 closes the connection without one. Any other path is answered with 404.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        function: Callable[[str], str],
        port: int = 0,
        handler: "type[PlantedHandler] | None" = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), handler or PlantedHandler)
        self.function = function
        self.faults: list[tuple[int, dict[str, str], JSON] | None] = []
        self.received: list[Received] = []
        self.lock = threading.Lock()
        self.in_flight = self.max_in_flight = 0

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Those of all requests."""
        return [request.body for request in self.received]

    @property
    def headers(self) -> list[dict[str, str]]:
        """Those of all requests."""
        return [request.headers for request in self.received]

    @property
    def base_url(self) -> str:
        """The address up to and including `/v1`."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class FixedServer(PlantedServer):
    """A planted model at a fixed port; waits until another test run has left it."""

    def __init__(self, function: Callable[[str], str], port: int) -> None:
        deadline = time.monotonic() + 300
        while True:
            try:
                super().__init__(function, port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return


Server = TypeVar("Server", bound=PlantedServer)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """That server, running."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def serving(function: Callable[[str], str]) -> AbstractContextManager[PlantedServer]:
    """A running PlantedServer on a free port."""
    return running(PlantedServer(function))


class PlantedHandler(BaseHTTPRequestHandler):
    """Answers as OpenAI's server does, by the function of its server."""

    server: PlantedServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        body = self.receive()
        with server.lock:
            fault = server.faults.pop(0) if server.faults else None
            server.in_flight += 1
            server.max_in_flight = max(server.max_in_flight, server.in_flight)
        try:
            if fault is not None:
                self._fail(*fault)
            elif self.path == "/v1/chat/completions" and "messages" in body:
                texts = [m["content"] for m in body["messages"]]
                self.send(200, {}, self.chat("\n".join(texts), body))
            elif self.path == "/v1/completions" and "prompt" in body:
                self.send(200, {}, self._completion(body))
            elif self.path == "/v1/embeddings" and isinstance(body.get("input"), list):
                self.send(200, {}, _embeddings(body["input"]))
            else:
                self.send(404, {}, {"error": {"message": f"unknown request {self.path}"}})
        finally:
            with server.lock:
                server.in_flight -= 1

    def receive(self) -> dict[str, Any]:
        """The body of the request, which the server keeps."""
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            received = Received(time.monotonic_ns(), self.path, headers, body)
            self.server.received.append(received)
        return body

    def chat(self, prompt: str, body: dict[str, Any]) -> JSON:
        """The reply to a chat request whose messages are `prompt`."""
        answer = self.server.function(prompt)
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": answer},
        }
        if body.get("logprobs"):
            first = answer.split()[0] if answer.split() else ""
            top = [{"token": first, "logprob": -0.1}, {"token": "other", "logprob": -3.0}]
            choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
        return {"choices": [choice], "usage": usage_of(prompt, answer)}

    def _completion(self, body: dict[str, Any]) -> JSON:
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        answers = [self.server.function(prompt) for prompt in prompts]
        choices = [
            {"index": index, "finish_reason": "stop", "text": answer}
            for index, answer in enumerate(answers)
        ]
        return {"choices": choices[::-1], "usage": usage_of(" ".join(prompts), " ".join(answers))}

    def _fail(self, status: int, headers: dict[str, str], body: JSON) -> None:
        if status:
            self.send(status, headers, body)
        else:
            self.close_connection = True

    def send(self, status: int, headers: dict[str, str], body: JSON) -> None:
        """A whole HTTP response; `body` as JSON, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        with suppress(BrokenPipeError):  # the client has left
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def usage_of(prompt: str, answer: str) -> dict[str, int]:
    """What the server counts: a token per word."""
    read, written = len(prompt.split()), len(answer.split())
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _embeddings(texts: list[str]) -> JSON:
    """Vectors by the letters of a text: the same letters, the same vector."""
    data = [
        {"index": index, "embedding": [float(text.lower().count(c)) for c in "aeinorst"] + [1.0]}
        for index, text in enumerate(texts)
    ]
    return {"data": data[::-1]}
