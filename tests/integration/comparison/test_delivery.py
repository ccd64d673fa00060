"""The worker keeps reports of each prompt's week, and comparisons, on trackers up to date."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from smile_trace._text.prompts import VARIABLE
from smile_trace.comparison import compare
from smile_trace.records import Call, FidelityStatus, Message, PromptUse
from smile_trace.records.call import VariableSpan
from smile_trace.records.report import Report, ReportedPart
from smile_trace.render import report_to_markdown
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.tables import Group, calls, deliveries, explanations
from smile_trace.trackers import (
    Capabilities,
    ComparedPrompt,
    Outcome,
    Receipt,
    Rejected,
    TrackerUnavailable,
)
from smile_trace.worker.delivery.per_prompt import (
    FIRST_LOOK,
    MIN_EXPLAINED,
    PERIOD,
    Comparisons,
    Reports,
)
from tests.support.explained import explanation
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedModel
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, QUESTIONS, plant, settings_in
from tests.support.stores import settings as settings
from tests.support.stores import store as store

TEMPLATE = "Answer politely.\nAnswer briefly.\nQuestion: {question}"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()


DAY, WEEK = 24 * 3600.0, PERIOD.total_seconds()


class ReportingTracker(FakeTracker):
    """A fake tracker that also takes reports."""

    capabilities = Capabilities(reports=True)

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[Report] = []
        self.outcome: Outcome | TrackerUnavailable = Receipt(external_id="run")

    def deliver_report(self, report: Report) -> Outcome:
        """Keeps the report."""
        if isinstance(self.outcome, TrackerUnavailable):
            raise self.outcome
        self.reports.append(report)
        return self.outcome


def keep(
    store: Store,
    number: int,
    at: float,
    scores: dict[str, float],
    *,
    prompt: str = "answer",
    status: FidelityStatus = "reliable",
) -> str:
    """An explained call of the prompt, delivered to the fake tracker; gives its id."""
    text = VARIABLE.sub(f"number {number}", TEMPLATE)
    start = text.index("number")
    use = PromptUse(
        name=prompt,
        version="2",
        template=TEMPLATE,
        variables={"question": text[start:]},
        message=0,
        start=0,
        end=len(text),
        variable_spans=(VariableSpan(name="question", start=start, end=len(text)),),
    )
    call = Call(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        name="ask",
        messages=(Message(role="user", content=text),),
        answer="Certainly.",
        start_ns=int(at * 1e9),
        end_ns=int(at * 1e9) + 1,
        prompts=(use,),
    )
    found = explanation([("user", text)], scores, status=status)
    row = {
        "id": call.id,
        "trace_id": call.trace_id,
        **Group("prompt", prompt, "2").values,
        "start_ns": call.start_ns,
        "body": call.model_dump_json(),
    }
    explained = {
        "call_id": call.id,
        "trace_id": call.trace_id,
        "settings_hash": "h",
        "attempt": 1,
        "status": status,
        "created_at": 0.0,
        "body": found.model_dump_json(exclude={"perturbations"}),
    }
    delivered = {
        "tracker": FakeTracker.name,
        "kind": "explanation",
        "item": call.id,
        "trace_id": call.trace_id,
        "state": "delivered",
        "external_id": "e",
        "url": f"http://tracker/{number}",
        "created_at": 0.0,
    }
    with store.database.write() as connection:
        connection.execute(insert(calls), [row])
        connection.execute(insert(explanations), [explained])
        connection.execute(insert(deliveries), [delivered])
    return call.id


def part(report: Report, name: str) -> ReportedPart:
    [group] = [group for group in report.groups if group.kind == "prompt"]
    [found] = [one for one in group.parts if one.name == name]
    return found


def test_what_mattered_this_week_and_since_the_week_before(
    store: Store, settings: Settings
) -> None:
    ids = [keep(store, n, NOW - n * 3600, {"politely": 0.4 + n / 100}) for n in range(1, 9)]
    for n in range(11, 19):
        keep(store, n, NOW - WEEK - (n - 10) * 3600, {"briefly": 0.6})
    tracker = ReportingTracker()
    assert Reports(tracker, store, settings, clock=lambda: NOW).run(at_once=True) == 1
    [found] = tracker.reports
    assert (found.name, found.rolling, found.explained) == ("answer", True, 8)
    assert found.until[:10] == "2026-11-26"
    assert found.templates == {"2": TEMPLATE}
    politely = part(found, "Answer politely.")
    assert politely.kind == "instruction"
    assert (politely.mattered.count, politely.mattered.of) == (8, 8)
    assert politely.drove is not None
    assert politely.drove.count == 8
    assert politely.change is not None
    assert politely.change.grown == 1.0
    assert politely.change.certain
    briefly = part(found, "Answer briefly.")
    assert briefly.mattered.count == 0
    assert briefly.change is not None
    assert briefly.change.high < -0.5
    assert part(found, "{question}").kind == "variable"
    assert set(politely.examples) <= set(ids)
    assert [found.links[one] for one in politely.examples] == [
        f"http://tracker/{int(one[:32], 16)}" for one in politely.examples
    ]
    assert "mattered more often than in the period before" in found.summary
    for shown in (found.to_html(), found.to_svg()):
        assert "▲ +100" in shown
    assert "](<http://tracker/" in report_to_markdown(found)


def test_it_is_delivered_once_per_change_and_day(store: Store, settings: Settings) -> None:
    for n in range(1, 6):
        keep(store, n, NOW - n * 3600, {"politely": 0.5})
    tracker, now = ReportingTracker(), NOW
    reports = Reports(tracker, store, settings, clock=lambda: now)
    assert reports.run() == 0, "it is not time"
    now += FIRST_LOOK
    assert reports.run() == 1
    assert reports.run(at_once=True) == 0
    keep(store, 6, NOW - 60, {"politely": 0.5})
    now += settings.worker.report_seconds + 1
    tracker.outcome = Rejected(reason="busy")
    assert reports.run() == 0
    tracker.outcome = Receipt(external_id="run")
    assert reports.run(at_once=True) == 1
    now += DAY
    assert reports.run() == 1
    reports.deliver_anew()
    assert reports.run(at_once=True) == 1


def test_with_too_few_explanations_nothing_is_claimed(store: Store, settings: Settings) -> None:
    few = MIN_EXPLAINED - 1
    for n in range(1, few + 1):
        keep(store, n, NOW - n * 3600, {"politely": 0.5})
    keep(store, 50, NOW - 60, {}, status="inconclusive")
    tracker, now = ReportingTracker(), NOW
    reports = Reports(tracker, store, settings, clock=lambda: now)
    assert reports.run(at_once=True) == 1
    [found] = tracker.reports
    assert found.groups == ()
    assert f"{few} explanations have a result, and {MIN_EXPLAINED} are needed" in found.summary

    for n in range(60, 60 + few):
        keep(store, n, NOW - n, {"politely": 0.5}, prompt="new")
    assert reports.run(at_once=True) == 0, "nothing stands there that could be out of date"

    now = NOW + WEEK
    assert reports.run(at_once=True) == 1
    assert tracker.reports[-1].explained == 0, "what was shown of last week is written over"
    assert "0 explanations have a result" in tracker.reports[-1].summary
    now = NOW + 3 * WEEK
    assert reports.run(at_once=True) == 0


class ShowingTracker(FakeTracker):
    """A fake tracker that also takes comparisons."""

    capabilities = Capabilities(comparisons=True)

    def __init__(self) -> None:
        super().__init__()
        self.items: list[ComparedPrompt] = []
        self.outcome: Outcome = Receipt(external_id="run")

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """Keeps the item."""
        self.items.append(item)
        return self.outcome


@pytest.fixture
def compared(tmp_path: Path):
    with Store.open(settings_in(tmp_path)) as opened:
        plant(opened, "answer", "1", BEFORE, QUESTIONS, effects=EFFECTS)
        plant(opened, "lonely", "1", BEFORE, QUESTIONS, effects=EFFECTS, seed=1)
        yield opened


def test_a_comparison_is_delivered_once_per_change(compared: Store, tmp_path: Path) -> None:
    tracker, now = ShowingTracker(), 0.0
    settings = settings_in(tmp_path)
    comparisons = Comparisons(tracker, compared, settings, clock=lambda: now)
    assert comparisons.run(at_once=True) == 0
    plant(compared, "answer", "2", AFTER, QUESTIONS[:3], seed=2)
    assert comparisons.run() == 0
    now = settings.worker.comparison_seconds + 1
    assert comparisons.run() == 1
    assert comparisons.run(at_once=True) == 0
    plant(compared, "answer", "2", AFTER, QUESTIONS, effects=EFFECTS, seed=3)
    tracker.outcome = Rejected(reason="busy")
    assert comparisons.run(at_once=True) == 0
    tracker.outcome = Receipt(external_id="run")
    assert comparisons.run(at_once=True) == 1
    assert [item.comparison.prompt for item in tracker.items] == ["answer"] * 3
    assert set(tracker.items[-1].traced_as) == {"1", "2"}


@pytest.mark.parametrize("restarted", [False, True])
def test_a_version_that_was_explained_late_is_delivered_again(
    store: Store, settings: Settings, restarted: bool
) -> None:
    """Its run does not stay as it was when it was among the last two."""
    for number, version in enumerate("1234"):
        explained = EFFECTS if version == "4" else None
        plant(store, "shop", version, BEFORE, QUESTIONS[:12], effects=explained, seed=number)
    first, tracker = ShowingTracker(), ShowingTracker()
    comparisons = Comparisons(first, store, settings)
    assert comparisons.run(at_once=True) == 1
    assert [set(item.traced_as) for item in first.items] == [{"3", "4"}]
    plant(store, "shop", "1", BEFORE, QUESTIONS, effects=EFFECTS, seed=9)
    with store.database.write() as connection:
        of_1 = explanations.c.call_id.in_(select(calls.c.id).where(calls.c.group_version == "1"))
        connection.execute(explanations.update().where(of_1).values(created_at=time.time()))
    if restarted:
        comparisons = Comparisons(tracker, store, settings)
    else:
        first.items = tracker.items
    assert comparisons.run(at_once=True) == 1
    assert [set(item.traced_as) for item in tracker.items] == [{"1", "2"}, {"3", "4"}]
    assert tracker.items[0].comparison.versions[0].explained == len(QUESTIONS)


def test_the_worker_asks_nothing_and_compares_the_answers_that_are_stored(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = {"kind": "endpoint", "base_url": "http://127.0.0.1:9/v1"}
    settings = settings_in(settings.home, models={"planted": served})
    model = PlantedModel(lambda prompt: "Yes, dear customer." if "kind" in prompt else "No.")
    model.identity = "planted"
    monkeypatch.setattr("smile_trace.comparison.version_replay.open_any", lambda *given: model)
    for version, text in (("1", BEFORE), ("2", AFTER)):
        plant(store, "shop", version, text, QUESTIONS, effects=EFFECTS)
    tracker = ShowingTracker()
    comparisons = Comparisons(tracker, store, settings)
    assert comparisons.run(at_once=True) == 1
    [change] = tracker.items[-1].comparison.changes
    assert "`smile-trace compare shop --versions 1,2 --deliver` asks for them" in change.summary
    assert not model.asked

    [by_hand] = compare("shop", settings=settings).changes
    paid = len(model.asked)
    plant(store, "shop", "2", AFTER, QUESTIONS[:3], effects=EFFECTS, seed=3)
    assert comparisons.run(at_once=True) == 1
    [change] = tracker.items[-1].comparison.changes
    assert change.answers == by_hand.answers
    assert [effect.named for effect in change.effects] == [True, False]
    assert change.effects == by_hand.effects
    assert len(model.asked) == paid > 0


def test_a_comparison_that_fails_holds_up_no_other(compared: Store, tmp_path: Path) -> None:
    class Failing(ShowingTracker):
        def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
            if item.comparison.prompt == "answer":
                raise RecursionError
            return super().deliver_comparison(item)

    for seed, prompt in enumerate(("answer", "lonely"), start=7):
        plant(compared, prompt, "2", AFTER, QUESTIONS[:3], seed=seed)
    tracker = Failing()
    assert Comparisons(tracker, compared, settings_in(tmp_path)).run(at_once=True) == 1
    assert [item.comparison.prompt for item in tracker.items] == ["lonely"]
