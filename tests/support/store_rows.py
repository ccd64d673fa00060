"""What fills a store in tests: captured calls, decisions, explanations, deliveries."""

from typing import Any

from smile_trace.records import (
    Cost,
    Explanation,
    ExplanationSettings,
    Fidelity,
    Message,
    Observation,
)
from smile_trace.store import Store
from smile_trace.store.arrivals import ArrivedSpan, SpoolFile
from smile_trace.store.jobs import Job
from smile_trace.store.outbox import Delivery
from smile_trace.store.sampling import Decision
from smile_trace.store.tables import Group
from tests.support.spooled import call_span, span_id, trace_id

ASKED = ExplanationSettings(model="planted")


GROUP = Group("function", "f")


def call_id(number: int) -> str:
    return f"{trace_id(number)}:{span_id(1)}"


def decision(number: int, state: str = "pending", **more: object) -> Decision:
    return Decision.model_validate(
        {
            "call_id": call_id(number),
            "settings": ASKED,
            "settings_hash": "h",
            "model": "planted",
            "state": state,
            "inclusion_probability": 1.0,
            **more,
        }
    )


def capture(store: Store, *numbers: int) -> None:
    spans = [call_span(number) for number in numbers]
    store.traces.add(
        SpoolFile("a", 1, 1, 1.0), [ArrivedSpan(s, s.model_dump_json()) for s in spans]
    )
    store.traces.complete(gone=(), silent_before=0.0)


def explanation(summary: str = "so it is", status: str = "reliable") -> Explanation:
    return Explanation.model_validate(
        {
            "messages": [Message(role="user", content="hi")],
            "answer": "ho",
            "signal": "text",
            "segments": [],
            "fidelity": Fidelity.model_validate({"status": status, "reason": "r"}),
            "cost": Cost(target_calls=3),
            "summary": summary,
            "settings": ASKED,
            "perturbations": [
                Observation(kind="baseline", mask=(True, True), text_hash="a", shift=0.0),
                Observation(
                    kind="random",
                    locality=0.25,
                    mask=(True, False),
                    keep_probability=0.8,
                    replicate=1,
                    level=1,
                    round=2,
                    fixed=(0,),
                    text_hash="b",
                    response="x",
                    shift=0.25,
                ),
                Observation(kind="random", mask=(False, True), text_hash="c", failure="cut off"),
            ],
        }
    )


def only(jobs: list[Job]) -> Job:
    [job] = jobs
    return job


def explain(store: Store, number: int, **settings: Any) -> None:
    store.jobs.retry([decision(number)], now=5.0)
    [job] = store.jobs.due(now=5.0, limit=1)
    made = explanation()
    update = {"settings": made.settings.model_copy(update=settings)}
    store.jobs.explain(job, made.model_copy(update=update), now=6.0)


def traces(store: Store, tracker: str = "t", now: float = 10.0) -> list[Delivery]:
    store.outbox.fill(tracker, now=now)
    return store.outbox.due(tracker, {"trace": 100}, now=now)["trace"]


def explanations(store: Store, tracker: str = "t", now: float = 10.0) -> list[Delivery]:
    store.outbox.fill(tracker, now=now)
    return store.outbox.due(tracker, {"explanation": 100}, now=now)["explanation"]


def deliver(store: Store, *deliveries: Delivery) -> None:
    with store.outbox.settling() as settling:
        for delivery in deliveries:
            settling.delivered(delivery, f"there-{delivery.item}", "http://there")
