"""A second real user of the machine reads nothing, disturbs nothing, and is not believed."""

import json
import os
import stat
from pathlib import Path

import psutil
import pytest

from smile_trace.demo.servers import free_port
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.application_process import run_application, spooled_calls
from tests.support.command_line import run_command
from tests.support.other_user import as_user
from tests.support.planted import PlantedServer
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import capture, settings_tables, wait_for

ATTACKS = r"""
import fcntl, json, os, socket, stat
from pathlib import Path
from urllib.request import urlopen

home, pid, port = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
spool = home / "spool"
files = [home / name for name in json.loads(sys.argv[4])]
attacks = {
    "list the home": lambda: os.listdir(home),
    "list the spool": lambda: os.listdir(spool),
    "plant a pipe": lambda: os.mkfifo(spool / "a.jsonl"),
    "plant a link": lambda: os.symlink("/dev/zero", spool / "b.jsonl"),
    "plant a line": lambda: (spool / "c.jsonl").write_text("{}"),
    "plant a store": lambda: (home / "store.db-journal").write_text("x"),
    "plant settings": lambda: (home / "smile_trace.toml").write_text("[sampling]\nrate = 1.0"),
    "move the home away": lambda: os.rename(home, home.with_name("moved")),
    "open the home to all": lambda: os.chmod(home, 0o777),
    "end the worker": lambda: os.kill(pid, 15),
    "read its environment": lambda: Path(f"/proc/{pid}/environ").read_bytes(),
    "read its memory": lambda: open(f"/proc/{pid}/mem", "rb").read(1),
    "list its files": lambda: os.listdir(f"/proc/{pid}/fd"),
}
for file in files:
    attacks[f"read {file.name}"] = lambda file=file: file.read_bytes()
    attacks[f"write {file.name}"] = lambda file=file: file.open("ab")
    attacks[f"lock {file.name}"] = lambda file=file: fcntl.flock(file.open("rb"), fcntl.LOCK_EX)
    attacks[f"remove {file.name}"] = lambda file=file: file.unlink()
succeeded = []
for name, attack in attacks.items():
    try:
        attack()
    except PermissionError:
        continue
    except Exception as error:
        name = f"{name}: {error!r}"
    succeeded.append(name)
metrics = ""
if port:
    metrics = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
    for garbage in (b"\x00" * 70_000, b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", b"POST / HTTP/9"):
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(garbage)
print(json.dumps({"succeeded": succeeded, "metrics": metrics}))
"""


@pytest.mark.slow
def test_of_a_running_worker(server: PlantedServer, other: int, shared_folder: Path) -> None:
    home, port = shared_folder / "home", free_port(0)
    tables = settings_tables(server.base_url, {"worker": {"metrics_port": port}})
    ours = Settings(home=home, **tables)
    old = os.umask(0)
    try:
        workers = WorkerProcesses(_made(home), tables)
        worker = workers.start()
        capture(ours, 1)
        wait_for(lambda: len(workers.tracker.visible("explanation")) == 1)
        capture(ours, 2)
        wait_for(lambda: len(workers.tracker.visible("explanation")) == 2)
        files = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
        assert {"store.db", "engine.db", "worker.lock"} <= set(files)
        pid = worker.pid
        assert pid is not None
        done = as_user(other, ATTACKS, str(home), str(pid), str(port), json.dumps(files))
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["succeeded"] == []
        assert "smile_trace" in result["metrics"]
        assert "refund" not in result["metrics"]
        listening = [c for c in psutil.Process(pid).net_connections() if c.status == "LISTEN"]
        assert [(c.laddr.ip, c.laddr.port) for c in listening] == [("127.0.0.1", port)]
        capture(ours, 3)
        wait_for(lambda: len(workers.tracker.visible("explanation")) == 3)
        worker.terminate()
        worker.join(30)
        assert worker.exitcode == 0, workers.log()
    finally:
        os.umask(old)
        workers.close()
    assert "Traceback" not in workers.log()


def _made(home: Path) -> Path:
    home.mkdir(mode=0o700)
    return home


def test_what_capture_writes_is_closed_whatever_the_umask(shared_folder: Path, other: int) -> None:
    home = shared_folder / "home"
    done = run_application("os.umask(0)\nask('a secret')", home)
    assert (done.returncode, done.stderr) == (0, "")
    assert [call.messages[0].content for call in spooled_calls(home)] == ["a secret"]
    for path in [home, *home.rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    [file] = (home / "spool").glob("*.jsonl")
    assert "PermissionError" in as_user(other, f"open({str(file)!r}).read()").stderr


def test_a_temporary_folder_of_theirs_is_neither_written_nor_believed(
    shared_folder: Path, other: int, tmp_path: Path
) -> None:
    """Its name is known beforehand, and everybody can make it first."""
    folder, target = shared_folder / f"smile-trace-{os.getuid()}", shared_folder / "target"
    home = tmp_path / "home"
    home.write_text("a file, so that every record is lost")
    planted = {"spool": str(home / "spool"), "lost": {"forged": 7}}
    code = (
        "import json, os\n"
        f"os.mkdir({str(folder)!r}, 0o777); os.chmod({str(folder)!r}, 0o777)\n"
        f"open({str(folder / '1-a.losses.json')!r}, 'w').write({json.dumps(planted)!r})\n"
        f"open({str(target)!r}, 'w').close(); os.chmod({str(target)!r}, 0o666)\n"
    )
    made = as_user(other, code)
    assert made.returncode == 0, made.stderr
    body = (
        "for i in range(5): assert ask(str(i)) == f'answer to {i}'\n"
        "from pathlib import Path\n"
        "from smile_trace.capture.spool import read_losses\n"
        f"print(read_losses(Path({str(home / 'spool')!r})))"
    )
    done = run_application(body, home, {"TMPDIR": str(shared_folder)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "{}"
    assert sorted(path.name for path in folder.iterdir()) == ["1-a.losses.json"]
    assert target.stat().st_size == 0


@pytest.mark.parametrize("command", [("worker", "--once"), ("status",), ("doctor",)])
def test_a_home_of_theirs_is_refused_with_the_command_to_run(
    command: tuple[str, ...], shared_folder: Path, other: int
) -> None:
    home = shared_folder / "home"
    code = f"os.mkdir({str(home)!r}, 0o777); open({str(home / 'store.db')!r}, 'w')"
    assert as_user(other, code).returncode == 0
    before = sorted(home.rglob("*"))
    env = {**os.environ, "SMILE_TRACE_HOME": str(home)}
    done = run_command(*command, cwd=shared_folder, env=env)
    said = (done.stdout + done.stderr).decode()
    assert "belongs to the user nobody" in said.replace("\n", " ")
    assert f"sudo chown -R {os.geteuid()} {home}" in said.replace("\n", " ")
    assert "Traceback" not in said
    assert sorted(home.rglob("*")) == before


@pytest.mark.slow
def test_records_of_theirs_are_not_ours(
    shared_folder: Path, other: int, server: PlantedServer
) -> None:
    """A spool that was open to all when they wrote into it."""
    home = shared_folder / "home"
    ours = Settings(home=home, **settings_tables(server.base_url, {}))
    capture(ours, 1)
    ours.spool.chmod(0o777)
    home.chmod(0o755)
    [file] = ours.spool.glob("*.jsonl")
    file.chmod(0o644)
    forged = ours.spool / "forged.jsonl"
    code = f"open({str(forged)!r}, 'w').write(open({str(file)!r}).read().replace('1', '2'))"
    made = as_user(other, code)
    assert made.returncode == 0, made.stderr
    workers = WorkerProcesses(home, settings_tables(server.base_url, {}))
    workers.finish()
    workers.close()
    store = Store.open(ours)
    assert store.status().captured == 1
    store.close()
    assert len(list(ours.spool.glob("refused/*-forged.jsonl"))) == 1
    assert stat.S_IMODE(ours.spool.stat().st_mode) == 0o700
