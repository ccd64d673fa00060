"""Spans and logs arrive in any order, in any batches, again, over requests and files, while the
worker looks: the calls are the same as of those that came in order."""

import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.arrivals import Arriving, Batch, Read, any_arrival, records
from tests.support.recorded_calls import RECORDED, calls_of

FEW = settings(max_examples=2, suppress_health_check=list(HealthCheck), deadline=None)
MANY = settings(FEW, max_examples=12)


def read(name: str, history: list[Batch]) -> Read:
    with tempfile.TemporaryDirectory() as folder:
        home = Arriving(Path(folder))
        for batch in history:
            home.arrive(records(name), batch)
        return home.end()


@cache
def in_order(name: str) -> Read:
    return read(name, [Batch(tuple(range(len(records(name)))))])


def check(name: str, history: list[Batch]) -> None:
    found, expected = read(name, history), in_order(name)
    assert found.calls == expected.calls
    assert found.traces == expected.traces
    assert found.decisions == expected.decisions


@given(data=st.data(), name=st.sampled_from(sorted(RECORDED)))
@FEW
def test_some_recording(data: st.DataObject, name: str) -> None:
    check(name, data.draw(any_arrival(len(records(name)))))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECORDED))
def test_every_recording(name: str) -> None:
    @MANY
    @given(history=any_arrival(len(records(name))))
    def in_any_order(history: list[Batch]) -> None:
        check(name, history)

    assert {call.id for call in in_order(name).calls} == {call.id for call in calls_of(name)}
    in_any_order()


def test_a_call_that_waits_is_skipped_when_late_logs_say_that_it_cannot_be_asked_again() -> None:
    name = "opentelemetry-instrumentation-openai-0.62.4.events"
    late = (4, 7, 8, 9, 11, 14, 16, 17, 18, 21, 28, 33, 37, 41, 45, 49, 51)
    early = tuple(set(range(len(records(name)))) - set(late))
    check(name, [Batch(early, looks=True), Batch(late)])
