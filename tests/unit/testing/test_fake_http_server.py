"""The base of fake servers tells what went wrong in one."""

import time

import httpx
import pytest

from smile_trace.testing.fake_http_server import Answer, FakeHttpServer, Request


class Wrong(FakeHttpServer):
    def answer(self, request: Request) -> Answer:
        raise KeyError("no such field")


def test_an_error_in_an_answer_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with Wrong() as server:
        with pytest.raises(httpx.TransportError):
            httpx.get(server.url)
        printed = ""
        while "KeyError: 'no such field'" not in printed:  # by the server's thread
            time.sleep(0.01)
            printed += capsys.readouterr().err
