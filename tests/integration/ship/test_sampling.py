"""Head sampling: what is shipped at a rate, and with what probability it reaches the sampler."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ship.pooled import CASES, explained, run
from smile_trace import semconv
from smile_trace._stats.trace_fraction import trace_fraction
from smile_trace.records import Span
from smile_trace.settings import Settings
from smile_trace.ship import shipper
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.sample import sample
from tests.support.shipping import Receiving, shipping
from tests.support.spooled import call_span, context_span, span_id, trace_id, write_spool
from tests.support.worker_settings import settings_tables

RATE, MINIMUM = 0.2, 3
EQUAL, _, RARER, FIRSTS = CASES


def ship(home: Path, **values: object) -> list[Span]:
    with Receiving() as server:
        values = {"rate": RATE, "minimum_per_prompt_version": MINIMUM} | values
        shipping(home, server.url, **values).send_all()
        return server.spans


def drawn(*numbers: int, rate: float = RATE) -> list[int]:
    return [n for n in numbers if trace_fraction(trace_id(n)) < rate]


def undrawn(*numbers: int) -> list[int]:
    return [n for n in numbers if n not in drawn(n)]


def feedback(number: int) -> Span:
    said = {
        semconv.KIND: "feedback",
        semconv.FEEDBACK_TRACE: trace_id(number),
        semconv.FEEDBACK_SCORE: 1.0,
    }
    return context_span(5000 + number).model_copy(update={"attributes": said})


def probabilities(spans: Sequence[Span]) -> dict[str, object]:
    return {span.trace_id: span.attributes[semconv.INCLUSION_PROBABILITY] for span in spans}


def test_the_first_calls_and_a_share_of_all_traces_are_sent(tmp_path: Path) -> None:
    numbers = range(1, 201)
    spans = [one for n in numbers for one in (call_span(n), feedback(n))]
    write_spool(tmp_path / "spool", spans)
    sent = ship(tmp_path)
    firsts = set(numbers[:MINIMUM])
    chosen = firsts | set(drawn(*numbers))
    assert len(chosen) < 80
    calls = [span for span in sent if span.attributes[semconv.KIND] == "call"]
    assert probabilities(calls) == {
        trace_id(n): 1.0 if n in firsts else RATE for n in sorted(chosen)
    }
    said = [span.attributes.get(semconv.FEEDBACK_TRACE) for span in sent]
    assert set(filter(None, said)) == {trace_id(n) for n in chosen}
    state = json.loads((tmp_path / "ship.json").read_text())["sampling"]
    assert (state["shipped_calls"], state["left_calls"]) == (len(chosen), 200 - len(chosen))


def test_it_counts_on_after_a_restart_and_per_prompt_version(tmp_path: Path) -> None:
    [*numbers] = undrawn(*range(1, 40))[:8]
    versions = {semconv.PROMPT_NAME: "greet", semconv.PROMPT_VERSION: "2"}
    write_spool(tmp_path / "spool", [call_span(n) for n in numbers[:2]])
    assert len(ship(tmp_path)) == 2
    write_spool(tmp_path / "spool", [call_span(n) for n in numbers[2:5]], "process-2.jsonl")
    assert [span.trace_id for span in ship(tmp_path)] == [trace_id(numbers[2])]
    others = [call_span(n, **versions) for n in numbers[5:]]  # type: ignore[arg-type]
    write_spool(tmp_path / "spool", others, "process-3.jsonl")
    assert len(ship(tmp_path)) == 3


def test_failed_calls_are_no_first_calls(tmp_path: Path) -> None:
    numbers = undrawn(*range(1, 40))[:5]
    failed = [call_span(n, **{semconv.STATUS: "raised"}) for n in numbers[:3]]  # type: ignore[arg-type]
    write_spool(tmp_path / "spool", [*failed, call_span(numbers[3])])
    assert [span.trace_id for span in ship(tmp_path)] == [trace_id(numbers[3])]


def test_a_line_with_protobufs_own_names_is_sampled_as_any_other(tmp_path: Path) -> None:
    [number] = undrawn(*range(1, 40))[:1]
    write_spool(tmp_path / "spool", [call_span(number)])
    [file] = (tmp_path / "spool").glob("*.jsonl")
    text = re.sub(
        r'"([a-zA-Z]+)":', lambda name: re.sub("[A-Z]", _snake, name[0]), file.read_text()
    )
    assert '"scope_spans":' in text
    file.write_text(text)
    assert [span.trace_id for span in ship(tmp_path)] == [trace_id(number)]


def _snake(letter: re.Match[str]) -> str:
    return f"_{letter[0].lower()}"


def test_a_trace_that_a_late_call_keeps_is_sent_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "REQUEST_BYTES", 3000)  # its first span is in an earlier batch
    numbers = undrawn(*range(1, 200))
    kept, [mixed, *others] = numbers[:MINIMUM], numbers[MINIMUM:20]
    rare = {semconv.PROMPT_NAME: "rare", semconv.PROMPT_VERSION: "1"}
    spans = [call_span(n) for n in kept]
    spans += [call_span(mixed, parent=span_id(9)), *(call_span(n) for n in others)]
    spans += [call_span(mixed, span=2, parent=span_id(9), **rare), context_span(mixed)]  # type: ignore[arg-type]
    write_spool(tmp_path / "spool", spans)
    sent = ship(tmp_path)
    assert {span.trace_id for span in sent} == {trace_id(n) for n in (*kept, mixed)}
    assert {span.span_id for span in sent if span.trace_id == trace_id(mixed)} == {
        span_id(n) for n in (1, 2, 9)
    }


def test_the_samplers_probability_is_that_of_both(tmp_path: Path) -> None:
    numbers = range(1, 401)
    write_spool(tmp_path / "host" / "spool", [call_span(n) for n in numbers])
    sent = ship(tmp_path / "host")
    for rate in (RATE / 2, 2 * RATE):
        tables = settings_tables("http://127.0.0.1:9", {})
        tables["sampling"] = {"rate": rate, "minimum_per_prompt_version": 5}
        settings = Settings(home=tmp_path / f"worker-{rate}", **tables)
        write_spool(settings.spool, sent)
        with Store.open(settings) as store:
            Ingest(store, settings).run()
            sample(store, settings)
            with store.database.read() as connection:
                rows = connection.exec_driver_sql(
                    "SELECT call_id, inclusion_probability FROM jobs WHERE state = 'pending'"
                ).all()
        found = {row[0].partition(":")[0]: row[1] for row in rows}
        shipped = sorted({*numbers[:MINIMUM], *drawn(*numbers)})
        firsts = shipped[:5]
        expected = {n: 1.0 if n in numbers[:MINIMUM] else RATE for n in firsts}
        expected |= {n: min(rate, RATE) for n in shipped[5:] if n in drawn(n, rate=rate)}
        assert found == {trace_id(n): p for n, p in expected.items()}


def test_a_trace_has_the_largest_probability_that_arrived(tmp_path: Path) -> None:
    label = semconv.INCLUSION_PROBABILITY
    spans = [
        call_span(1, parent=span_id(9), **{label: 0.25}),  # type: ignore[arg-type]
        call_span(1, span=2, parent=span_id(9), **{label: 0.5}),  # type: ignore[arg-type]
        call_span(1, span=3, parent=span_id(9)),
        context_span(1),
        call_span(2, **{label: "much"}),  # type: ignore[arg-type]
        call_span(3, **{label: -5.0}),  # type: ignore[arg-type]
    ]
    settings = Settings(home=tmp_path)
    write_spool(settings.spool, spans)
    with Store.open(settings) as store:
        Ingest(store, settings).run()
        found = {call.id: call.inclusion_probability for _, call in store.sampling.undecided()}
    assert found == {
        f"{trace_id(1)}:{span_id(1)}": 0.5,
        f"{trace_id(1)}:{span_id(2)}": 0.5,
        f"{trace_id(1)}:{span_id(3)}": 1.0,
        f"{trace_id(2)}:{span_id(1)}": 1.0,
        f"{trace_id(3)}:{span_id(1)}": 1e-6,
    }


@pytest.mark.slow
@pytest.mark.parametrize("case", [EQUAL, RARER, FIRSTS], ids=lambda case: case.name)
def test_the_intervals_hold_the_truth_as_often_as_they_say(case) -> None:
    """Of pooled attributions; `python -m benchmarks.ship.pooled` is more."""
    found = run(case, range(40), 50_000)
    assert 0.86 <= found.coverage <= 0.94
    assert abs(np.mean(found.distances)) < 3 / np.sqrt(len(found.distances))
    if case is FIRSTS:
        assert np.mean(found.unweighted) > 1.0, "first calls mislead without their probability"


def test_what_the_benchmark_does_not_let_read_changes_nothing() -> None:
    for case in (RARER, FIRSTS):
        some, every = (
            list(explained(case, np.random.default_rng(1), 1500, read_all=read_all))
            for read_all in (False, True)
        )
        assert some == every
        assert len(some) > 10
