"""A shipper in this process, and a receiver that keeps what it is sent, and fails on order."""

import json
import threading
from collections import Counter
from pathlib import Path

from smile_trace.records import Span
from smile_trace.records.formats.otlp import spans_from_line
from smile_trace.ship.client import Client
from smile_trace.ship.settings import Ship
from smile_trace.ship.shipper import Shipper
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request


class Receiving(FakeHttpServer):
    """Takes OTLP/JSON: `spans` as they came, `traces` how often each came."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Span] = []
        self.traces: Counter[str] = Counter()

    def answer(self, request: Request) -> Answer:
        assert request.path == "/v1/traces"
        spans = spans_from_line(json.dumps(request.body).encode())
        self.spans += spans
        self.traces.update(span.trace_id for span in spans)
        return Answer(200, {})


def shipping(home: Path, url: str, **values: object) -> Shipper:
    """A shipper of that home, to run by hand."""
    settings = Ship(home=home, url=url, **values)  # type: ignore[arg-type]
    settings.spool.mkdir(parents=True, exist_ok=True)
    return Shipper(settings, Client(settings), threading.Event(), lambda: None)
