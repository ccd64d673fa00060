"""What somebody plants in a home, against the real worker: one item is lost, and says why.

Each attack stands before a good call, which is explained; then SIGTERM ends the worker. The list
is that of docs/security.md, "Attacks tested"; servers are in test_attacking_servers.py.
"""

import json
import os
import pwd
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
from smile_trace.records.otlp import spans_to_otlp
from tests.support.application_process import run_application
from tests.support.attacked_worker import AttackedWorker, attack_span
from tests.support.hostile_engine import payload
from tests.support.spooled import line
from tests.support.worker_settings import PROMPT, WORD, planted_answer

PASSWORD = "hunter2-of-nobody"
PLACE = "PLACE-OF-THE-HOSTILE-VALUE"


def with_attribute(key: str, value: JSON, hostile: bytes = b"") -> bytes:
    """A call with that attribute; `PLACE` in it is replaced."""
    document = spans_to_otlp([attack_span(1, model="planted")])
    held = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    held.append({"key": key, "value": value})
    return json.dumps(document).encode().replace(f'"{PLACE}"'.encode(), hostile) + b"\n"


def feedback(score: JSON) -> bytes:
    attributes: dict[str, JSON] = {
        semconv.KIND: "feedback",
        semconv.FEEDBACK_TRACE: attack_span(2).trace_id,
    }
    document = spans_to_otlp([attack_span(1).model_copy(update={"attributes": attributes})])
    held = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    held.append({"key": semconv.FEEDBACK_SCORE, "value": score})
    return json.dumps(document).encode() + b"\n"


def nested(depth: int) -> JSON:
    return {"stringValue": '{"a":' + "[" * depth + "]" * depth + "}"}


LINES = {
    "intValue 1e999": with_attribute("x", {"intValue": PLACE}, b"1e999"),
    "intValue Infinity": with_attribute("x", {"intValue": PLACE}, b"Infinity"),
    "doubleValue of 400 digits": with_attribute("x", {"doubleValue": PLACE}, b"9" * 400),
    "feedback of 10**400": feedback({"intValue": str(10**400)}),
    "feedback of 10**400 as a double": feedback({"doubleValue": 10**400}),
    "metadata nested 220 deep": with_attribute(semconv.METADATA, nested(220)),
    "parameters nested 300 deep": with_attribute(semconv.PARAMETERS, nested(300)),
    "arguments nested 300 deep": with_attribute(semconv.RERUN_ARGUMENTS, nested(300)),
}


# -- 1: lines of the spool ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
def test_a_hostile_line(name: str, attacked: AttackedWorker) -> None:
    (attacked.spool / "a.jsonl").write_bytes(LINES[name])
    attacked.work()
    assert_set_aside(attacked, 1)


def test_every_hostile_line_and_file_at_once(attacked: AttackedWorker, tmp_path: Path) -> None:
    (attacked.spool / "a.jsonl").write_bytes(b"".join(LINES.values()))
    for name, plant in FILES.items():
        if not name.startswith("a device"):
            plant(attacked.spool / f"{name.replace(' ', '-')}.jsonl")
    attacked.work()
    assert len(attacked.aside()) == 5 + len(FILES) - 1
    assert len(list((attacked.spool / "refused").iterdir())) == len(FILES) - 1


def assert_set_aside(attacked: AttackedWorker, count: int) -> None:
    """So many items were set aside; each has a reason, which the status counts."""
    status = attacked.status()
    skipped = [r for r in status["skipped_by_reason"] if "nested deeper" in r["reason"]]
    reasons = attacked.aside()
    assert status["corrupt_lines"] == len(reasons)
    assert all(reasons)
    assert len(reasons) + sum(r["count"] for r in skipped) == count


# -- 2: passwords in addresses --------------------------------------------------------------

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
    before = dict(attacked.settings)
    attacked.settings |= tables
    attacked.environment |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **environment}
    attacked.capture_good()
    code, said = attacked.run("worker", "--once")
    for command in (["status"], ["status", "--json"], ["doctor"], ["health"]):
        said += attacked.run(*command)[1]
    assert PASSWORD not in said
    assert PASSWORD.encode() not in attacked.kept()
    if name == "COMET_URL_OVERRIDE":  # read by Comet's own packages, once there is something
        assert "holds a password or a key" in said
    else:
        assert code == 1
    attacked.settings, attacked.environment = before, {}
    attacked.work()


# -- 5: rows of the engine's database -------------------------------------------------------


@pytest.mark.slow
def test_a_pickle_in_the_engine_s_database(attacked: AttackedWorker, tmp_path: Path) -> None:
    assert attacked.run("worker", "--once")[0] == 0
    marker = tmp_path / "executed"
    with closing(sqlite3.connect(attacked.home / "engine.db", timeout=30)) as connection:
        connection.execute(
            "INSERT INTO workflow_status (workflow_uuid, status, name, executor_id,"
            " application_version, application_id, queue_name, serialization, application_name)"
            " VALUES ('planted', 'PENDING', 'explain', 'worker', '1', '', NULL, 'py_pickle',"
            " 'smile-trace')"
        )
        connection.execute(
            "INSERT INTO workflow_input (workflow_uuid, inputs) VALUES ('planted', ?)",
            (payload(marker),),
        )
        connection.commit()
    attacked.work()
    assert not marker.exists()
    assert "engine.refused.db" in attacked.log()


# -- 6: files of others ---------------------------------------------------------------------


def plant_socket(path: Path) -> None:
    os.chdir(path.parent)  # the name of a socket is at most some 100 characters long
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def plant_device(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a device")
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))


FILES: dict[str, Callable[[Path], None]] = {
    "a pipe": lambda path: os.mkfifo(path),
    "a socket": plant_socket,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a device": plant_device,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_no_plain_file_in_the_spool(name: str, attacked: AttackedWorker) -> None:
    FILES[name](attacked.spool / "a.jsonl")
    attacked.work()
    assert_set_aside(attacked, 1)
    assert (attacked.home / "store.db").stat().st_size < 5 * 10**6


@pytest.mark.slow
def test_twenty_thousand_files_of_one_line(attacked: AttackedWorker) -> None:
    for number in range(20_000):
        text = line(attack_span(10_000 + number, model="planted"))
        (attacked.spool / f"{number:05}.jsonl").write_bytes(text)
    attacked.settings["sampling"] = {"rate": 0.0, "minimum_per_prompt_version": 1}
    attacked.work_until(lambda: len(os.listdir(attacked.spool)) == 0, seconds=900)
    assert attacked.status()["captured"] == 20_000
    assert attacked.aside() == []


@pytest.fixture
def other() -> int:
    """A second real user of this machine."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to a second user of this machine")
    return pwd.getpwnam("nobody").pw_uid


@pytest.mark.slow
def test_a_home_that_is_open_to_others(attacked: AttackedWorker) -> None:
    assert attacked.run("worker", "--once")[0] == 0
    for path in (attacked.home, attacked.spool, attacked.home / "store.db"):
        path.chmod(path.stat().st_mode | 0o066)
    attacked.work()
    assert not any(p.stat().st_mode & 0o077 for p in [attacked.home, *attacked.home.rglob("*.db")])
    assert not attacked.spool.stat().st_mode & 0o077


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "store.db"])
def test_a_home_of_another_user(name: str, attacked: AttackedWorker, other: int) -> None:
    assert attacked.run("worker", "--once")[0] == 0
    os.chown(attacked.home / name, other, other)
    code, said = attacked.run("worker", "--once")
    assert code == 1
    assert "sudo chown -R" in said
    os.chown(attacked.home / name, 0, 0)
    attacked.work()


@pytest.mark.slow
def test_a_store_that_is_a_link(attacked: AttackedWorker, tmp_path: Path) -> None:
    (attacked.home / "store.db").symlink_to(tmp_path / "of-somebody-else")
    (tmp_path / "of-somebody-else").touch()
    code, said = attacked.run("worker", "--once")
    assert code == 1
    assert "symbolic link" in said
    assert (tmp_path / "of-somebody-else").stat().st_size == 0
    (attacked.home / "store.db").unlink()
    attacked.work()


@pytest.mark.slow
def test_losses_in_somebody_else_s_temporary_folder(
    attacked: AttackedWorker, other: int, tmp_path: Path
) -> None:
    forged = tmp_path / f"smile-trace-{os.getuid()}"
    forged.mkdir()
    noted = {"spool": str(attacked.spool), "lost": {"forged": 7}}
    (forged / "1-a.losses.json").write_text(json.dumps(noted))
    for path in (forged, forged / "1-a.losses.json"):
        os.chown(path, other, other)
    attacked.environment["TMPDIR"] = str(tmp_path)
    attacked.work()
    assert attacked.status()["lost"] == 0


# -- 7: imports -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("number", ["NaN", str(10**30), "-Infinity", "9" * 400])
@pytest.mark.parametrize("name", ["inclusion_probability", "explained_at"])
def test_an_import_with_a_number_that_is_none(
    name: str, number: str, attacked: AttackedWorker, tmp_path: Path
) -> None:
    attacked.capture(attack_span(1, model="planted"), name="a.jsonl")
    assert attacked.run("worker", "--once")[0] == 0
    file = tmp_path / "exported.jsonl"
    assert attacked.run("export", str(file))[0] == 0
    held = json.loads(file.read_text())
    held["call"]["trace_id"] = "5" * 32
    file.write_text(json.dumps({**held, name: PLACE}).replace(f'"{PLACE}"', number))
    code, said = attacked.run("import", str(file))
    assert (code, "line 1 is no explanation" in said) == (1, True), said
    attacked.work()
    code, said = attacked.run("export", str(tmp_path / "again.jsonl"))
    assert (code, "2 explanations written" in said) == (0, True), said


# -- 8: functions that are called again -----------------------------------------------------

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
@pytest.mark.parametrize("name", NAMES)
def test_a_function_that_nobody_named(name: str, attacked: AttackedWorker, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text(APP)
    (tmp_path / "shop" / "unused.py").write_text(APP + "\nMARKER.touch()\n")
    attacked.settings["models"]["again"] = {"kind": "rerun"}
    attacked.settings["worker"]["concurrent_explanations"] = 1  # the attack comes first
    rerun, prompt, arguments = NAMES[name]
    span = rerun_span(1, rerun, prompt, arguments)
    changed = span.attributes[semconv.INPUT_MESSAGES].replace("please1", "attack")
    span.attributes[semconv.INPUT_MESSAGES] = changed
    attacked.capture(span)
    attacked.capture(rerun_span(2, "shop:ask", "prompt", {}), name="b.jsonl")
    attacked.work("--app", "shop", until=lambda: attacked.state(2) == "explained")
    assert not (tmp_path / "executed").exists()
    assert attacked.state(1) == "failed", attacked.reason(1)
    assert attacked.reason(1)


# -- 9: what an application is given --------------------------------------------------------

HOSTILE_APPLICATIONS = {
    "a result of 200,000 parts": """
looked_at = 0
class Part:
    def __repr__(self):
        global looked_at
        looked_at += 1
        return "part"
@smile_trace.trace
def search(question): return [Part() for _ in range(200_000)]
assert len(search("x")) == 200_000
assert looked_at <= 2_000, looked_at
""",
    "SystemExit out of an attribute": """
class Hostile:
    def __getattr__(self, name): raise SystemExit(3)
    def __repr__(self): raise SystemExit(3)
@smile_trace.trace
def search(question): return Hostile()
search("x"); search(Hostile())
""",
    "KeyboardInterrupt out of an attribute": """
class Hostile:
    def __getattr__(self, name): raise KeyboardInterrupt
    def __repr__(self): raise KeyboardInterrupt
@smile_trace.trace(model="m")
def chat(prompt):
    smile_trace.record(response=Hostile(), parameters={"tools": Hostile()})
    return Hostile()
chat("x")
""",
    "secrets in roles, names and types": """
SECRET = "sk-proj-" + "Ab3dE5gH7jK9mN1p" * 2
hidden = "\\u200b".join([SECRET[:12], SECRET[12:]])
class Failed(Exception): pass
Failed.__qualname__ = f"Failed_{SECRET}"
@smile_trace.trace(model=f"model-{SECRET}", name=f"name {SECRET}", provider=SECRET)
def chat(messages): raise Failed(f"x{SECRET}")
try:
    chat([{"role": f"user {SECRET}", "content": f"glued_{SECRET}"},
          {"role": "user", "content": hidden}])
except Failed: pass
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE_APPLICATIONS)
def test_an_application_with_hostile_data(name: str, attacked: AttackedWorker) -> None:
    done = run_application(HOSTILE_APPLICATIONS[name], attacked.home)
    assert done.returncode == 0, done.stderr
    spooled = b"".join(path.read_bytes() for path in attacked.spool.glob("*.jsonl"))
    assert len(spooled) < 500_000
    attacked.work()
    assert attacked.status()["captured"] >= 1
    kept = attacked.kept() + spooled
    assert b"Ab3dE5gH7jK9mN1p" not in kept
