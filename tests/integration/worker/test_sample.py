"""Which calls are explained, and what is said about the others."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import smile_trace.worker.sample as sample_module
from smile_trace import semconv
from smile_trace.errors import ReasonCode
from smile_trace.records import Call, ExplanationSettings, Span
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.sampling import Decision
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.sample import NOT_SAMPLED, sample
from tests.support.spooled import call_span, context_span, span_id, trace_id, write_spool

Configure = Callable[..., Settings]


def capture(store: Store, settings: Settings, *spans: Span) -> None:
    write_spool(settings.spool, spans)
    Ingest(store, settings).run()


def decided(store: Store) -> list[tuple[str, str, str | None]]:
    """Every call's id, state and reason code, in the order of explanation."""
    with store.database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT call_id, state, reason_code FROM jobs ORDER BY id"
        )
        return [(row[0], row[1], row[2]) for row in rows]


def states(store: Store) -> dict[str, tuple[str, str | None, float | None]]:
    with store.database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT call_id, state, reason, inclusion_probability FROM jobs"
        )
        return {row[0].partition(":")[0]: (row[1], row[2], row[3]) for row in rows}


UNEXPLAINABLE: list[tuple[dict[str, Any], str]] = [
    ({"answer": None}, "no content captured"),
    ({"answer": None, semconv.NO_CONTENT: "stream, content not captured"}, "stream"),
    ({semconv.TRUNCATED: True}, "cut at the size limit"),
    ({semconv.STATUS: "cancelled"}, "cancelled before its answer was complete"),
    ({semconv.STATUS: "abandoned"}, "abandoned before its answer was complete"),
    (
        {semconv.STATUS: "raised", semconv.ERROR_TYPE: "RateLimitError", "answer": None},
        "the call failed",
    ),
    ({"prompt": " \n "}, "the prompt is empty"),
    ({"model": "gpt-9"}, '[models."gpt-9"]'),
]


def test_what_cannot_be_explained_says_why(store: Store, settings: Settings) -> None:
    reasons = {trace_id(n): reason for n, (_, reason) in enumerate(UNEXPLAINABLE, 1)}
    capture(store, settings, *(call_span(n, **how) for n, (how, _) in enumerate(UNEXPLAINABLE, 1)))
    assert sample(store, settings) == 0
    for trace, (state, said, probability) in states(store).items():
        assert (state, probability) == ("skipped", None)
        assert reasons.pop(trace) in (said or "")
    assert reasons == {}


def test_the_words_of_a_prompt_that_is_not_drawn_are_not_counted(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_long(messages: object) -> bool:
        raise AssertionError("counted")

    monkeypatch.setattr("smile_trace.explaining.options.is_long", is_long)
    settings = configure(sampling={"rate": 0.0, "minimum_per_prompt_version": 0})
    capture(store, settings, *(call_span(n) for n in range(1, 4)))
    assert sample(store, settings) == 0
    assert [(state, code) for _, state, code in decided(store)] == [
        ("skipped", NOT_SAMPLED.code)
    ] * 3


def test_sampling_ends_when_the_worker_stops(store: Store, settings: Settings) -> None:
    capture(store, settings, call_span(1))
    assert sample(store, settings, stopping=lambda: True) == 0
    assert decided(store) == []
    assert sample(store, settings) == 1


def test_a_call_that_cannot_be_decided_about_is_set_aside_alone(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that cannot be looked at nor one whose decision cannot be kept stops others."""

    def obstacle(call: Call, settings: Settings, asked: ExplanationSettings) -> None:
        if call.trace_id == trace_id(4):
            raise OverflowError("http://user:hunter2hunter2@host\x1b[31m")

    def explainable(call: Call, *args: Any, **options: Any) -> Decision:
        decision = found(call, *args, **options)
        reason = "\ud800" if call.trace_id == trace_id(2) else None
        return decision.model_copy(update={"reason": reason})

    found = sample_module.explainable
    monkeypatch.setattr(sample_module, "explainable", explainable)
    monkeypatch.setattr(sample_module, "_obstacle", obstacle)
    capture(store, settings, *(call_span(n) for n in range(1, 6)))
    assert sample(store, settings) == 3
    said = states(store)
    assert [n for n in range(1, 6) if said[trace_id(n)][0] == "skipped"] == [2, 4]
    assert "UnicodeEncodeError" in (said[trace_id(2)][1] or "")
    reason = "it cannot be sampled: OverflowError: http://[redacted]@host"
    assert said[trace_id(4)][1] == reason
    [skipped] = [one for one in store.status().skipped_by_reason if one.reason == reason]
    assert (skipped.code, skipped.count) == (ReasonCode.UNREADABLE_DATA, 1)
    assert sample(store, settings) == 0, "nothing is decided anew"


def test_a_rerun_needs_a_function_that_agreed(store: Store, configure: Configure) -> None:
    settings = configure(models={"mine": {"kind": "rerun"}})
    capture(
        store,
        settings,
        call_span(1, model="mine"),
        call_span(2, model="mine", **{semconv.RERUN: "app:ask"}),  # type: ignore[arg-type]
    )
    sample(store, settings)
    found = states(store)
    assert "rerun=True" in (found[trace_id(1)][1] or "")
    assert found[trace_id(2)][0] == "pending"


def test_a_call_without_a_model_name_takes_the_star(store: Store, configure: Configure) -> None:
    settings = configure()
    capture(store, settings, call_span(1, model=None))
    sample(store, settings)
    assert states(store)[trace_id(1)][0] == "skipped"
    star = configure(models={"*": {"kind": "endpoint", "base_url": "http://127.0.0.1:9/v1"}})
    capture(store, star, call_span(2, model=None), call_span(3, model="any"))
    assert sample(store, star) == 2


def test_the_first_calls_of_each_prompt_version_are_explained(
    store: Store, configure: Configure
) -> None:
    settings = configure(sampling={"rate": 0.0, "minimum_per_prompt_version": 2})

    def of(version: str, number: int, **more: str | None) -> Span:
        use = (
            f'[{{"name":"p","version":"{version}","template":"Say","message":0,"start":0,"end":3}}]'
        )
        return call_span(number, **more, **{semconv.PROMPTS: use})  # type: ignore[arg-type]

    none = of("1", 30, answer=None)  # it cannot be explained, and uses nothing up
    capture(store, settings, none, *(of("1", n) for n in range(1, 6)))
    sample(store, settings)
    capture(store, settings, *(of("2", n) for n in range(6, 11)), *(of("1", n) for n in (11, 12)))
    sample(store, settings)
    capture(store, settings, *(call_span(n) for n in range(20, 25)))
    sample(store, settings)
    found = states(store)
    chosen = sorted(trace for trace, (state, _, _) in found.items() if state == "pending")
    assert chosen == [trace_id(n) for n in (1, 2, 6, 7, 20, 21)]
    assert {found[trace][2] for trace in chosen} == {1.0}
    assert found.pop(trace_id(30))[0] == "skipped"
    assert {said for state, said, _ in found.values() if state == "skipped"} == {NOT_SAMPLED.text}


def agent_spans(number: int) -> list[Span]:
    """An agent's trace: two calls of tools and the final answer, below one root."""
    asked: list[dict[str, Any]] = [
        {"role": "user", "parts": [{"type": "text", "content": f"When does order {number} come?"}]}
    ]
    spans = [context_span(number)]
    for step in (1, 2, 3):
        made = {"type": "tool_call", "id": f"{number}-{step}", "name": "look", "arguments": {}}
        said = {"type": "text", "content": "On Friday."} if step == 3 else made
        answer = {"role": "assistant", "parts": [said]}
        held: dict[str, Any] = {
            semconv.INPUT_MESSAGES: json.dumps(asked),
            semconv.OUTPUT_MESSAGES: json.dumps([answer]),
            semconv.NAME: "support",
            semconv.TOOL_DEFINITIONS: json.dumps([{"type": "function", "name": "look"}]),
        }
        span = call_span(number, span=step, parent=span_id(9), answer=None, **held)
        spans.append(span.model_copy(update={"start_ns": span.start_ns + step}))
        result = {"type": "tool_call_response", "id": made["id"], "response": "Friday"}
        asked = [*asked, answer, {"role": "tool", "parts": [result]}]
    return spans


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_an_agents_answers_are_counted_and_its_steps_are_not(
    store: Store, configure: Configure, rate: float
) -> None:
    settings = configure(sampling={"rate": rate, "minimum_per_prompt_version": 3})
    spans = [agent_spans(number) for number in range(1, 5)]
    capture(store, settings, *spans[0][:3])  # without its final answer, the last call is one
    sample(store, settings)
    capture(store, settings, *spans[0][3:], *(span for more in spans[1:] for span in more))
    sample(store, settings)
    found = decided(store)
    if rate:
        assert {state for _, state, _ in found} == {"pending"}
        later = [call_id for call_id, _, _ in found if call_id.startswith(trace_id(2))]
        assert [call_id[-1] for call_id in later] == ["3", "1", "2"]  # the answer comes first
        return
    chosen = [(call_id[:32], call_id[-1]) for call_id, state, _ in found if state == "pending"]
    assert chosen == [(trace_id(1), "2"), (trace_id(1), "3"), (trace_id(2), "3")]
    codes = Counter(code for _, state, code in found if state == "skipped")
    assert codes == {ReasonCode.STEP_OF_TRACE: 7, ReasonCode.NOT_SAMPLED: 2}


def test_the_rate_is_kept_and_the_same_calls_are_drawn_every_time(
    store: Store, configure: Configure, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = configure(sampling={"rate": 0.25, "minimum_per_prompt_version": 0})
    spans = [call_span(n) for n in range(1, 601)]
    capture(store, settings, *spans)
    drawn = sample(store, settings)
    assert 97 < drawn < 203  # 600 × .25, five standard deviations
    first = states(store)
    assert {p for state, _, p in first.values()} == {0.25}
    other = settings.model_copy(update={"home": tmp_path_factory.mktemp("other")})
    with Store.open(other) as again:
        capture(again, other, *reversed(spans))
        sample(again, other)
        assert states(again) == first


def test_all_calls_of_a_trace_are_drawn_together(store: Store, configure: Configure) -> None:
    settings = configure(sampling={"rate": 0.5, "minimum_per_prompt_version": 0})
    pairs = [
        call_span(n, span=s, parent=p) for n in range(1, 60) for s, p in ((1, None), (2, None))
    ]
    capture(store, settings, *pairs)
    sample(store, settings)
    with store.database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT count(DISTINCT state) FROM jobs GROUP BY substr(call_id, 1, 32)"
        )
        assert {row[0] for row in rows} == {1}


def test_the_outer_span_of_a_call_is_none_once_the_inner_one_has_come(
    store: Store, settings: Settings
) -> None:
    capture(store, settings, call_span(1, span=9))
    sample(store, settings)
    first = set(states(store))
    capture(store, settings, call_span(1, span=2, parent=span_id(9)))
    sample(store, settings)
    assert set(states(store)) == first == {trace_id(1)}
    with store.database.read() as connection:
        ids = connection.exec_driver_sql("SELECT id FROM calls").scalars().all()
        jobs = connection.exec_driver_sql("SELECT call_id FROM jobs").scalars().all()
    assert ids == jobs == [f"{trace_id(1)}:{span_id(2)}"]
