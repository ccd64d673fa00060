"""Connections to the receiver that say nothing, or very little at a time."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.sources.receiver import serve
from smile_trace.sources.receiver.serve import receiving
from tests.support.otlp_requests import request_of, spans_of
from tests.support.ports import steady_port
from tests.support.receiver_process import PROTOBUF, post

SECONDS = 60.0


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a receiver in a thread of this process."""
    listening = steady_port()
    with receiving(Settings(home=tmp_path / "home", receive={"port": listening})):
        yield listening


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def asked(port: int, path: str) -> bytes:
    with connected(port) as one:
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: one.recv(4096), b""))


def test_silent_connections_are_in_nobodys_way(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "CONNECTIONS", 50)
    busy = connected(port)
    busy.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    silent = [connected(port) for _ in range(200)]
    try:
        assert asked(port, "/health/live").startswith(b"HTTP/1.1 200")
        assert post(f"http://127.0.0.1:{port}/v1/traces", request_of(1), PROTOBUF).status == 200
        assert silent[0].recv(1) == b"", "the first one was closed"
    finally:
        for one in (busy, *silent):
            one.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"POST /v1/traces HT",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /health",
    ],
    ids=["nothing", "a part", "a part of the second"],
)
def test_the_head_of_a_request_has_a_deadline(
    said: bytes, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "HEAD_SECONDS", 0.2)
    with connected(port) as one:
        *whole, part = said.partition(b"\r\n\r\n")
        if whole[1]:
            one.sendall(b"".join(whole))
            assert one.recv(4096).startswith(b"HTTP/1.1 200")
        one.sendall(part if whole[1] else said)
        try:
            while one.recv(4096):
                pass
        except ConnectionResetError:
            pass


def test_a_body_in_chunks_of_a_byte_arrives(port: int, tmp_path: Path) -> None:
    body = request_of(*range(1, 60))
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    assert len(chunks) > 2 * serve.PIECE
    with connected(port) as one:
        one.sendall(head + chunks + b"0\r\n\r\n")
        assert one.recv(4096).startswith(b"HTTP/1.1 200")
    [file] = (tmp_path / "home" / "spool").glob("*.received.jsonl")
    assert len(spans_of(file.read_bytes().splitlines())) == 59
