"""`python -m tests.support.fake_server langfuse`: a fake server in its own process, with a page.

For whoever wants to see without an account what is sent. `--run COMMAND` runs a command that is led
to it, and ends with it; where the environment names the reader's own, the command is led there.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from smile_trace.demo.trackers import SERVICES
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request
from tests.support.fake_comet import FakeComet
from tests.support.fake_langfuse_writes import FakeLangfuseWrites
from tests.support.fake_opik import FakeOpik
from tests.support.fake_otlp import FakeOtlp, attributes
from tests.support.fake_pages import Shown, explanations_page

_MEDIA = re.compile(r"@@@langfuseMedia:type=image/svg\+xml\|id=([^|]+)\|source=bytes@@@\s*")


class _Langfuse(FakeLangfuseWrites):
    def answer(self, request: Request) -> Answer:
        if _is_page(request, "/", "/trace/"):
            return _page("Langfuse", self, request, list(self._shown()))
        return super().answer(request)

    def _shown(self) -> Iterator[Shown]:
        for span in self.spans.values():
            if span.attributes.get("smile_trace.kind") != "explanation":
                continue
            said = {
                score["name"]: str(score["value"])
                for score in self.scores.values()
                if score.get("observationId") == span.parent_id
            }
            text = str(span.attributes["langfuse.observation.output"])
            named = _MEDIA.search(text)
            parent = self.spans.get(str(span.parent_id))
            yield Shown(
                span.trace_id,
                parent.name if parent else span.name,
                said,
                _MEDIA.sub("", text),
                self.media.get(named[1], b"") if named else b"",
            )


class _Opik(FakeOpik):
    def answer(self, request: Request) -> Answer:
        if _is_page(request, "/", "/api/v1/session/redirect/"):
            return _page("Opik", self, request, list(self._shown()))
        return super().answer(request)

    def _shown(self) -> Iterator[Shown]:
        for span_id, files in self.attachments.items():
            pictures = [content for name, _, content in files if name == "heatmap.svg"]
            if not pictures:
                continue
            span = self.spans[span_id]
            parent = span["parent_span_id"]
            said = {
                name: str(score.get("category_name") or score["value"])
                for (entity, scored, name), score in self.scores.items()
                if (entity, scored) == ("span", parent)
            }
            name = self.spans[parent]["name"] if parent in self.spans else span["name"]
            yield Shown(span["trace_id"], name, said, picture=pictures[-1])


class _Otlp(FakeOtlp):
    def answer(self, request: Request) -> Answer:
        if _is_page(request, "/"):
            return _page("OTLP", self, request, list(self._shown()))
        return super().answer(request)

    def _shown(self) -> Iterator[Shown]:
        names = {span.span_id: span.name for span in self.spans}
        for span in self.explanations:
            about = attributes(span)
            said = {name: str(about.get(name, "")) for name in ("smile.driver", "smile.verdict")}
            title = names.get(span.parent_span_id, span.name)
            yield Shown(span.trace_id.hex(), title, said, str(about.get("smile.heatmap", "")))


FAKES: dict[str, Any] = {"comet": FakeComet, "langfuse": _Langfuse, "opik": _Opik, "otlp": _Otlp}
LED_BY: dict[str, dict[str, str]] = {
    "comet": {"COMET_API_KEY": "fake-key", "COMET_URL_OVERRIDE": "{url}/clientlib/"},
    "langfuse": {
        "LANGFUSE_PUBLIC_KEY": "pk-lf-test",
        "LANGFUSE_SECRET_KEY": "sk-lf-test",
        "LANGFUSE_BASE_URL": "{url}",
    },
    "opik": {"OPIK_URL_OVERRIDE": "{url}/api"},
    "otlp": {"OTEL_EXPORTER_OTLP_ENDPOINT": "{url}"},
}
"""The variables that lead to each; `{url}` is its address."""


def main() -> None:
    """Serve on a loopback port until SIGINT or SIGTERM; the first line printed is the address."""
    parser = argparse.ArgumentParser(description="A fake server of a tracker, in memory.")
    parser.add_argument("tracker", choices=sorted(FAKES))
    parser.add_argument("--port", type=int, default=0, help="by default any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--run", nargs=argparse.REMAINDER, help="a command that is led to it")
    given = parser.parse_args()
    if given.run:
        sys.exit(_run(given.tracker, given.run))
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before there are threads, so for all
    server: FakeHttpServer = FAKES[given.tracker](port=given.port)
    server.latency = given.latency
    with server:
        print(server.url, flush=True)
        signal.sigwait(ends)
    sys.exit(0)


def _run(tracker: str, command: list[str]) -> int:
    if SERVICES[tracker].named is not None:
        return subprocess.call(command)
    with FAKES[tracker](port=0) as server:
        print(f"The fake server's pages: {server.url}", flush=True)
        led = {name: value.format(url=server.url) for name, value in LED_BY[tracker].items()}
        process = subprocess.Popen(command, env={**os.environ, **led})
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the command got it, too, and ends in its own time
                continue


def _is_page(request: Request, *paths: str) -> bool:
    """Whether a person asks: for the list, or by the link of a trace."""
    root, *others = paths
    path = request.path
    return request.method == "GET" and (path == root or path.startswith(tuple(others)))


def _page(service: str, server: FakeHttpServer, request: Request, shown: list[Shown]) -> Answer:
    asked = [one for one in shown if one.trace_id in request.target]
    body = explanations_page(service, server.url, asked or shown)
    return Answer(body=body, content_type="text/html; charset=utf-8")


if __name__ == "__main__":
    main()
