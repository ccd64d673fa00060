"""What somebody plants in a home, against the real worker: one item is lost, and says why.

Each attack stands before a good call, which is explained; then SIGTERM ends the worker. The list
is that of docs/security.md, "Attacks tested"; servers are in test_attacking_servers.py.
"""

import json
import os
import socket
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smile_trace import semconv
from smile_trace.records import JSON
from smile_trace.worker.explaining.engine_database import _GUARD, _encoded
from tests.support.attacked_worker import AttackedWorker, attack_span
from tests.support.hostile import values
from tests.support.hostile_engine import payload
from tests.support.spooled import line
from tests.support.worker_settings import PROMPT, WORD, planted_answer

PASSWORD = "hunter2-of-nobody"


def plant_socket(path: Path) -> None:
    os.chdir(path.parent)  # the name of a socket is at most some 100 characters long
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


A_DEVICE: dict[str, Callable[[Path], None]] = {
    "a device": lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
}
FILES: dict[str, Callable[[Path], None]] = {
    "a pipe": lambda path: os.mkfifo(path),
    "a socket": plant_socket,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    **(A_DEVICE if os.geteuid() == 0 else {}),
}


@pytest.mark.slow
def test_every_hostile_line_and_file_at_once(attacked: AttackedWorker) -> None:
    """Each costs itself alone; lines one by one are in unit/hostile/test_spans.py."""
    lines = [text.replace(b"\n", b" ") + b"\n" for text in values().values()]
    deep = '{"a":' + "[" * 220 + "]" * 220 + "}"
    nested = attack_span(1, model="planted", **{semconv.METADATA: deep})
    (attacked.spool / "a.jsonl").write_bytes(b"".join(lines) + line(nested))
    for name, plant in FILES.items():
        plant(attacked.spool / f"{name.replace(' ', '-')}.jsonl")
    attacked.work()
    status, reasons = attacked.status(), attacked.aside()
    [skipped] = [r for r in status["skipped_by_reason"] if "nested deeper" in r["reason"]]
    assert skipped["count"] == 1
    assert status["corrupt_lines"] == len(reasons) > len(lines) / 2
    assert all(reasons)
    assert len(list((attacked.spool / "refused").iterdir())) == len(FILES)


ADDRESS = f"http://operator:{PASSWORD}@127.0.0.1:9"
ADDRESSES: dict[str, tuple[dict[str, JSON], dict[str, str]]] = {
    "base_url": ({"models": {"planted": {"kind": "endpoint", "base_url": ADDRESS}}}, {}),
    "a parameter of base_url": (
        {
            "models": {
                "planted": {
                    "kind": "endpoint",
                    "base_url": f"http://127.0.0.1:9/v1?api_key={PASSWORD}",
                }
            }
        },
        {},
    ),
    "tracking_uri": ({"trackers": {"mlflow": {"tracking_uri": ADDRESS}}}, {}),
    "MLFLOW_TRACKING_URI": ({}, {"MLFLOW_TRACKING_URI": ADDRESS}),
    "OPIK_URL_OVERRIDE": ({}, {"OPIK_URL_OVERRIDE": f"{ADDRESS}/api"}),
    "COMET_URL_OVERRIDE": (
        {},
        {"COMET_URL_OVERRIDE": f"{ADDRESS}/clientlib/", "COMET_API_KEY": "key-of-the-tests"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ADDRESSES)
def test_a_password_in_an_address(name: str, attacked: AttackedWorker) -> None:
    tables, environment = ADDRESSES[name]
    attacked.settings |= tables
    attacked.environment |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **environment}
    attacked.capture_good()
    code, said = attacked.run("worker", "--once")
    for command in (["status"], ["doctor"]):
        said += attacked.run(*command)[1]
    assert PASSWORD not in said
    assert PASSWORD.encode() not in attacked.kept()
    if name == "COMET_URL_OVERRIDE":  # read by Comet's own packages, once there is something
        assert "holds a password or a key" in said
    else:
        assert code == 1


@pytest.mark.slow
def test_a_pickle_in_the_engine_s_database(attacked: AttackedWorker, tmp_path: Path) -> None:
    assert attacked.run("worker", "--once")[0] == 0
    marker = tmp_path / "executed"
    with closing(sqlite3.connect(attacked.home / "engine.db", timeout=30)) as connection:
        planted = (
            "INSERT INTO workflow_status (workflow_uuid, status, name, executor_id,"
            " application_version, application_id, queue_name, serialization, application_name)"
            " VALUES ('planted', 'PENDING', 'explain', 'worker', '1', '', NULL, 'py_pickle',"
            " 'smile-trace')"
        )
        with pytest.raises(sqlite3.IntegrityError, match="not portable JSON"):
            connection.execute(planted)
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        guards = {name for (name,) in found}
        events = ("INSERT", "UPDATE")
        assert guards == {f"{_GUARD}{e}_{table}" for e in events for table in _encoded(connection)}
        # Who may write the file may drop what guards it.
        for name in guards:
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(planted)
        connection.execute(
            "INSERT INTO workflow_input (workflow_uuid, inputs) VALUES ('planted', ?)",
            (payload(marker),),
        )
        connection.commit()
    attacked.work()
    assert not marker.exists()
    assert "engine.refused.db" in attacked.log()


@pytest.mark.slow
def test_five_thousand_files_of_one_line(attacked: AttackedWorker) -> None:
    for number in range(5_000):
        text = line(attack_span(10_000 + number, model="planted"))
        (attacked.spool / f"{number:05}.jsonl").write_bytes(text)
    attacked.settings["sampling"] = {"rate": 0.0, "minimum_per_prompt_version": 1}
    attacked.work_until(lambda: len(os.listdir(attacked.spool)) == 0, seconds=900)
    assert attacked.status()["captured"] == 5_000
    assert attacked.aside() == []


APP = f"""
import pathlib, smile_trace
MARKER = pathlib.Path(__file__).parents[1] / "executed"

@smile_trace.trace(model="again", rerun=True)
def ask(prompt: str, command: str = "none") -> str:
    if command != "none" or "attack" in prompt:
        MARKER.touch()
    return {planted_answer(PROMPT)!r} if {WORD!r} in prompt else {planted_answer("")!r}

def unmarked(prompt: str) -> str:
    MARKER.touch()

class Anything:
    def __getattr__(self, name):
        MARKER.touch()
        return getattr(ask, name)

anything = Anything()
"""
NAMES = {
    "__main__": ("__main__:ask", "prompt", {}),
    "a submodule": ("shop.unused:ask", "prompt", {}),
    "a function without the mark": ("shop:unmarked", "prompt", {}),
    "an object with every attribute": ("shop:anything", "prompt", {}),
    "an attribute of that object": ("shop:anything.at.all", "prompt", {}),
    "another module": ("os:system", "command", {}),
    "another parameter": ("shop:ask", "command", {"prompt": "attack"}),
}


def rerun_span(number: int, name: str, prompt: str, arguments: dict[str, JSON]) -> Any:
    held = {"prompt": prompt, "arguments": arguments}
    more = {semconv.RERUN: name, semconv.RERUN_ARGUMENTS: json.dumps(held)}
    return attack_span(number, model="again", **more)


@pytest.mark.slow
def test_functions_that_nobody_named(attacked: AttackedWorker, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text(APP)
    (tmp_path / "shop" / "unused.py").write_text(APP + "\nMARKER.touch()\n")
    attacked.settings["models"]["again"] = {"kind": "rerun"}
    numbers = dict(enumerate(NAMES, 1))
    for number, name in numbers.items():
        span = rerun_span(number, *NAMES[name])
        changed = span.attributes[semconv.INPUT_MESSAGES].replace(f"please{number}", "attack")
        span.attributes[semconv.INPUT_MESSAGES] = changed
        attacked.capture(span)
    good = 1 + len(NAMES)
    attacked.capture(rerun_span(good, "shop:ask", "prompt", {}), name="b.jsonl")
    ended = ("explained", "failed")
    attacked.work(
        "--app", "shop", until=lambda: all(attacked.state(n) in ended for n in [*numbers, good])
    )
    assert not (tmp_path / "executed").exists()
    assert attacked.state(good) == "explained"
    for number, name in numbers.items():
        assert attacked.state(number) == "failed", name
        assert attacked.reason(number), name
