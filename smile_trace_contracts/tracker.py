"""The contract suite of a tracker: a class of pytest tests.

    class TestMyTracker(TrackerContract):
        @pytest.fixture
        def server(self): ...

        @pytest.fixture
        def tracker(self, server): ...

        def visible_traces(self, server): ...

        def visible_explanations(self, server): ...

The errors are injected into the fake server (or into a proxy in front of a real one), so that
requests take the way that they take in production.
"""

import datetime
import multiprocessing
import os
import uuid
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest

from smile_trace.records import JSON, Trace
from smile_trace.records.report import Report
from smile_trace.trackers import (
    CapturedTrace,
    ComparedPrompt,
    Deferred,
    ExplainedCall,
    ForgottenCall,
    ForgottenTrace,
    Outcome,
    ProfiledCall,
    Receipt,
    Rejected,
    Tracker,
    TrackerUnavailable,
)
from smile_trace.trackers.fields import strict_json
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Fault
from smile_trace_contracts.samples import (
    HOSTILE,
    sample_comparison,
    sample_correction,
    sample_explanation,
    sample_profile,
    sample_trace,
)

MAX_REQUESTS = 500
"""More requests than one trace and its explanation may take."""

_PROCESSES = multiprocessing.get_context("forkserver")
_NOT_OURS = Answer(200, b"<html>Please log in.</html>", {}, "text/html")
_WRONG_ANSWERS = {
    "not found": Answer(404, b"", {}, "text/plain"),
    "redirect": Answer(307, b"", {"Location": "/login"}, "text/plain"),
    "another service's page": _NOT_OURS,
    "no JSON": Answer(200, b"\x00\xff{]"),
    "other JSON": Answer(200, [None, {"id": []}]),
}
"""Answers of a wrong address, or of a proxy that wants a login, to every request."""


class TrackerContract:
    """The contract of every tracker. A subclass gives the fixtures and says what a person would
    see. The tracker's time-out should be generous: no test here waits for it."""

    external_trace: ClassVar[dict[str, str]] = {}
    """`Call.external_trace` of a missing trace, if the tracker looks for external traces."""
    cut_off_step: ClassVar[int] = 1
    """Deliveries are cut off after every this many requests."""

    @pytest.fixture
    def server(self) -> FakeHttpServer:
        """A running server, without faults."""
        raise NotImplementedError("define the fixture `server`")

    @pytest.fixture
    def tracker(self, server: FakeHttpServer) -> Tracker:
        """A tracker that delivers to the server."""
        raise NotImplementedError("define the fixture `tracker`")

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        """Return the ids of the traces that a person would see, with duplicates."""
        raise NotImplementedError("define `visible_traces`")

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        """Return the id of the trace of each explanation that a person would see."""
        raise NotImplementedError("define `visible_explanations`")

    def listed_verdicts(self, server: FakeHttpServer) -> Sequence[tuple[str, str]] | None:
        """Return the verdicts that a list of traces shows, each with the id of its trace; None if
        it shows none."""
        return None

    def table(self, server: FakeHttpServer) -> Mapping[str, JSON] | None:
        """Return the settings from which another process, with this environment, makes the same
        tracker. None skips the tests that kill a process in the middle of a delivery."""
        return None

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        """Make the server reject each item that holds the text and take the others, as a server
        does that answers 207. Return False if it takes a request as a whole, or not at all."""
        return False

    # -- delivery ----------------------------------------------------------------------------

    def test_traces_get_receipts_in_their_order(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        traces = [sample_trace(calls=number) for number in (1, 2, 3)]
        ids = [_received(_deliver_trace(tracker, trace)) for trace in traces]
        assert len(set(ids)) == 3
        assert [_received(o) for o in _deliver_traces(tracker, traces)] == ids
        assert sorted(self.visible_traces(server)) == sorted(ids)

    def test_no_items_make_no_outcomes(self, server: FakeHttpServer, tracker: Tracker) -> None:
        assert tracker.deliver_traces([]) == []
        assert tracker.deliver_explanations([]) == []
        if tracker.capabilities.forgets:
            assert tracker.forget([]) == []

    def test_delivered_twice_is_visible_once(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        traces = [sample_trace(), sample_trace(calls=2)]
        for _ in range(2):
            ids = [_received(outcome) for outcome in _deliver_traces(tracker, traces)]
            items = [item for t, i in zip(traces, ids, strict=True) for item in _explained(t, i)]
            for outcome in _deliver_explanations(tracker, items):
                _received(outcome)
        assert sorted(self.visible_traces(server)) == sorted(ids)
        assert sorted(self.visible_explanations(server)) == sorted([ids[0], ids[1], ids[1]])

    def test_a_traces_scores_are_those_of_its_final_answer(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        """Whatever is delivered first; a final answer that came late takes the place of another."""
        for late in (False, True):
            trace = sample_trace(calls=2)
            grown = trace.model_copy(update={"calls": trace.calls[:1]}) if late else trace
            external_id = _received(_deliver_trace(tracker, trace))
            [step] = _explained(grown, external_id)[:1]
            unsure = sample_explanation(step.call, status="inconclusive")
            items = [
                step.model_copy(update={"explanation": unsure}),
                _explained(trace, external_id)[1],
            ]
            _deliver_explanations(tracker, items if late else items[::-1])
            listed = self.listed_verdicts(server)
            if listed is None:
                pytest.skip("its list of traces shows no scores")
            assert [said for of, said in listed if of == external_id] == ["reliable"]

    def test_a_newer_explanation_replaces_the_older_one(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        if not tracker.capabilities.replaces:
            pytest.skip("capabilities.replaces is False: it is given the first explanation alone")
        trace = sample_trace()
        external_id = _received(_deliver_trace(tracker, trace))
        [older] = _explained(trace, external_id)
        newer = sample_explanation(older.call, status="no_effect")
        for item in (older, older.model_copy(update={"explanation": newer})):
            [outcome] = _deliver_explanations(tracker, [item])
            _received(outcome)
        assert self.visible_explanations(server) == [external_id]

    def test_what_makes_it_right_stands_beside_what_drives_it(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        if not tracker.capabilities.traces:
            pytest.skip("capabilities.traces is False: it takes what drives answers alone")
        trace = sample_trace()
        external_id = _received(_deliver_trace(tracker, trace))
        [item] = _explained(trace, external_id)
        wrong = item.model_copy(update={"explanation": sample_correction(item.call)})
        for one in (item, wrong):
            _received(_deliver_explanations(tracker, [one])[0])
        assert self.visible_explanations(server) == [external_id] * 2
        listed = self.listed_verdicts(server)
        assert listed is None or [said for of, said in listed if of == external_id] == ["reliable"]
        if tracker.capabilities.forgets:
            _received(tracker.forget([_forgotten(trace, external_id)])[0])
            assert self.visible_explanations(server) == []

    def test_a_retry_has_the_same_bytes_where_nothing_is_replaced(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        if tracker.capabilities.replaces:
            pytest.skip("capabilities.replaces is True: a newer explanation may differ")
        trace = sample_trace(calls=2)
        external_id = _received(_deliver_trace(tracker, trace))
        items = _explained(trace, external_id)
        sent = []
        for _ in range(2):
            before = len(server.requests)
            for outcome in _deliver_explanations(tracker, items):
                _received(outcome)
            sent.append([request.raw for request in server.requests[before:]])
        assert sent[0] == sent[1]

    def test_hostile_text_arrives(self, server: FakeHttpServer, tracker: Tracker) -> None:
        with_surrogate = _received(_deliver_trace(tracker, sample_trace(HOSTILE)))
        trace = sample_trace(strict_json(HOSTILE))  # an Explanation holds no surrogates
        external_id = _received(_deliver_trace(tracker, trace))
        [outcome] = _deliver_explanations(tracker, _explained(trace, external_id))
        _received(outcome)
        assert sorted(self.visible_traces(server)) == sorted([with_surrogate, external_id])
        assert self.visible_explanations(server) == [external_id]

    # -- rejected items ----------------------------------------------------------------------

    @pytest.mark.parametrize("rejected", ["request", "item"])
    def test_a_rejected_trace_holds_up_no_other(
        self, server: FakeHttpServer, tracker: Tracker, rejected: str
    ) -> None:
        marker = _marker()
        traces = [sample_trace(), sample_trace(f"Is {marker} a word?"), sample_trace()]
        self._reject(server, rejected, marker)
        outcomes = _deliver_traces(tracker, traces)
        server.faults = []
        _assert_rejected(outcomes, 1)
        ids = [_received(outcome) for outcome in (outcomes[0], outcomes[2])]
        shown = self.visible_traces(server)
        if rejected == "item":  # a part of the trace without the text may show
            assert set(ids) <= set(shown)
        else:
            assert sorted(shown) == sorted(ids)

    @pytest.mark.parametrize("rejected", ["request", "item"])
    def test_a_rejected_explanation_holds_up_no_other(
        self, server: FakeHttpServer, tracker: Tracker, rejected: str
    ) -> None:
        marker = _marker()
        traces = [sample_trace(), sample_trace(f"Is {marker} a word?"), sample_trace()]
        ids = [_received(outcome) for outcome in _deliver_traces(tracker, traces)]
        items = [item for t, i in zip(traces, ids, strict=True) for item in _explained(t, i)]
        self._reject(server, rejected, marker)
        outcomes = _deliver_explanations(tracker, items)
        server.faults = []
        _assert_rejected(outcomes, 1)
        shown = self.visible_explanations(server)
        assert {ids[0], ids[2]} <= set(shown)

    def _reject(self, server: FakeHttpServer, rejected: str, marker: str) -> None:
        if rejected == "request":
            server.faults = [_too_large(marker)]
        elif not self.reject_items(server, marker):
            pytest.skip("reject_items is not defined: a request is rejected as a whole")

    # -- a server that takes nothing ---------------------------------------------------------

    @pytest.mark.parametrize("status", [401, 403, 429, 502, 503, 504])
    def test_a_status_that_says_so_makes_it_unavailable(
        self, server: FakeHttpServer, tracker: Tracker, status: int
    ) -> None:
        _received(_deliver_trace(tracker, sample_trace()))  # connected
        trace = sample_trace()
        answer = Answer(status, b"", {"Retry-After": "2"}, "text/plain")
        server.faults = [Fault("answer", answer, times=None)]
        with pytest.raises(TrackerUnavailable) as raised:
            _deliver_trace(tracker, trace)
        assert str(raised.value).strip()
        assert raised.value.retry_after == (2.0 if status in (429, 502, 503, 504) else None)
        server.faults = []
        external_id = _received(_deliver_trace(tracker, trace))
        assert self.visible_traces(server).count(external_id) == 1

    def test_an_internal_error_is_tried_again(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        _received(_deliver_trace(tracker, sample_trace()))
        server.faults = [Fault("answer", Answer(500, b"", {}, "text/plain"), times=None)]
        try:
            outcome = _deliver_trace(tracker, sample_trace())
        except TrackerUnavailable:
            return
        assert isinstance(outcome, Rejected), outcome
        assert outcome.retry

    def test_a_lost_connection_makes_it_unavailable(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        server.faults = [Fault("close", times=None)]
        with pytest.raises(TrackerUnavailable):
            _deliver_trace(tracker, sample_trace())

    @pytest.mark.parametrize("takes_effect", [False, True])
    def test_a_delivery_that_was_cut_off_is_completed(
        self, server: FakeHttpServer, tracker: Tracker, takes_effect: bool
    ) -> None:
        _received(_deliver_trace(tracker, sample_trace()))  # connected
        for requests in range(0, MAX_REQUESTS, self.cut_off_step):
            trace = sample_trace()
            server.faults = [Fault("close", after=requests, times=None, takes_effect=takes_effect)]
            external_id = _deliver_all(tracker, trace)
            server.faults = []
            whole = external_id is not None
            external_id = external_id or _deliver_all(tracker, trace)
            assert external_id is not None, f"cut off after {requests} requests, never completed"
            assert self.visible_traces(server).count(external_id) == 1
            assert self.visible_explanations(server).count(external_id) == 1
            if whole:
                return
        raise AssertionError(f"a trace and its explanation take more than {MAX_REQUESTS} requests")

    @pytest.mark.parametrize("takes_effect", [False, True])
    def test_a_delivery_whose_process_was_killed_is_completed(
        self, server: FakeHttpServer, tracker: Tracker, takes_effect: bool
    ) -> None:
        table = self.table(server)
        if table is None:
            pytest.skip("table is not defined: no process is killed")
        for requests in range(0, MAX_REQUESTS, self.cut_off_step):
            trace = sample_trace()
            fault = Fault("hang", after=requests, takes_effect=takes_effect)
            server.faults = [fault]
            whole = _killed_at(fault, type(tracker), table, trace)
            server.faults = []
            external_id = _deliver_all(tracker, trace)
            assert external_id is not None, f"killed at request {requests + 1}, never completed"
            assert self.visible_traces(server).count(external_id) == 1
            assert self.visible_explanations(server).count(external_id) == 1
            if whole:
                return
        raise AssertionError(f"a trace and its explanation take more than {MAX_REQUESTS} requests")

    @pytest.mark.parametrize("wrong", _WRONG_ANSWERS)
    def test_a_wrong_answer_is_no_receipt(
        self, server: FakeHttpServer, tracker: Tracker, wrong: str
    ) -> None:
        trace = sample_trace()
        server.faults = [Fault("answer", _WRONG_ANSWERS[wrong], times=None)]
        taken = (
            f"the server answered {wrong}, and the tracker says that the item arrived: "
            "look at each answer, and raise Service.wrong() where it is not what the server sends"
        )
        assert _deliver_all(tracker, trace) is None, taken
        server.faults = []
        external_id = _received(_deliver_trace(tracker, trace))
        server.faults = [Fault("answer", _WRONG_ANSWERS[wrong], times=None)]
        try:
            [outcome] = _deliver_explanations(tracker, _explained(trace, external_id))
        except TrackerUnavailable:
            pass
        else:
            assert not isinstance(outcome, Receipt), taken
        server.faults = []
        assert _deliver_all(tracker, trace) == external_id
        assert self.visible_traces(server) == [external_id]
        assert self.visible_explanations(server) == [external_id]

    def test_what_was_deleted_there_holds_up_nothing_and_may_come_again(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        if not tracker.capabilities.forgets:
            pytest.skip("capabilities.forgets is not declared")
        traces = [sample_trace(), sample_trace()]
        ids = [_received(outcome) for outcome in _deliver_traces(tracker, traces)]
        items = [item for t, i in zip(traces, ids, strict=True) for item in _explained(t, i)]
        _received(tracker.forget([_forgotten(traces[0], ids[0])])[0])
        _, other = _deliver_explanations(tracker, items)
        _received(other)
        assert self.visible_traces(server).count(ids[1]) == 1
        assert self.visible_explanations(server).count(ids[1]) == 1
        assert _deliver_all(tracker, traces[0]) == ids[0]
        assert sorted(self.visible_traces(server)) == sorted(ids)
        assert sorted(self.visible_explanations(server)) == sorted(ids)

    # -- what is declared --------------------------------------------------------------------

    def test_an_unknown_option_is_named(self, tracker: Tracker) -> None:
        with pytest.raises(ValueError, match="no_such_option"):
            type(tracker).from_settings({"no_such_option": 1})

    def test_external_traces_are_waited_for_where_declared(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        if not tracker.capabilities.external_traces:
            pytest.skip("capabilities.external_traces is not declared")
        trace = sample_trace(external_trace=self.external_trace)
        [waiting] = tracker.deliver_traces([CapturedTrace(trace=trace, wait_for_external=True)])
        assert isinstance(waiting, Deferred), waiting
        external_id = _received(_deliver_trace(tracker, trace))
        assert self.visible_traces(server) == [external_id]

    def test_profiles_are_there_once_where_declared(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        trace = sample_trace(f"{_marker()} {HOSTILE}", calls=2)
        external_id = _received(_deliver_trace(tracker, trace))
        items = [
            ProfiledCall(
                trace=trace, call=call, profile=sample_profile(call), traced_as=external_id
            )
            for call in trace.calls
        ]
        if not tracker.capabilities.profiles:
            with pytest.raises(NotImplementedError):
                tracker.deliver_profiles(items)
            return
        ids = [[_received(one) for one in tracker.deliver_profiles(items)] for _ in range(2)]
        assert ids[0] == ids[1]
        assert len(ids[0]) == len(items)
        assert self.visible_traces(server) == [external_id]

    def test_a_forgotten_trace_is_gone_where_declared(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        traces = [sample_trace(), sample_trace(calls=2)]
        ids = [_received(outcome) for outcome in _deliver_traces(tracker, traces)]
        for trace, external_id in zip(traces, ids, strict=True):
            for outcome in _deliver_explanations(tracker, _explained(trace, external_id)):
                _received(outcome)
        never = _forgotten(sample_trace(), None)
        if not tracker.capabilities.forgets:
            with pytest.raises(NotImplementedError):
                tracker.forget([never])
            return
        for _ in range(2):  # what is gone already is gone
            outcomes = tracker.forget([_forgotten(traces[1], ids[1]), never])
            assert len([_received(outcome) for outcome in outcomes]) == 2
            assert self.visible_traces(server) == [ids[0]]
            assert self.visible_explanations(server) == [ids[0]]

    @pytest.mark.parametrize("takes_effect", [False, True])
    def test_forgetting_that_was_cut_off_is_completed_where_declared(
        self, server: FakeHttpServer, tracker: Tracker, takes_effect: bool
    ) -> None:
        if not tracker.capabilities.forgets:
            pytest.skip("capabilities.forgets is not declared")
        for requests in range(0, MAX_REQUESTS, self.cut_off_step):
            trace = sample_trace()
            external_id = _deliver_all(tracker, trace)
            item = _forgotten(trace, external_id)
            server.faults = [Fault("close", after=requests, times=None, takes_effect=takes_effect)]
            try:
                [outcome] = tracker.forget([item])
                whole = isinstance(outcome, Receipt)
            except TrackerUnavailable:
                whole = False
            server.faults = []
            if not whole:
                _received(tracker.forget([item])[0])
            assert external_id not in self.visible_traces(server)
            assert external_id not in self.visible_explanations(server)
            if whole:
                return
        raise AssertionError(f"forgetting a trace takes more than {MAX_REQUESTS} requests")

    def test_comparisons_are_written_over_where_declared(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        item = ComparedPrompt(comparison=sample_comparison(f"prompt {_marker()}"))
        if not tracker.capabilities.comparisons:
            with pytest.raises(NotImplementedError):
                tracker.deliver_comparison(item)
            return
        ids = [_received(tracker.deliver_comparison(item)) for _ in range(2)]
        assert ids[0] == ids[1]

    def test_reports_are_written_over_where_declared(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        report = Report(since="2026-11-19", until="2026-11-26", name=f"prompt {_marker()}")
        if not tracker.capabilities.reports:
            with pytest.raises(NotImplementedError):
                tracker.deliver_report(report)
            return
        ids = [_received(tracker.deliver_report(report)) for _ in range(2)]
        assert ids[0] == ids[1]


def _captured(*traces: Trace) -> list[CapturedTrace]:
    return [CapturedTrace(trace=trace, wait_for_external=False) for trace in traces]


def _explained(trace: Trace, external_id: str) -> list[ExplainedCall]:
    return [
        ExplainedCall(
            trace=trace, call=call, explanation=sample_explanation(call), traced_as=external_id
        )
        for call in trace.calls
    ]


def _forgotten(trace: Trace, external_id: str | None) -> ForgottenTrace:
    """Make the worker's item for a trace that is to be deleted."""
    calls = []
    for call in trace.calls:
        at = datetime.datetime.fromisoformat(sample_explanation(call).explained_at or "")
        noted = ForgottenCall(
            id=call.id,
            start_ns=call.start_ns,
            prompts=tuple(sorted({(use.name, use.version) for use in call.prompts})),
            days=(at.astimezone(datetime.UTC).date().isoformat(),),
        )
        calls.append(noted)
    root = trace.span(trace.root_span_id)
    start = trace.calls[0].start_ns if trace.calls else root.start_ns
    return ForgottenTrace(
        trace_id=trace.trace_id, start_ns=start, calls=tuple(calls), traced_as=external_id
    )


def _deliver_traces(tracker: Tracker, traces: Sequence[Trace]) -> list[Outcome]:
    outcomes = tracker.deliver_traces(_captured(*traces))
    said = f"{len(traces)} traces have {len(outcomes)} outcomes: {outcomes}"
    assert len(outcomes) == len(traces), said
    return outcomes


def _deliver_explanations(tracker: Tracker, items: Sequence[ExplainedCall]) -> list[Outcome]:
    outcomes = tracker.deliver_explanations(items)
    said = f"{len(items)} explanations have {len(outcomes)} outcomes: {outcomes}"
    assert len(outcomes) == len(items), said
    return outcomes


def _deliver_trace(tracker: Tracker, trace: Trace) -> Outcome:
    [outcome] = _deliver_traces(tracker, [trace])
    return outcome


def _deliver_all(tracker: Tracker, trace: Trace) -> str | None:
    """Deliver a trace and its explanations; return its id, or None if not everything arrived."""
    try:
        traced = _deliver_trace(tracker, trace)
        if not isinstance(traced, Receipt):
            return None
        outcomes = _deliver_explanations(tracker, _explained(trace, traced.external_id))
    except TrackerUnavailable:
        return None
    whole = all(isinstance(outcome, Receipt) for outcome in outcomes)
    return traced.external_id if whole else None


def _killed_at(
    fault: Fault, tracker: type[Tracker], table: Mapping[str, JSON], trace: Trace
) -> bool:
    """Deliver in a process that is killed once the fault strikes; return True if it never did."""
    process = _PROCESSES.Process(
        target=_deliver_alone, args=(tracker, dict(table), dict(os.environ), trace)
    )
    process.start()
    while process.is_alive() and fault.times:
        process.join(0.02)
    struck = not fault.times
    process.kill()
    process.join()
    assert struck or process.exitcode == 0, "the process did not deliver everything"
    return not struck


def _deliver_alone(
    tracker: type[Tracker], table: dict[str, JSON], environment: dict[str, str], trace: Trace
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    made = tracker.from_settings(table)
    assert made is not None
    assert _deliver_all(made, trace) is not None


def _received(outcome: Outcome) -> str:
    assert isinstance(outcome, Receipt), outcome
    return outcome.external_id


def _assert_rejected(outcomes: Sequence[Outcome], place: int) -> None:
    rejected = [isinstance(outcome, Rejected) for outcome in outcomes]
    assert rejected == [index == place for index in range(len(outcomes))], outcomes


def _marker() -> str:
    return f"marker{uuid.uuid4().hex[:12]}"


def _too_large(marker: str) -> Fault:
    """Make a fault that rejects every request with the marker for good."""
    return Fault("answer", Answer(413, b"", {}, "text/plain"), body=marker, times=None)
