"""Which stored explanation is shown to whom, and that what people ask for stays theirs."""

from pathlib import Path
from typing import Any

import pytest

from smile_trace.dialects import assemble
from smile_trace.records import Explanation
from smile_trace.settings import Retention, Settings
from smile_trace.store import Store
from smile_trace.store.queries.exchange import export_entries
from smile_trace.store.requested import Stored
from smile_trace.store.retention import DAY, apply_retention
from smile_trace.store.stored import differences, keep, look
from tests.support.spooled import call_span, span_id, trace_id
from tests.support.store_rows import ASKED, call_id, capture, explain, explanation, explanations

ONE = call_id(1)


def explained_by(options: dict[str, Any], summary: str) -> Explanation:
    """With settings that follow from the options."""
    changed = {**options, "protect": tuple(options.get("protect", ("system",)))}
    settings = ASKED.model_copy(update=changed)
    return explanation(summary).model_copy(update={"settings": settings})


def ask(
    store: Store, options: dict[str, Any], summary: str, at: float = 7.0, call: str = ONE
) -> None:
    found = explained_by(options, summary)
    [of] = assemble(trace_id(1), [call_span(1)]).calls
    store.requested.keep(Stored(call, at, found, options), of, of_trace=True)


def shown(store: Store, wanted: str = ONE, **chosen: Any) -> str | None:
    found = look(store, wanted, chosen).found
    return None if found is None else found.result.summary


@pytest.fixture
def captured(store: Store) -> Store:
    capture(store, 1, 0x20)
    return store


def test_what_a_worker_made_is_shown_to_whoever_asks_alike(captured: Store) -> None:
    explain(captured, 1)
    for wanted in (ONE, trace_id(1), trace_id(1)[:31], f"tr-{trace_id(1)}"):
        assert shown(captured, wanted) == "so it is"
    for chosen in ({"unit": "auto"}, {"model": "planted", "budget": 40}, {"signal": "text"}):
        assert shown(captured, **chosen) == "so it is"
    for differing in ({"unit": "word"}, {"budget": 41}, {"protect": ["x"]}, {"model": "other"}):
        found = look(captured, ONE, differing)
        assert found.found is None
        assert found.other is not None
        assert differences(found.other, differing).keys() == differing.keys()
    assert shown(captured, call_id(0x20)) is None


def test_what_was_asked_for_alike_comes_first_and_then_the_newest(captured: Store) -> None:
    ask(captured, {"unit": "word"}, "by words", at=1.0)
    ask(captured, {}, "as usual", at=2.0)
    ask(captured, {"unit": "sentence"}, "by sentences", at=3.0)
    assert shown(captured) == "as usual"
    assert shown(captured, unit="word") == "by words"
    ask(captured, {}, "as usual, again", at=4.0)
    assert shown(captured, unit="auto") == "as usual, again"


@pytest.mark.parametrize(
    "another",
    [{"answer_part": "ho"}, {"model": "other"}, {"unit": "word"}, {"protect": ["user"]}],
)
def test_another_question_is_shown_only_to_who_asks_it(
    captured: Store, another: dict[str, Any]
) -> None:
    ask(captured, {"budget": 40, **another}, "of a part")
    plain: list[dict[str, Any]] = [{}, {"budget": 40}]
    for asked in plain:
        assert shown(captured, **asked) is None
        assert shown(captured, **asked, **another) == "of a part"


def test_what_the_settings_protect_is_shown_unless_something_else_may_be_removed(
    captured: Store,
) -> None:
    explain(captured, 1, protect=("user",))
    assert shown(captured) == shown(captured, budget=40) == "so it is"
    assert shown(captured, unit="auto") is None
    assert shown(captured, unit="auto", protect=["user"]) == "so it is"


def test_pooled_calls_are_no_explanation_of_one(captured: Store) -> None:
    ask(captured, {"pooled": True}, "a few calls")
    assert shown(captured) is None
    assert look(captured, ONE, {}).other is not None


def test_why_there_is_none_and_what_else_there_is(captured: Store) -> None:
    explain(captured, 1)
    found = look(captured, ONE, {})
    assert (found.job, found.elsewhere) == (None, ())
    assert look(captured, call_id(0x20), {}).call_id == call_id(0x20)
    assert look(captured, trace_id(1)[:8], {}).call_id is None, "it begins the ids of both"
    assert look(captured, "f" * 32, {}).found is None


def test_a_trace_that_only_a_backend_holds(store: Store) -> None:
    ask(store, {}, "of a backend")
    for wanted in (trace_id(1), f"tr-{trace_id(1)}", ONE):
        assert shown(store, wanted) == "of a backend"
    apply_retention(store.database, Retention(days=1), clock=lambda: 7.0 + 2 * DAY)
    assert shown(store) is None


def test_a_given_option_is_kept_although_it_has_its_default(tmp_path: Path) -> None:
    """`[explain] unit = "word"` is what the command takes without the option."""
    conf = Settings(home=tmp_path)
    trace = assemble(trace_id(1), [call_span(1)])
    with Store.open(conf) as store:
        for chosen, unit in (({}, "word"), ({"unit": "auto"}, "auto")):
            keep(explained_by({"unit": unit}, unit), trace, ONE, chosen, conf, wanted=ONE)
        assert shown(store) == "word"
        assert shown(store, unit="auto") == "auto"


@pytest.mark.parametrize("parent", [None, span_id(9)])
def test_of_a_trace_without_its_root_another_call_may_be_the_final_answer(
    tmp_path: Path, parent: str | None
) -> None:
    conf = Settings(home=tmp_path)
    said: dict[str, Any] = {"session.id": "s", "user.id": "ann"}
    trace = assemble(trace_id(1), [call_span(1, parent=parent, **said)])
    with Store.open(conf) as store:
        keep(explained_by({}, "of a backend"), trace, ONE, {}, conf, wanted=f"tr-{trace_id(1)}")
        assert shown(store, ONE) == "of a backend"
        assert shown(store, trace_id(1)) == ("of a backend" if parent is None else None)
        assert store.forgetting.of_session("s") == [trace_id(1)]
        assert store.forgetting.of_user("ann") == [trace_id(1)]
        assert store.forgetting.of_user("bob") == []
        store.forgetting.erase([trace_id(1)], now=9.0)
        assert shown(store, ONE) is None


def test_it_is_neither_delivered_nor_exported_nor_counted(captured: Store) -> None:
    ask(captured, {}, "a person's")
    assert explanations(captured) == []
    assert list(export_entries(captured.database)) == []
    assert captured.status().explained == 0
    assert captured.jobs.unfinished() == []


def test_it_is_forgotten_with_its_trace(captured: Store) -> None:
    ask(captured, {}, "a person's")
    erased, _ = captured.forgetting.erase([trace_id(1)], now=9.0)
    assert erased.explanations == 1
    assert shown(captured) is None
    ask(captured, {}, "late")
    assert shown(captured) is None, "nothing of it comes back"
