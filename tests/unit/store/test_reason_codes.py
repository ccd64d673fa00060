import sqlite3
from pathlib import Path

from smile_trace.errors import ReasonCode
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.paths import DATA

SENTENCES = {
    ("skipped", "not sampled"): "not_sampled",
    ("skipped", "the call failed: boom"): "call_failed",
    ("skipped", "the call was abandoned before its answer was complete"): "call_incomplete",
    ("skipped", "its text was cut at the size limit"): "call_truncated",
    ("skipped", "cannot be asked again: it holds images"): "not_repeatable",
    ("skipped", "the prompt is empty"): "empty_prompt",
    ("skipped", "no model for 'gpt': write in smile_trace.toml"): "no_model",
    ("skipped", "capture_output is off"): "no_content",
    ("failed", "the worker died 5 times while it explained this"): "worker_crashed",
    ("failed", "internal error: ValueError: x"): "internal_error",
    ("failed", "its trace is not in the store any more"): "call_removed",
    ("failed", "the cap of 12 calls per explanation is used up (12 spent)"): "explanation_cap",
    ("failed", "everything is protected"): "cannot_explain",
    ("pending", "the cap of 9 calls per day is used up (9 spent)"): "daily_cap",
    ("pending", "the model m does not answer"): "model_unavailable",
}


def test_the_sentences_of_0_1_get_their_codes(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "store.db") as old:
        old.executescript((DATA / "upgrade" / "0001" / "store.sql").read_text())
        old.execute("DELETE FROM jobs")
        old.executemany(
            "INSERT INTO jobs (call_id, settings_hash, settings, state, reason, attempt, run,"
            " crashes, priority, not_before, created_at, changed_at)"
            " VALUES (?, 'h', '{}', ?, ?, 1, 1, 0, 0, 0, 0, 0)",
            [(str(n), state, reason) for n, (state, reason) in enumerate(SENTENCES)],
        )
    store = Store.open(Settings(home=tmp_path))
    status = store.status()
    store.close()
    counted = {("skipped", one.reason): one.code for one in status.skipped_by_reason}
    counted |= {("failed", one.reason): one.code for one in status.failed_by_reason}
    counted |= {("pending", one.reason): one.code for one in status.pending_by_reason}
    assert counted == {key: ReasonCode(code) for key, code in SENTENCES.items()}
