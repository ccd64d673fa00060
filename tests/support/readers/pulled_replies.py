"""Traces that are read over the API of a backend, where others write: the replies of Phoenix,
Langfuse and Opik.

An input is the JSON that every request gets. What a list, a trace and a span hold stands in one
object there: they have no name in common that means two things.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import httpx

from smile_trace.dialects import assemble
from smile_trace.records import Call, Span
from smile_trace.records.formats.otlp import read_line
from smile_trace.sources.protocol import Source, SourceUnavailable
from smile_trace.trackers.fields import timestamp
from smile_trace_langfuse.source import LangfuseSource, LangfuseSourceOptions
from smile_trace_opik.server import OpikServer
from smile_trace_opik.source import OpikSource, OpikSourceOptions
from smile_trace_phoenix.source import PhoenixSource, PhoenixSourceOptions
from tests.support.fake_langfuse import observation_of
from tests.support.otlp_requests import recorded_requests
from tests.support.paths import DATA
from tests.support.readers.base import ForeignReader
from tests.support.readers.one_reply import COUNT, OneReply
from tests.support.readers.pulled_traces import END, calls_of

ADDRESS = "http://127.0.0.1:9"
PLACE = "shop"
TRACE_ID, UUID = "1" * 32, "01900000-0000-7000-8000-000000000000"

Answered = tuple[Source, OneReply, str]
"""A source, what answers it, and the id of the trace that is asked for."""


@cache
def _phoenix() -> Answered:
    source = PhoenixSource(ADDRESS, {}, PhoenixSourceOptions(projects=(PLACE,)))
    return source, OneReply(source._server.http), TRACE_ID


@cache
def _langfuse() -> Answered:
    options = LangfuseSourceOptions(environments=(PLACE,))
    source = LangfuseSource(ADDRESS, ("public", "secret"), options)
    return source, OneReply(source._server.http), TRACE_ID


@cache
def _opik() -> Answered:
    options = OpikSourceOptions(projects=(PLACE,))
    server = OpikServer(f"{ADDRESS}/api", "default", {}, options)
    source = OpikSource(server, options)
    return source, OneReply(server._http), UUID


def _reader(
    name: str, answered: Callable[[], Answered], seeds: Callable[[], Iterator[Any]]
) -> ForeignReader:
    def read(data: bytes) -> list[Call]:
        """The calls of a trace that is read of the reply, and of a page of traces."""
        source, network, trace_id = answered()
        network.reply = (200, httpx.Headers({"Content-Type": "application/json"}), data)
        calls: list[Call] = []
        with contextlib.suppress(SourceUnavailable):
            calls += calls_of(source.read(trace_id))
        with contextlib.suppress(SourceUnavailable):
            page = source.page(PLACE, 0, END, 10)
            assert page.until_ms <= END
            calls += [call for spans in page.traces for call in calls_of(spans)]
        return calls

    return ForeignReader(name, read, lambda: [json.dumps(one).encode() for one in seeds()])


def _spans(step: int = 5) -> Iterator[Span]:
    """The spans of every `step`-th recorded request, in one trace."""
    for line in recorded_requests()[::step]:
        for span in read_line(line)[0]:
            yield span.model_copy(update={"trace_id": TRACE_ID})


def _phoenix_replies() -> Iterator[Any]:
    for span in _spans():
        at = {"start_time": timestamp(span.start_ns), "end_time": timestamp(span.end_ns)}
        held = {
            "id": "UHJvamVjdDox",
            "name": PLACE,
            "trace_id": TRACE_ID,
            **at,
            "context": {"trace_id": TRACE_ID, "span_id": span.span_id},
            "parent_id": span.parent_id,
            "span_kind": "LLM",
            "status_code": "OK",
            "status_message": "",
            "attributes": span.attributes,
            "events": [{"name": "e", "timestamp": at["end_time"], "attributes": {"a": 1}}],
        }
        yield {"data": [held], "next_cursor": None}
    yield {"data": [held], "next_cursor": COUNT.decode()}


def _langfuse_replies() -> Iterator[Any]:
    for span in (one for one in _spans(1) if one.scope.startswith("langfuse-sdk")):
        held = observation_of(span, PLACE)
        yield {"data": [held], "meta": {}}
    yield {"data": [held], "meta": {"cursor": COUNT.decode()}}


def _opik_replies() -> Iterator[Any]:
    about = {"id": UUID, "project_id": "p", "name": PLACE, "thread_id": "thread"}
    for sent in json.loads((DATA / "comet_wire" / "opik_track.json").read_text()):
        items = [one for k in ("traces", "spans") for one in (sent.get("body") or {}).get(k, ())]
        held = [{"trace_id": UUID, **item, "project_id": "p"} for item in items]
        yield {**about, "content": held, "total": len(held)}
    for span in _spans():
        for call in assemble(TRACE_ID, [span]).calls:
            messages = [{"role": m.role, "content": m.content} for m in call.messages]
            item = {
                "id": UUID,
                "trace_id": UUID,
                "project_id": "p",
                "type": "llm",
                "start_time": timestamp(span.start_ns),
                "end_time": timestamp(span.end_ns),
                "input": {"messages": messages},
                "output": {"choices": [{"message": {"role": "assistant", "content": call.answer}}]},
                "metadata": dict(call.parameters),
                "model": call.model,
                "usage": {"prompt_tokens": 3, "completion_tokens": 4},
            }
            yield {**about, "content": [item], "total": 1}
    yield {**about, "content": [item], "total": 10**9}


PHOENIX_TRACES = _reader("Phoenix's traces", _phoenix, _phoenix_replies)
LANGFUSE_TRACES = _reader("Langfuse's traces", _langfuse, _langfuse_replies)
OPIK_TRACES = _reader("Opik's traces", _opik, _opik_replies)
