"""The worker keeps comparisons on trackers up to date, and only where something changed."""

from pathlib import Path

import pytest

from smile_trace.store import Store
from smile_trace.trackers import Capabilities, ComparedPrompt, Outcome, Receipt, Rejected
from smile_trace.worker.delivery.comparisons import Comparisons
from tests.support.fake_tracker import FakeTracker
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, QUESTIONS, plant, settings_in


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
def store(tmp_path: Path):
    opened = Store.open(settings_in(tmp_path))
    plant(opened, "answer", "1", BEFORE, QUESTIONS, effects=EFFECTS)
    plant(opened, "lonely", "1", BEFORE, QUESTIONS, effects=EFFECTS, seed=1)
    yield opened
    opened.close()


def test_a_comparison_is_delivered_once_per_change(store: Store, tmp_path: Path) -> None:
    tracker, now = ShowingTracker(), 0.0
    settings = settings_in(tmp_path)
    comparisons = Comparisons(tracker, store, settings, clock=lambda: now)
    assert comparisons.run(at_once=True) == 0
    plant(store, "answer", "2", AFTER, QUESTIONS[:3], seed=2)
    assert comparisons.run() == 0
    now = settings.worker.comparison_seconds + 1
    assert comparisons.run() == 1
    assert comparisons.run(at_once=True) == 0
    plant(store, "answer", "2", AFTER, QUESTIONS, effects=EFFECTS, seed=3)
    tracker.outcome = Rejected(reason="busy")
    assert comparisons.run(at_once=True) == 0
    tracker.outcome = Receipt(external_id="run")
    assert comparisons.run(at_once=True) == 1
    assert [item.comparison.prompt for item in tracker.items] == ["answer"] * 3
    assert set(tracker.items[-1].traced_as) == {"1", "2"}


def test_a_comparison_that_fails_holds_up_no_other(store: Store, tmp_path: Path) -> None:
    class Failing(ShowingTracker):
        def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
            if item.comparison.prompt == "answer":
                raise RecursionError
            return super().deliver_comparison(item)

    for seed, prompt in enumerate(("answer", "lonely"), start=7):
        plant(store, prompt, "2", AFTER, QUESTIONS[:3], seed=seed)
    tracker = Failing()
    assert Comparisons(tracker, store, settings_in(tmp_path)).run(at_once=True) == 1
    assert [item.comparison.prompt for item in tracker.items] == ["lonely"]


def test_a_tracker_without_comparisons_gets_none(store: Store, tmp_path: Path) -> None:
    comparisons = Comparisons(FakeTracker(), store, settings_in(tmp_path))
    assert comparisons.run(at_once=True) == 0
