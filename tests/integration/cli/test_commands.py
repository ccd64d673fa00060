"""The worker's commands as processes: output and exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from smile_trace.dialects import version_of
from smile_trace.render import STATUS_WORDS
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.tables import calls
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.lock import worker_lock
from tests.support.command_line import run_command
from tests.support.planted import PlantedServer, serving
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.worker_settings import WORD, planted_answer

PROMPT = f"please give me my {WORD} now"


class Shell:
    """Runs `smile-trace` in a folder with settings of its own."""

    def __init__(self, folder: Path, server: PlantedServer) -> None:
        self.folder = folder
        self.home = folder / "home"
        (folder / "smile_trace.toml").write_text(
            f'[models.planted]\nkind = "endpoint"\nbase_url = "{server.base_url}"\n'
            "[sampling]\nrate = 1.0\n[budget]\ncalls_per_explanation = 12\n"
        )
        names = {"PATH", "HOME", "PYTHONPATH", "LANG"}
        self._environment = {name: os.environ[name] for name in names & set(os.environ)}
        self._environment["SMILE_TRACE_HOME"] = str(self.home)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "smile_trace", *arguments],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        done = run_command(*arguments, cwd=self.folder, env=self._environment)
        return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def server() -> Iterator[PlantedServer]:
    with serving(planted_answer) as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, server: PlantedServer) -> Shell:
    return Shell(tmp_path, server)


def test_from_the_spool_to_the_status(shell: Shell) -> None:
    write_spool(
        shell.home / "spool",
        [
            call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT)),
            call_span(2, model="\x1b[31mevil"),
        ],
    )
    code, out, err = shell.run("worker", "--once")
    assert (code, out) == (0, "")
    assert "1 of 1 sampled calls are explained, 1 cannot be explained: smile-trace status" in err
    code, out, _ = shell.run("status", "--json")
    status = json.loads(out)
    assert code == 0
    assert (status["captured"], status["explained"], status["skipped"]) == (2, 1, 1)
    code, out, _ = shell.run("status")
    assert code == 0
    assert "\x1b" not in out
    [line] = [line for line in out.splitlines() if "no model for" in line]
    assert line.rstrip().endswith(status["skipped_by_reason"][0]["reason"][-20:])  # whole
    listed = shell.run("calls")[1]
    assert re.search(rf"^{1:032x} \S+ {'|'.join(STATUS_WORDS)} ", listed, re.MULTILINE)
    assert re.search(rf"^{2:032x} \S+ skipped ", listed, re.MULTILINE)
    assert "    1 skipped: no model for" in listed
    whole = [json.loads(line) for line in shell.run("calls", "--json")[1].splitlines()]
    assert [(one["job"]["state"], one["explanation"]) for one in whole] == [
        ("explained", next(name for name in STATUS_WORDS if status[name])),
        ("skipped", None),
    ]
    code, out, _ = shell.run("retry", f"{1:032x}")
    assert (code, out) == (0, "1 call waits for the worker.\n")
    code, _, err = shell.run("retry", f"{2:032x}")
    assert code == 1
    assert err.startswith("smile-trace: that call cannot be explained: no model for")


@pytest.mark.slow
def test_a_call_is_explained_once_its_model_is_mapped(shell: Shell) -> None:
    span = call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT), model="unmapped")
    now = time.time_ns()
    recent = span.model_copy(update={"start_ns": now, "end_ns": now + 1000})
    write_spool(shell.home / "spool", [recent])
    assert json.loads(shell.run("status", "--json")[1])["unread_files"] == 1
    shell.run("worker", "--once")
    assert json.loads(shell.run("status", "--json")[1])["skipped"] == 1
    settings = shell.folder / "smile_trace.toml"
    settings.write_text(settings.read_text().replace("[models.planted]", "[models.unmapped]"))
    _, _, err = shell.run("worker", "--once")
    status = json.loads(shell.run("status", "--json")[1])
    counts = status["skipped"], status["explained"], status["unread_files"]
    assert counts == (0, 1, 0), (err, status)


def test_a_dry_run_bounds_the_cost_and_asks_nothing(shell: Shell, server: PlantedServer) -> None:
    spans = [call_span(n, prompt=PROMPT, answer=planted_answer(PROMPT)) for n in (1, 2)]
    write_spool(shell.home / "spool", [*spans, call_span(3, model="\x1b[31mevil")])
    for _ in range(2):  # it decides nothing
        code, out, err = shell.run("worker", "--dry-run")
        assert (code, err) == (0, "")
        assert out.splitlines()[1].split()[:3] == ["planted", "2", "24"]
        assert "No price is known for planted" in out
        assert "Skipped: 1, no model for" in out
        assert "The caps allow 2,000 calls and $1.0000 more today (UTC)." in out
        assert "\x1b" not in out
    planned = json.loads(shell.run("worker", "--dry-run", "--json")[1])
    [model] = planned["models"]
    assert (model["model"], model["calls"], model["usd"]) == ("planted", 24, None)
    assert planned["left"]["calls"] == 2000
    assert server.bodies == []
    assert shell.run("worker", "--once")[0] == 0
    assert len(server.bodies) <= 24
    code, out, _ = shell.run("worker", "--dry-run")
    assert out.startswith("Nothing is waiting to be explained.")
    assert "worker is running here" not in out
    with worker_lock(shell.home):
        out = shell.run("worker", "--dry-run")[1]
    assert "A worker is running here and reads the spool itself" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retry",), "give one call's id, --failed or --proxies."),
        (("retry", "abc", "--failed"), "give one call's id, --failed or --proxies."),
        (("worker", "--log", "xml"), "--log is text or json"),
        (("worker", "--json"), "--json needs --dry-run"),
        (("health",), "start smile-trace worker"),
        (("deliver", "--to", "phoenix", "--since", "7d"), "write a table [trackers.phoenix]"),
        (("deliver", "--to", "phoenix", "--since", "soon"), "--since 'soon' is not a time"),
        (("reread", "--since", "soon"), "--since 'soon' is not a time"),
    ],
)
def test_errors_are_one_sentence_with_exit_code_1(
    arguments: tuple[str, ...], said: str, shell: Shell
) -> None:
    code, out, err = shell.run(*arguments)
    assert (code, out) == (1, "")
    assert said in err
    assert err.startswith("smile-trace: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("status", "--json"),
        ("store", "export"),
        ("retry", "--failed"),
        ("reread", "--since", "7d"),
        ("worker", "--dry-run"),
        ("explain", "f" * 32),
        ("compare", "greet"),
    ],
)
def test_commands_that_only_read_create_no_home(arguments: tuple[str, ...], shell: Shell) -> None:
    code, out, err = shell.run(*arguments)
    assert (code, out) == (1, "")
    assert f"there is nothing of smile-trace in {shell.home}: see whether SMILE_TRACE_HOME" in err
    assert not shell.home.exists()


def test_status_counts_unread_files_and_creates_nothing(shell: Shell) -> None:
    written = write_spool(shell.home / "spool", [call_span(1)])
    code, out, _ = shell.run("status")
    assert code == 0
    assert "1 spool file waits to be read by the worker, the oldest line has waited " in out
    assert [path for path in shell.home.rglob("*") if path.is_file()] == [written]


def test_a_tracker_that_came_later_gets_a_period_on_request(shell: Shell) -> None:
    now = time.time_ns()
    week = [call_span(n).model_copy(update={"start_ns": now, "end_ns": now}) for n in (1, 2)]
    write_spool(shell.home / "spool", [*week, call_span(3)])
    settings = Settings(home=shell.home)
    store = Store.open(settings)
    store.outbox.add(["mlflow"])
    Ingest(store, settings).run()
    with (shell.folder / "smile_trace.toml").open("a") as file:
        file.write('[trackers.phoenix]\nurl = "http://127.0.0.1:9"\n')
    deliver = ("deliver", "--to", "phoenix", "--since", "7d")
    would = "For phoenix: 2 traces would be queued.\n"
    assert [shell.run(*deliver, "--dry-run") for _ in range(2)] == [(0, would, "")] * 2
    are = "For phoenix: 2 traces are queued. smile-trace worker delivers them.\n"
    assert shell.run(*deliver) == (0, are, "")
    there = "Nothing from that time is new for phoenix: 2 traces are there, or on the way.\n"
    assert shell.run(*deliver) == (0, there, "")
    due = store.outbox.due("phoenix", {"trace": 9}, now=0.0)["trace"]
    assert [delivery.item for delivery in due] == [trace_id(1), trace_id(2)]
    store.close()


def test_calls_are_read_again_on_request(shell: Shell) -> None:
    settings = Settings(home=shell.home)
    write_spool(shell.home / "spool", [call_span(1), call_span(2)])
    store = Store.open(settings)
    Ingest(store, settings).run()
    assert shell.run("reread", "--since", "2020-01-01") == (
        0,
        "2 traces read again: every call is read as before.\n",
        "",
    )
    call = f"{trace_id(1)}:{span_id(1)}"
    with store.database.write() as connection:  # as a dialect of before read it
        of_it = calls.c.id == call
        body = connection.execute(select(calls.c.body).where(of_it)).scalar_one()
        before = body.replace("nice", "kind")
        connection.execute(update(calls).where(of_it).values(body=before, packed=None))
    line = f"{call}  messages, answer (read by {version_of('gen_ai')})\n"
    would = "2 traces read again: 1 call is read differently, and nothing was changed.\n"
    for _ in range(2):
        assert shell.run("reread", "--since", "2020-01-01", "--dry-run")[1] == line + would
    does = "2 traces read again: 1 call is read differently.\n"
    assert shell.run("reread", "--since", "2020-01-01")[1] == line + does
    assert store.trace(trace_id(1)).calls[0].answer == "something nice"
    store.close()


@pytest.mark.slow
def test_retry_says_whether_any_call_failed(shell: Shell, server: PlantedServer) -> None:
    refused: tuple[int, dict[str, str], Any] = (400, {}, {"error": {"message": "not today"}})
    write_spool(shell.home / "spool", [call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT))])
    assert shell.run("retry", "--failed")[1] == "No call has failed.\n"
    server.faults = [refused] * 20
    assert shell.run("worker", "--once")[0] == 0
    assert shell.run("retry", "--failed")[1] == "1 failed call waits for the worker again.\n"
    said = "No call has failed; 1 waits already: smile-trace status says what for.\n"
    assert shell.run("retry", "--failed")[1] == said
    code, _, err = shell.run("retry", "abc")
    assert code == 1
    assert "no call's id begins with 'abc'" in err


def test_doctor_says_what_to_do(shell: Shell) -> None:
    code, out, _ = shell.run("doctor", "--json")
    findings = {finding["about"]: finding for finding in json.loads(out)}
    assert code == 0  # without a tracker the explanations stay in the store
    assert findings["model planted"]["level"] == "good"
    assert findings["trackers"]["level"] == "note"
    assert "MLFLOW_TRACKING_URI" in findings["trackers"]["said"]
    (shell.folder / "smile_trace.toml").write_text(
        '[models.gone]\nkind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\nproxy = "small"\n'
        '[models.small]\nkind = "local"\npath = "/none.gguf"\n'
    )
    code, out, _ = shell.run("doctor")
    assert code == 1
    assert "127.0.0.1:9 does not answer" in out
    assert "✗ model small: " in out
    assert "proxy small" not in out  # a table of its own, and said once
    assert "correct base_url" in out


@pytest.mark.slow
def test_doctor_repairs_only_where_no_worker_runs(shell: Shell) -> None:
    write_spool(shell.home / "spool", [call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT))])
    assert shell.run("worker", "--once")[0] == 0
    _, out, _ = shell.run("doctor", "--repair")
    assert "repair: removed 0 traces, 0 answers, 0 corrupt lines; the store takes 0." in out
    with worker_lock(shell.home):
        _, out, _ = shell.run("doctor", "--repair")
    assert "repair: nothing was removed: another worker runs" in out


@pytest.mark.slow
def test_a_running_worker_is_healthy_logs_json_and_stops_on_sigterm(
    shell: Shell,
) -> None:
    write_spool(shell.home / "spool", [call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT))])
    worker = shell.start("worker", "--log", "json")
    deadline = time.monotonic() + 300
    while shell.run("health")[0]:
        assert time.monotonic() < deadline
    worker.send_signal(signal.SIGTERM)
    out, err = worker.communicate(timeout=120)
    assert (worker.returncode, out) == (0, "")
    assert all(json.loads(line)["level"] for line in err.splitlines())


def test_export_and_import(shell: Shell, tmp_path: Path) -> None:
    write_spool(shell.home / "spool", [call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT))])
    assert shell.run("worker", "--once")[0] == 0
    file = tmp_path / "explained.jsonl"
    code, out, _ = shell.run("store", "export", str(file))
    assert (code, out) == (0, f"1 explanation written to {file}.\n")
    assert shell.run("store", "export")[1] == file.read_text(encoding="utf-8")
    code, out, _ = shell.run("store", "import", str(file))
    assert (code, out) == (0, "0 imported, 1 already there.\n")
    code, _, err = shell.run("store", "import", str(tmp_path / "gone"))
    assert (code, err) == (
        1,
        f"smile-trace: {tmp_path / 'gone'} cannot be read: No such file or directory\n",
    )


@pytest.mark.slow
def test_once_names_paused_models(shell: Shell, server: PlantedServer) -> None:
    server.faults = [(401, {}, {"error": {"message": "wrong key"}})] * 100
    write_spool(shell.home / "spool", [call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT))])
    code, _, err = shell.run("worker", "--once")
    assert code == 0
    assert "0 of 1 sampled calls are explained, 1 wait" in err
    assert "Paused, so that its calls wait for the next worker: planted: " in err
    assert "wrong key" in err
    _, out, _ = shell.run("status")
    assert "next try when a worker runs" in out
    assert out.count("wrong key") == 1
    _, _, err = shell.run("worker", "--once")
    assert f"the worker starts on {shell.home}; models: planted; trackers: none" in err
    assert "planted is still paused, and tried now: " in err


def test_forget_says_what_it_removed(shell: Shell) -> None:
    users: list[dict[str, Any]] = [{"user.id": f"user {n}"} for n in (1, 2)]
    spans = [call_span(n, prompt=PROMPT, **user) for n, user in enumerate(users, start=1)]
    write_spool(shell.home / "spool", spans)
    shell.run("worker", "--once")
    code, out, err = shell.run("forget", trace_id(1))
    assert (code, err) == (0, "")
    assert out.startswith("Forgotten: 1 trace with 1 call, 1 explanation, ")
    assert shell.run("forget", trace_id(1))[:1] == (0,)  # asked again, it looks again
    code, out, _ = shell.run("forget", "--user", "user 2", "--json")
    done = json.loads(out)
    assert code == 0
    assert (done["trace_ids"], done["erased"]["calls"], done["left"]) == ([trace_id(2)], 1, [])
    assert json.loads(shell.run("status", "--json")[1])["captured"] == 0


def test_forget_says_what_is_not_there(shell: Shell) -> None:
    code, out, err = shell.run("forget", trace_id(1))
    assert (code, out) == (1, "")
    assert f"there is nothing of smile-trace in {shell.home}" in err
    shell.home.mkdir(mode=0o700)
    write_spool(shell.home / "spool", [call_span(1, prompt=PROMPT)])
    (shell.home / "spool").chmod(0o700)
    said = {
        (trace_id(9),): f"there is no trace '{trace_id(9)}' here: nothing was removed.",
        ("--user", "nobody"): "no trace here belongs to the user 'nobody': nothing was removed.",
        ("--session", "s"): "no trace here belongs to the session 's': nothing was removed.",
        (): "give one trace's id, --session or --user.",
        (trace_id(1), "--user", "u"): "give one trace's id, --session or --user.",
    }
    for arguments, sentence in said.items():
        assert shell.run("forget", *arguments) == (1, "", f"smile-trace: {sentence}\n")
