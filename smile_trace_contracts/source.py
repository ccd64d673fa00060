"""The contract suite of a source: a class of pytest tests.

    class TestMySource(SourceContract):
        places = ("shop", "bank")

        @pytest.fixture
        def server(self): ...

        def source(self, server, **options): ...

        def write(self, server, place, spans): ...

        def delete(self, server, trace_id): ...

The errors are injected into the fake server (or into a proxy in front of a real one), so that
requests take the way that they take in production.
"""

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import pytest

from smile_trace import semconv
from smile_trace.dialects import assemble
from smile_trace.records import Call, Span
from smile_trace.sources.protocol import Page, Source, SourceUnavailable
from smile_trace.trackers.fields import strict_json
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Fault
from smile_trace_contracts.samples import HOSTILE, chat_span

MS = 1_000_000
BEGAN_MS = 1_790_000_000_000
"""The beginning of the first trace of a test (September 2026), in Unix milliseconds."""
END_MS = BEGAN_MS + 3_600_000
MOST_PAGES = 200
"""More pages than a hundred traces may take, with empty ones between them."""

_GARBAGE: tuple[bytes, ...] = (
    *(b"", b"<html><form action=/login></form></html>", b"nothing", b"[]", b"5", b"null", b"{"),
    *(b'{"data": 5}', b'{"data": [5, null, {"id": []}], "meta": {"cursor": {}}}'),
    *(b'{"content": [[]], "total": "many"}', b'{"next_cursor": "again", "data": [{}]}'),
    *(b'{"traces": [{"trace_id": 5}]}', b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
)


class SourceContract:
    """The contract of every source. A subclass gives the server and says how a trace gets into it.
    `places` names two experiments, projects or whatever the source reads."""

    places: tuple[str, str]
    missing_place: ClassVar[str | None] = "nobody made it"
    """A place that the server lacks; None if the source cannot tell it from an empty place."""

    @pytest.fixture
    def server(self) -> FakeHttpServer:
        """A running server, without faults and without traces."""
        raise NotImplementedError("define the fixture `server`")

    def source(self, server: FakeHttpServer, **options: float) -> Source:
        """Make a source that reads both places; `options` are further ones of `[sources.NAME]`."""
        raise NotImplementedError("define `source`")

    def write(self, server: FakeHttpServer, place: str, spans: Sequence[Span]) -> str:
        """Put spans of one trace there as an application's instrumentation does, in
        OpenTelemetry's conventions or the backend's own; return the trace's id there."""
        raise NotImplementedError("define `write`")

    def delete(self, server: FakeHttpServer, trace_id: str) -> None:
        """Delete a trace, by its id there, as a person does."""
        raise NotImplementedError("define `delete`")

    def kept(self, text: str) -> str:
        """Return a text as the backend keeps it, if it changes some characters."""
        return text

    # -- what is read ------------------------------------------------------------------------

    def test_a_trace_is_read_as_it_was_written(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        spans = application_trace("What is the capital of France?", answer="It is Paris.")
        trace_id = self.write(server, self.places[0], spans)
        read = source.read(trace_id)
        assert len(read) == len(spans)
        call = one_call(read)
        assert [(m.role, m.content) for m in call.messages] == [
            ("system", "Answer in a few words."),
            ("user", "What is the capital of France?"),
        ]
        assert (call.answer, call.model) == ("It is Paris.", "sample-model")
        assert abs(call.start_ns - spans[1].start_ns) < MS
        assert abs(call.end_ns - spans[1].end_ns) < MS
        root = next(span for span in read if span.name == spans[0].name)
        assert next(s for s in read if s.span_id == call.span_id).parent_id == root.span_id

    def test_its_ids_there_stand_on_every_span(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        trace_id = self.write(server, self.places[0], application_trace())
        read = source.read(trace_id)
        [page] = self._pages(source)
        assert page.traces == (read,), "a page and a single trace hold the same spans"
        noted = one_call(read).external_trace
        assert noted[f"{source.name}.trace_id"] == trace_id
        ids = [span.attributes[f"{semconv.EXTERNAL_PREFIX}{source.name}.span_id"] for span in read]
        assert len(set(ids)) == len(read)
        assert len({span.trace_id for span in read}) == 1
        assert all(len(s.trace_id) == 32 and len(s.span_id) == 16 for s in read)
        assert all(int(s.trace_id, 16) and int(s.span_id, 16) for s in read)

    def test_what_it_reads_is_the_same_every_time(self, server: FakeHttpServer) -> None:
        self.write(server, self.places[0], application_trace())
        first, second = (self._pages(self.source(server)) for _ in range(2))
        assert first == second

    def test_hostile_text_arrives(self, server: FakeHttpServer) -> None:
        text = str(strict_json(HOSTILE))
        trace_id = self.write(server, self.places[0], application_trace(text, answer=text))
        call = one_call(self.source(server).read(trace_id))
        assert call.messages[-1].content == self.kept(text)
        assert call.answer == self.kept(text)

    def test_an_unknown_trace_is_none(self, server: FakeHttpServer) -> None:
        trace_id = self.write(server, self.places[0], application_trace())
        digits = trace_id[-1]
        unknown = trace_id[:-1] + ("1" if digits != "1" else "2")
        assert self.source(server).read(unknown) == ()

    @pytest.mark.parametrize("hostile", ["", "../../admin", "a b\n%00?x=1#y", "é" * 5000])
    def test_an_id_that_is_none_is_none(self, server: FakeHttpServer, hostile: str) -> None:
        source = self.source(server)
        self._gives_nothing(lambda: source.read(hostile))

    def test_a_deleted_trace_is_left_out(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        kept, deleted = (
            self.write(server, self.places[0], application_trace(at_ms=BEGAN_MS + number))
            for number in range(2)
        )
        self.delete(server, deleted)
        assert source.read(deleted) == ()
        assert self._ids(source) == [kept]

    def test_late_spans_are_seen(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        root, call = application_trace()
        trace_id = self.write(server, self.places[0], [root])
        assert len(source.read(trace_id)) == 1
        assert self.write(server, self.places[0], [call]) == trace_id
        assert len(source.read(trace_id)) == 2
        assert self._ids(source) == [trace_id]

    def test_our_own_spans_are_left_out(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        root, call = application_trace()
        trace_id = self.write(server, self.places[0], [root, call])
        before = source.read(trace_id)
        self.write(server, self.places[0], [_explanation_of(call)])
        assert source.read(trace_id) == before
        [page] = self._pages(source)
        assert page.traces == (before,)

    # -- pages -------------------------------------------------------------------------------

    def test_the_pages_hold_every_trace_once_in_order(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        times = [BEGAN_MS + number * 1000 for number in (4, 1, 6, 0, 3, 5, 2)]
        written = {
            at: self.write(server, self.places[0], application_trace(at_ms=at)) for at in times
        }
        pages = self._pages(source, limit=3)
        assert len(pages) >= 2
        ids = [ids_of(page, source) for page in pages]
        assert [sorted(some) for some in ids if some] == [
            sorted(written[at] for at in times if low <= at < page.until_ms)
            for low, page in zip(
                [BEGAN_MS, *(page.until_ms for page in pages)], pages, strict=False
            )
            if any(low <= at < page.until_ms for at in times)
        ], "a page holds what began before its end and after the one before, and all of it"
        assert sorted(one for some in ids for one in some) == sorted(written.values())

    def test_one_millisecond_is_never_divided(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        times = [BEGAN_MS + 10, *[BEGAN_MS + 20] * 7, BEGAN_MS + 30]
        written = [
            self.write(server, self.places[0], application_trace(at_ms=at, offset_ns=n * 100_000))
            for n, at in enumerate(times)
        ]
        pages = [ids_of(page, source) for page in self._pages(source, limit=2)]
        [together] = [some for some in pages if written[1] in some]
        assert set(written[1:8]) <= set(together)
        assert sorted(one for some in pages for one in some) == sorted(written)

    def test_a_stretch_begins_with_its_first_and_ends_before_its_last_millisecond(
        self, server: FakeHttpServer
    ) -> None:
        source = self.source(server)
        since, until = BEGAN_MS + 5000, BEGAN_MS + 9000
        before, first, last, behind = (
            self.write(server, self.places[0], application_trace(at_ms=at))
            for at in (since - 1, since, until - 1, until)
        )
        assert sorted(self._ids(source, since, until)) == sorted([first, last])
        assert self._ids(source, since - 1, since) == [before]
        assert self._ids(source, until, until + 1) == [behind]

    def test_an_empty_place_has_no_traces(self, server: FakeHttpServer) -> None:
        self.write(server, self.places[1], application_trace())
        assert self._pages(self.source(server), since_ms=0) == []

    def test_places_are_apart(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        assert tuple(source.places) == self.places
        here, there = (self.write(server, place, application_trace()) for place in self.places)
        assert self._ids(source) == [here]
        assert self._ids(source, place=self.places[1]) == [there]

    def test_a_missing_place_is_named(self, server: FakeHttpServer) -> None:
        if self.missing_place is None:
            pytest.skip("it cannot be told from an empty one")
        with pytest.raises(SourceUnavailable, match=self.missing_place):
            self.source(server).page(self.missing_place, BEGAN_MS, END_MS, 10)

    # -- a server that gives nothing ---------------------------------------------------------

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 504])
    def test_a_status_is_a_sentence_and_it_goes_on(
        self, server: FakeHttpServer, status: int
    ) -> None:
        source = self.source(server)
        trace_id = self.write(server, self.places[0], application_trace())
        answer = Answer(status, {"message": "not now"}, {"Retry-After": "2"})
        server.faults = [Fault("answer", answer, times=None)]
        with pytest.raises(SourceUnavailable) as raised:
            source.page(self.places[0], BEGAN_MS, END_MS, 10)
        assert 10 < len(str(raised.value)) < 600
        if status != 404:  # which may say that there is no such trace
            with pytest.raises(SourceUnavailable):
                source.read(trace_id)
        server.faults = []
        assert self._ids(source) == [trace_id]

    @pytest.mark.parametrize("status", [403, 500, 503])
    def test_an_error_in_the_middle_leaves_no_half_of_a_page(
        self, server: FakeHttpServer, status: int
    ) -> None:
        source = self.source(server)
        trace_id = self.write(server, self.places[0], application_trace())
        self._ids(source)  # connected
        for requests in range(MOST_PAGES):
            server.faults = [Fault("answer", Answer(status), after=requests, times=None)]
            try:
                whole = source.page(self.places[0], BEGAN_MS, END_MS, 10)
            except SourceUnavailable:
                continue
            finally:
                server.faults = []
            assert requests > 0
            assert ids_of(whole, source) == [trace_id]
            return
        raise AssertionError(f"a page takes more than {MOST_PAGES} requests")

    def test_a_lost_connection_is_a_sentence(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        server.faults = [Fault("close", times=None)]
        with pytest.raises(SourceUnavailable):
            source.page(self.places[0], BEGAN_MS, END_MS, 10)

    @pytest.mark.parametrize("garbage", _GARBAGE, ids=lambda text: text[:20].decode())
    def test_garbage_is_a_sentence_or_nothing(self, server: FakeHttpServer, garbage: bytes) -> None:
        source = self.source(server)
        server.faults = [Fault("answer", Answer(200, garbage), times=None)]
        self._gives_nothing(lambda: source.page(self.places[0], BEGAN_MS, END_MS, 10).traces)
        for trace_id in ("tr-" + 32 * "a", 32 * "a"):
            self._gives_nothing(partial(source.read, trace_id))

    def test_a_huge_reply_is_not_read(self, server: FakeHttpServer) -> None:
        source = self.source(server, max_reply_mb=0.5)
        huge = Answer(200, b'{"data": "' + b"a" * 600_000 + b'"}')
        server.faults = [Fault("answer", huge, times=None)]
        with pytest.raises(SourceUnavailable, match="max_reply_mb"):
            source.page(self.places[0], BEGAN_MS, END_MS, 10)

    def test_a_server_that_is_silent_is_given_up(self, server: FakeHttpServer) -> None:
        source = self.source(server, timeout_seconds=0.2)
        server.faults = [Fault("hang", times=None)]
        with pytest.raises(SourceUnavailable):
            source.page(self.places[0], BEGAN_MS, END_MS, 10)

    # -- settings ----------------------------------------------------------------------------

    def test_an_unknown_option_is_named(self, server: FakeHttpServer) -> None:
        with pytest.raises(ValueError, match="no_such_option"):
            type(self.source(server)).from_settings({"no_such_option": 1}, {})

    def test_an_id_is_known_by_its_form(self, server: FakeHttpServer) -> None:
        source = self.source(server)
        trace_id = self.write(server, self.places[0], application_trace())
        assert source.owns(trace_id) or source.may_hold(trace_id)
        for other in ("", "tr", "x" * 32, trace_id[1:], "../" + trace_id):
            assert not source.owns(other)
            assert not source.may_hold(other)
        assert not source.owns("a" * 32), "that is what the ids of the store look like"

    # -- helpers -----------------------------------------------------------------------------

    def _gives_nothing(self, read: Callable[[], Sequence[object]]) -> None:
        """Assert that nothing is returned, or that the error says why."""
        try:
            found = read()
        except SourceUnavailable as error:
            said = str(error)
        else:
            assert not found
            return
        assert said.strip()

    def _pages(
        self,
        source: Source,
        since_ms: int = BEGAN_MS,
        until_ms: int = END_MS,
        *,
        limit: int = 100,
        place: str | None = None,
    ) -> list[Page]:
        """Return all pages of a stretch that are not empty, as the worker reads them."""
        pages: list[Page] = []
        for _ in range(MOST_PAGES):
            page = source.page(place or self.places[0], since_ms, until_ms, limit)
            assert since_ms < page.until_ms <= until_ms, "a page ends behind its beginning"
            if page.traces:
                pages.append(page)
            since_ms = page.until_ms
            if since_ms == until_ms:
                return pages
        raise AssertionError(f"more than {MOST_PAGES} pages")

    def _ids(
        self,
        source: Source,
        since_ms: int = BEGAN_MS,
        until_ms: int = END_MS,
        *,
        place: str | None = None,
    ) -> list[str]:
        pages = self._pages(source, since_ms, until_ms, place=place)
        return [one for page in pages for one in ids_of(page, source)]


def ids_of(page: Page, source: Source) -> list[str]:
    """Return the backend's ids of a page's traces."""
    name = f"{semconv.EXTERNAL_PREFIX}{source.name}.trace_id"
    return [str(spans[0].attributes[name]) for spans in page.traces]


def one_call(spans: Sequence[Span]) -> Call:
    """Return the only call of a trace that was read."""
    [call] = assemble(spans[0].trace_id, spans).calls
    return call


def application_trace(
    prompt: str = "Where are we?",
    *,
    answer: str = "In Paris.",
    at_ms: int = BEGAN_MS,
    offset_ns: int = 0,
) -> tuple[Span, Span]:
    """Make an application's trace: a span around a chat call, by OpenTelemetry's conventions."""
    start = at_ms * MS + offset_ns
    root = Span(
        trace_id=uuid.uuid4().hex,
        span_id=uuid.uuid4().hex[:16],
        name="answer",
        start_ns=start,
        end_ns=start + 900 * MS,
        resource={"service.name": "shop"},
    )
    asked = {"system": "Answer in a few words.", "user": prompt}
    call = chat_span(root, start + 100 * MS, start + 800 * MS, answer, {}, **asked)
    return root, call


def _explanation_of(call: Span) -> Span:
    """Make a late span as our trackers put it into a trace."""
    update = {
        "span_id": uuid.uuid4().hex[:16],
        "parent_id": call.span_id,
        "name": "Why this answer?",
        "start_ns": call.start_ns + MS,
        "end_ns": call.end_ns - MS,
        "attributes": {semconv.KIND: "explanation", "output.value": "It depends on 'France'."},
    }
    return call.model_copy(update=update)
