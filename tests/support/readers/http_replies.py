"""Status, headers and body of any HTTP reply, as models and Comet's own client read them.

An input is a status, the headers and the body as HTTP writes them.
"""

import contextlib
import re

import httpx
import requests

from smile_trace._guards.bounded_http import ReplyRefused, bounded, retry_after
from smile_trace.models import http_client
from smile_trace.models.retry import pause_before_retry, read_error
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.http import RequestRejected
from smile_trace_comet.errors import check, comet_service
from tests.support.readers.base import ForeignReader

_ASKED = "http://127.0.0.1:9/api/v1"
_COMET = comet_service("https://comet.example/clientlib/")
_NAME = re.compile(rb"[A-Za-z0-9_-]+")
"""What HTTP clients let pass as the name of a header."""
_PATHS = ("write/experiment/llm", "experiment/asset/get-asset", "x")


def _read(data: bytes) -> None:
    status, headers, body = parse_reply(data)
    reply = httpx.Response(
        status,
        headers=headers,
        stream=httpx.ByteStream(body),
        request=httpx.Request("POST", _ASKED),
    )
    try:
        with contextlib.suppress(StopIteration):  # it has nothing to wait for
            bounded(8.0)(reply).send(None)  # type: ignore[attr-defined]
    except ReplyRefused:
        return
    _by_the_models(reply)
    _by_comet(status, headers, body)
    retry_after(reply.headers)


def parse_reply(data: bytes) -> tuple[int, httpx.Headers, bytes]:
    """Status, headers and body of an input."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    status = int(first) if first.isdigit() and len(first) == 3 else 200
    pairs = [line.partition(b":")[::2] for line in lines if b":" in line]
    held = [(name, value.strip()) for name, value in pairs if _NAME.fullmatch(name)]
    return max(status, 100), httpx.Headers(held, encoding="latin-1"), body


def _by_the_models(reply: httpx.Response) -> None:
    error = http_client.APIStatusError(reply)
    failure = read_error(error, client=http_client, timeout=1.0)
    assert len(failure.reason) < 500
    pause = pause_before_retry(failure, 0, 3)
    assert pause is None or 0 <= pause < 3600


def _by_comet(status: int, headers: httpx.Headers, body: bytes) -> None:
    response = requests.Response()
    response.status_code, response._content, response.reason = status, body, "OK"
    response.headers.update(headers)
    for path in _PATHS:
        try:
            check(response, path, _COMET)
        except (RequestRejected, TrackerUnavailable):
            continue


def _seeds() -> list[bytes]:
    json = b"content-type: application/json"
    return [
        b"200\n" + json + b'\n\n{"id":"x","content":[{"file_name":"a.json"}]}',
        b"200\n" + json + b'\n\n{"pre_sign_urls":["http://h/x"],"upload_id":"BEMinIO"}',
        b"200\n" + json + b'\n\n{"chain":{"status":200,"content":{"msg":"ok"}}}',
        b"429\nRetry-After: 12\n\nslow down",
        b"503\nRateLimit-Reset: 12\nRetry-After: Wed, 25 Nov 2026 00:00:00 GMT\n\n",
        b"302\nLocation: https://elsewhere.example/x\n\n",
        b"200\nContent-Encoding: gzip\nContent-Length: 99999999999\n\n",
        b"400\n" + json + b'\n\n{"error":{"message":"maximum context length","code":"x"}}',
        b"500\ncontent-type: text/html; charset=hex\n\n<p>Busy</p>",
        b"403\n" + json + b'\n\n{"msg":"no","sdk_error_code":90219}',
    ]


HTTP_REPLIES = ForeignReader("HTTP replies", _read, _seeds)
