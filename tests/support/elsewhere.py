"""A backend that names other places in whatever it replies: a server beside it, and local files."""

import json
import re
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/|/")
_KEY = re.compile(r"(?i)ur[il]s?$|link|location|href|endpoint|address")


class Elsewhere:
    """A server that nobody may ask, at 127.0.0.2, and a folder that nobody may touch.

    `reached` has the first bytes of every connection.
    """

    def __init__(self, folder: Path) -> None:
        self.reached: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.2", 0))
        self.host = f"127.0.0.2:{self._listener.getsockname()[1]}"
        self._folder = folder
        for trace in ("", "traces", "attachments"):
            (folder / trace).mkdir(exist_ok=True)
            (folder / trace / "traces.json").write_text('{"spans": []}')
        self._before = self._files()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(1)
                try:
                    self.reached.append(client.recv(500))
                except OSError:
                    self.reached.append(b"")

    @property
    def wishes(self) -> dict[str, str]:
        """Addresses of it, as a reply may name them."""
        return {"server": f"http://{self.host}/x", "folder": f"file://{self._folder}"}

    def untouched(self) -> bool:
        """Whether nobody was there."""
        return not self.reached and self._files() == self._before

    def _files(self) -> dict[str, bytes]:
        found = self._folder.rglob("*") if self._folder.exists() else ()
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in found}


class Wishing:
    """Makes a running server name a wish wherever its replies have an address; with `redirect`, it
    sends every fourth request there instead.

    `named` counts the wishes.
    """

    def __init__(self, server: FakeHttpServer, wish: str, *, redirect: bool = False) -> None:
        self._right, self._redirect, self._to = server.handle, redirect, wish
        self._asked = self.named = 0

    def handle(self, request: Request) -> Answer | None:
        """Stands in for the server's own."""
        self._asked += 1
        if self._redirect and self._asked % 4 == 0:
            return Answer(302 if request.method == "GET" else 307, b"", {"Location": self._wish()})
        answer = self._right(request)
        if self._redirect or answer is None or answer.status >= 300:
            return answer
        try:
            raw = answer.body
            told = json.loads(raw) if isinstance(raw, bytes) else raw
        except ValueError:
            return answer
        return replace(answer, body=json.dumps(self._rewritten(told, "")).encode())

    def _wish(self) -> str:
        self.named += 1
        return self._to

    def _rewritten(self, told: Any, key: str) -> Any:
        if isinstance(told, dict):
            return {name: self._rewritten(value, name) for name, value in told.items()}
        if isinstance(told, list):
            return [self._rewritten(value, key) for value in told]
        named = isinstance(told, str) and told and (_ADDRESS.match(told) or _KEY.search(key))
        return self._wish() if named else told
