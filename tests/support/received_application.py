"""An application in another language, whose call came through the receiver, explained."""

from pathlib import Path

from smile_trace.records import Call
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.fake_tracker import FolderTracker
from tests.support.worker_settings import PROMPT, WORD, planted_answer, settings_tables


def check_explained(home: Path, base_url: str, tracker: Path) -> Call:
    """Let a worker explain the one call that was received, and see that it is right; the call."""
    budget = {"calls_per_explanation": 40, "usd_per_explanation": None}
    settings = Settings(home=home, **settings_tables(base_url, {"budget": budget}))
    status = run(settings, once=True, trackers=[FolderTracker(tracker)])
    assert (status.captured, status.explained) == (1, 1)
    with Store.open(settings) as store:
        [call_id] = store.traces.find_calls("")
        call = store.traces.call(call_id)
        explanation = store.explanation(call_id)
    assert call is not None
    assert explanation is not None
    assert [message.role for message in call.messages] == ["system", "user"]
    assert call.messages[1].content == PROMPT
    assert call.answer == planted_answer(PROMPT)
    assert WORD in explanation.drivers[0].text
    return call
