import sqlite3
from pathlib import Path

from smile_trace.records import Call, Message, PromptUse
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.groups import Group
from tests.support.paths import DATA


def call(name: str, version: str, number: int) -> Call:
    use = PromptUse(name=name, version=version, template="t", message=0, start=0, end=1)
    return Call(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        name="f",
        messages=(Message(role="user", content="t"),),
        start_ns=number,
        end_ns=number,
        prompts=(use,),
    )


def test_a_name_and_a_version_never_collide() -> None:
    one, other = call("x version 1", "2", 1), call("x", "1 version 2", 2)
    assert Group.of(one) != Group.of(other)
    assert str(Group.of(one)) == str(Group.of(other))


def test_an_upgrade_takes_groups_from_the_calls(tmp_path: Path) -> None:
    calls = [call("x version 1", "2", 101), call("x", "1 version 2", 102)]
    calls.append(call("y", "1", 103))
    with sqlite3.connect(tmp_path / "store.db") as old:
        old.executescript((DATA / "upgrade" / "0001" / "store.sql").read_text())
        for made in calls:
            key = f"prompt {made.prompts[0].name} version {made.prompts[0].version}"
            values = (made.id, made.trace_id, key, 1, 1, made.model_dump_json())
            old.execute(
                'INSERT INTO calls (id, trace_id, "group", start_ns, decided, body) '
                "VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
            old.execute(
                "INSERT INTO jobs (call_id, settings_hash, settings, state, attempt, run, crashes,"
                " priority, not_before, created_at, changed_at)"
                " VALUES (?, 'h', '{}', 'explained', 1, 1, 0, 0, 0, 0, 0)",
                (made.id,),
            )
        counts = [("prompt x version 1 version 2", 2), ("prompt y version 1", 7)]
        counts.append(("prompt of removed calls version 3", 4))
        old.executemany("INSERT INTO groups VALUES (?, ?)", counts)
    store = Store.open(Settings(home=tmp_path))
    wanted = {Group.of(made) for made in calls} | {Group("prompt", "of removed calls", "3")}
    assert store.jobs.chosen(wanted) == {
        Group("prompt", "x version 1", "2"): 1,
        Group("prompt", "x", "1 version 2"): 1,
        Group("prompt", "y", "1"): 7,
        Group("prompt", "of removed calls", "3"): 4,
    }
    with store.reading_prompts() as prompts:
        assert prompts.versions("x") == {"1 version 2": 1}
        assert prompts.versions("x version 1") == {"2": 1}
    store.close()
