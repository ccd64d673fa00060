"""What the servers of Opik, Phoenix, Langfuse and OTLP reply to what is delivered there.

An input is a reply as HTTP writes it (see `http_replies`), which every request gets.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from smile_trace.records import ForgottenCall, ForgottenTrace, Trace
from smile_trace.trackers import ComparedPrompt, ExplainedCall, ExplainedPath, TrackerUnavailable
from smile_trace.trackers.dashboard import own_place
from smile_trace.trackers.http import HttpOptions, RequestRejected
from smile_trace.trackers.otlp import post_spans
from smile_trace.trackers.presentation import Presentation, present
from smile_trace_contracts.samples import (
    sample_comparison,
    sample_explanation,
    sample_review,
    sample_trace,
)
from smile_trace_langfuse.reviews import LangfuseQueues
from smile_trace_langfuse.server import OTLP, LangfuseServer
from smile_trace_langfuse.tracker import LangfuseTracker
from smile_trace_opik.server import OpikServer
from smile_trace_otlp.tracker import OtlpOptions, OtlpTracker, endpoint_of
from smile_trace_phoenix.comparisons import deliver_comparison
from smile_trace_phoenix.reviews import PhoenixQueues
from smile_trace_phoenix.server import PhoenixServer
from smile_trace_phoenix.tracker import EXTERNAL_TRACE, PhoenixTracker
from tests.support.readers.base import ForeignReader
from tests.support.readers.http_replies import HTTP_REPLIES, parse_reply
from tests.support.readers.one_reply import COUNT, OneReply
from tests.support.sample_paths import sample_path

ADDRESS = "http://127.0.0.1:9"
TRACE_ID = "1" * 32


class _Servers(NamedTuple):
    opik: OpikServer
    phoenix: PhoenixServer
    langfuse: LangfuseServer
    otlp: OtlpTracker
    networks: tuple[OneReply, ...]


@cache
def _servers() -> _Servers:
    bounds = HttpOptions(timeout_seconds=1.0)
    opik = OpikServer(f"{ADDRESS}/api", "default", {}, bounds)
    phoenix = PhoenixServer(ADDRESS, {}, bounds)
    phoenix.settled = lambda ask: ask()  # type: ignore[method-assign]  # without its pauses
    langfuse = LangfuseServer(ADDRESS, ("public", "secret"), bounds)
    options = OtlpOptions(endpoint=ADDRESS)
    otlp = OtlpTracker(endpoint_of(options, {}), options)
    clients = (opik._http, phoenix.http, langfuse.http, otlp._http)
    return _Servers(opik, phoenix, langfuse, otlp, tuple(map(OneReply, clients)))


@cache
def _trace() -> Trace:
    return sample_trace(external_trace={EXTERNAL_TRACE: TRACE_ID})


def _read(data: bytes) -> None:
    reply, servers = parse_reply(data), _servers()
    for network in servers.networks:
        network.reply = reply
    servers.opik._project_ids.clear()
    for ask in (
        *_of_opik(servers),
        *_of_langfuse(servers),
        *_of_phoenix(servers),
        servers.otlp.check,
    ):
        try:
            ask()
        except (RequestRejected, TrackerUnavailable) as error:
            said, after = str(error), getattr(error, "retry_after", None)
            assert after is None or after >= 0
            assert len(said) < 1000
            assert said.isprintable()


def _of_opik(servers: _Servers) -> Iterator[Callable[[], object]]:
    opik = servers.opik
    yield lambda: opik.has_trace("0" * 32)
    yield lambda: opik.writing_traces([{}])()
    yield lambda: opik.attach("p", "span", "i", {"a.json": ("application/json", b"{}")})
    yield lambda: opik.delete_trace("p", "t", ["s"])


def _of_langfuse(servers: _Servers) -> Iterator[Callable[[], object]]:
    langfuse, queues = servers.langfuse, LangfuseQueues(servers.langfuse)
    tracker, shown = LangfuseTracker(langfuse), _shown()
    yield langfuse.check
    yield lambda: langfuse.has_trace(TRACE_ID)
    yield lambda: post_spans(langfuse.http, OTLP, _trace().spans)
    yield lambda: tracker.put_scores(own_place(shown), shown)
    yield lambda: langfuse.delete(f"traces/{TRACE_ID}")
    yield lambda: queues.send("q", [sample_review(TRACE_ID)])
    yield lambda: queues.read("q")
    yield lambda: queues.forgetting()(TRACE_ID)
    yield lambda: langfuse.attach(TRACE_ID, "1" * 16, b"<svg/>", "image/svg+xml")


def _of_phoenix(servers: _Servers) -> Iterator[Callable[[], object]]:
    phoenix, trace = servers.phoenix, _trace()
    queues, tracker = PhoenixQueues(phoenix, "p"), PhoenixTracker(phoenix, "p")
    yield phoenix.check
    yield lambda: phoenix.replace_span(trace.spans[0])
    yield lambda: phoenix.annotate("span", [{}])
    yield lambda: tracker.find_place(_shown())
    yield lambda: tracker.find_place(_shown_path())
    yield lambda: deliver_comparison(phoenix, _compared())
    yield lambda: tracker.forget_trace(_forgotten())
    yield lambda: tracker.read_marks([TRACE_ID])
    yield lambda: queues.send("q", [sample_review(TRACE_ID)])
    yield lambda: queues.read("q")
    yield lambda: queues.forgetting()(TRACE_ID)


@cache
def _shown() -> Presentation:
    [call] = _trace().calls
    found = sample_explanation(call)
    return present(ExplainedCall(trace=_trace(), call=call, explanation=found, traced_as=TRACE_ID))


@cache
def _shown_path() -> Presentation:
    return present(ExplainedPath(trace=_trace(), path=sample_path(), traced_as=TRACE_ID))


@cache
def _compared() -> ComparedPrompt:
    return ComparedPrompt(comparison=sample_comparison("p"))


@cache
def _forgotten() -> ForgottenTrace:
    [call] = _trace().calls
    noted = ForgottenCall(
        id=call.id, start_ns=1, external_trace=call.external_trace, prompts=(("p", "1"),)
    )
    return ForgottenTrace(
        trace_id=_trace().trace_id, start_ns=1, traced_as=TRACE_ID, calls=(noted,)
    )


def _seeds() -> list[bytes]:
    json, protobuf = b"content-type: application/json", b"content-type: application/x-protobuf"
    node = (
        b'{"node":{"spanId":"%s","name":"ask","parentId":null,"spanKind":"llm",'
        b'"startTime":"2026-11-25T00:00:00+00:00","endTime":null}}' % (b"1" * 16)
    )
    page = b'"pageInfo":{"hasNextPage":%s,"endCursor":"%s"}'
    spans = b'{"data":{"found":{"id":"U3","spans":{' + page + b',"edges":[' + node + b"]}}}"
    bodies = [
        b'{"id":"x","content":[{"file_name":"a.json"}]}',
        b'{"id":"x","pre_sign_urls":["http://h/x"],"upload_id":"BEMinIO"}',
        b'{"id":"x","pre_sign_urls":["http://127.0.0.1:9/x"],"upload_id":"u"}',
        b'{"data":[]}',
        b'{"id":"q","data":[{"id":"q","name":"q","objectId":"o","objectType":"TRACE","traceId":"t",'
        b'"metadata":{"smile_variant":"id v"},"subject":{"id":"t"},"updatedAt":"2026","value":"no",'
        b'"annotation":{"authorUserId":null}}],"meta":{"totalPages":1}}',
        b'{"data":[{"id":"i","name":"p review: q","context":{"trace_id":"t","span_id":"s"},'
        b'"attributes":{"smile.variant":"v"},"annotator_kind":"HUMAN","span_id":"s","user_id":null,'
        b'"result":{"label":"yes"},"updated_at":"2026"}],"next_cursor":null}',
        b'{"mediaId":"m","uploadUrl":"http://127.0.0.1:9/s?X=1"}',
        b'{"data":{"found":null}}',
        spans % (b"false", b""),
        spans % (b"true", COUNT),
        b'{"errors":[{"message":"no"}]}',
        b'{"data":{"dataset_id":"d","id":"e","examples":[{"id":"x","node_id":"n"}]}}',
        b'{"data":[{"id":"e","name":"p: prompt versions","metadata":{"made_by":"smile-trace"}}]}',
        b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}',
    ]
    taken = [b"200\n" + protobuf + b"\n\n", b"200\n" + protobuf + b"\n\n\x0a\x06\x08\x01\x12\x02no"]
    redirect = b"307\nLocation: /elsewhere\n\n"
    replies = [b"200\n" + json + b"\n\n" + body for body in bodies]
    return [*replies, *taken, redirect, *HTTP_REPLIES.seeds()]


TRACKER_REPLIES = ForeignReader("tracker replies", _read, _seeds)
