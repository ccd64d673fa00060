"""What a record may cause, by where it comes from: the table of docs/security.md, row by row."""

import json
from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest

from smile_trace import semconv
from smile_trace.errors import ReasonCode
from smile_trace.explaining.inputs import _read_from
from smile_trace.records import JSON, Call, Span
from smile_trace.settings import Settings
from smile_trace.sources.protocol import Page, Source
from smile_trace.sources.receiver import json_requests, protobuf
from smile_trace.spool import RECEIVED_SUFFIX
from smile_trace.store import Store
from smile_trace.store.queries.exchange import export_lines, import_lines
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.pull import Pull
from smile_trace.worker.sample import sample
from tests.support.otlp_json import spans_to_otlp
from tests.support.otlp_requests import to_protobuf
from tests.support.spooled import START, call_span, line, trace_id, write_spool
from tests.support.store_rows import capture, explain

Configure = Callable[..., Settings]
FUNCTION: dict[str, JSON] = {
    semconv.RERUN: "app:ask",
    semconv.RERUN_ARGUMENTS: '{"prompt": "prompt", "arguments": {"attach": "/etc/hostname"}}',
    "captured": True,
    "smile_trace.captured": True,
}
"""What a sender writes who wants a function to be called, with all that might make it believed."""


def spooled(store: Store, settings: Settings, span: Span) -> None:
    write_spool(settings.spool, [span])
    Ingest(store, settings).run()


def received(form: str) -> Callable[[Store, Settings, Span], None]:
    def arrive(store: Store, settings: Settings, span: Span) -> None:
        document = spans_to_otlp([span])
        document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["captured"] = True
        if form == "protobuf":
            taken = protobuf.read_traces(to_protobuf(spans_to_otlp([span])))
        else:
            taken = json_requests.read_traces(json.dumps(document).encode())
        assert taken.rejected == 0
        path = write_spool(settings.spool, [], f"process-1{RECEIVED_SUFFIX}")
        path.write_bytes(taken.text)
        Ingest(store, settings).run()

    return arrive


def in_a_file(store: Store, settings: Settings, span: Span) -> None:
    path = settings.home / "collector.jsonl"
    path.write_bytes(line(span))
    files = settings.sources.model_copy(
        update={"files": settings.sources.files.model_copy(update={"paths": (str(path),)})}
    )
    Ingest(store, settings.model_copy(update={"sources": files})).run()


class Backend(Source):
    """A source that holds one span, which somebody made to look as capture's own do; a call without
    its kind, for which its trace would be left out."""

    name: ClassVar[str] = "backend"

    def __init__(self, span: Span) -> None:
        attributes = dict(span.attributes)
        if attributes[semconv.KIND] == "call":
            del attributes[semconv.KIND]
        self._span = span.model_copy(update={"attributes": attributes})

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]) -> None:
        return None

    @property
    def places(self) -> tuple[str, ...]:
        return ("shop",)

    def read(self, trace_id: str) -> tuple[Span, ...]:
        return (self._span,)

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        return Page(traces=((self._span,),), until_ms=until_ms)


def pulled(store: Store, settings: Settings, span: Span) -> None:
    clock = START / 10**9 + 10
    Pull(Backend(span), store, settings, lambda: clock, pause=lambda _: None).run()
    Ingest(store, settings, lambda: clock + 10**6).run()


Arrive = Callable[[Store, Settings, Span], None]
EACH_WAY = pytest.mark.parametrize(
    "arrive",
    [
        pytest.param(spooled, id="own spool"),
        pytest.param(received("json"), id="receiver, JSON"),
        pytest.param(received("protobuf"), id="receiver, protobuf"),
        pytest.param(in_a_file, id="file"),
        pytest.param(pulled, id="pulled"),
    ],
)


@EACH_WAY
def test_what_a_record_may_cause(arrive: Arrive, store: Store, configure: Configure) -> None:
    """All are shown and explained by a model of the settings; one alone may name a function."""
    names_a_function = arrive is spooled
    settings = configure(models={"again": {"kind": "rerun"}})
    arrive(store, settings, call_span(1, model="planted", **FUNCTION))
    arrive(store, settings, call_span(2, model="again", **FUNCTION))
    sample(store, settings)
    found = [call_of(store, number) for number in (1, 2)]
    assert [call.answer for call in found] == ["something nice"] * 2
    expected = "app:ask" if names_a_function else None
    assert [call.rerun for call in found] == [expected] * 2
    assert all((call.rerun_arguments is not None) == names_a_function for call in found)
    assert jobs_of(store) == [
        ("pending", None),
        ("pending", None) if names_a_function else ("skipped", ReasonCode.NOT_REPEATABLE),
    ]


@EACH_WAY
def test_secrets_are_looked_for_in_all_but_what_capture_wrote(
    arrive: Arrive, store: Store, settings: Settings
) -> None:
    key = "sk-" + "a1B2" * 8
    arrive(store, settings, call_span(1, answer=f"It is {key}."))
    answer = call_of(store, 1).answer or ""
    assert (key in answer) == (arrive is spooled)
    assert answer.startswith("It is ")


@EACH_WAY
def test_what_a_record_says_of_its_call(arrive: Arrive, store: Store, settings: Settings) -> None:
    said: dict[str, JSON] = {
        semconv.PROMPT_ASSUMED: True,
        semconv.TRUNCATED: True,
        semconv.STATUS: "raised",
        semconv.INCLUSION_PROBABILITY: 1e-30,
        f"{semconv.EXTERNAL_PREFIX}mlflow.trace_id": "tr-1",
    }
    arrive(store, settings, call_span(1, **said))
    call = call_of(store, 1)
    assert (call.prompt_assumed, call.truncated, call.status) == (True, True, "raised")
    assert call.inclusion_probability == 1e-6
    assert call.external_trace["mlflow.trace_id"] == "tr-1"


@EACH_WAY
def test_feedback_is_taken_of_all_but_a_backend(
    arrive: Arrive, store: Store, settings: Settings
) -> None:
    write_spool(settings.spool, [call_span(1)], "process-0.jsonl")
    about: dict[str, JSON] = {
        semconv.KIND: "feedback",
        semconv.FEEDBACK_TRACE: trace_id(1),
        semconv.FEEDBACK_SCORE: 0.5,
    }
    arrive(store, settings, call_span(2, **about))
    [trace] = store.traces.get([trace_id(1)])
    assert [one.score for one in trace.feedback] == ([] if arrive is pulled else [0.5])
    assert store.traces.find_calls(trace_id(2)) == []


@EACH_WAY
@pytest.mark.parametrize("kind", ["explanation", semconv.WORK])
def test_our_own_work_is_left_out(
    kind: str, arrive: Arrive, store: Store, settings: Settings
) -> None:
    work: dict[str, JSON] = {semconv.KIND: kind}
    arrive(store, settings, call_span(1, **work))
    assert store.traces.find_calls("") == []


def test_a_trace_that_is_read_for_a_person_names_no_function() -> None:
    trace = _read_from(Backend(call_span(1, **FUNCTION)), "1")
    assert trace is not None
    assert [call.rerun for call in trace.calls] == [None]


def test_an_import_names_no_function(store: Store, settings: Settings) -> None:
    with Store.open(Settings(home=settings.home / "other")) as other:
        capture(other, 1)
        explain(other, 1)
        [text] = export_lines(other.database)
    document = json.loads(text)
    document["call"] |= {"rerun": "app:ask", "rerun_arguments": {"prompt": "prompt"}}
    assert import_lines(store.database, [json.dumps(document).encode()]).new == 1
    [call] = [store.traces.call(one) for one in store.traces.find_calls("")]
    assert call is not None
    assert (call.rerun, call.rerun_arguments) == (None, None)


def call_of(store: Store, number: int) -> Call:
    [call_id] = store.traces.find_calls(f"{number:032x}")
    call = store.traces.call(call_id)
    assert call is not None
    return call


def jobs_of(store: Store) -> list[tuple[str, str | None]]:
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT state, reason_code FROM jobs ORDER BY call_id")
        return [(row[0], row[1]) for row in rows]
