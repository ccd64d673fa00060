"""Files of others: tightened where they are ours, refused where they are not, never waited for.

And a second real user of the machine, who reads nothing, disturbs nothing, and is not believed.
"""

import json
import os
import stat
from pathlib import Path

import psutil
import pytest
from sqlalchemy import event

from smile_trace.demo.trackers import free_port
from smile_trace.settings import Settings
from smile_trace.spool import read_losses
from smile_trace.spool.losses import temporary_folder
from smile_trace.store import Store, StoreError
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.lock import WorkerError, check_health
from tests.support.application_process import run_application, spooled_calls
from tests.support.other_user import as_user
from tests.support.planted import PlantedServer
from tests.support.spooled import call_span, write_spool
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import capture, settings_tables, wait_for


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_ours_is_tightened(settings: Settings) -> None:
    Store.open(settings).close()
    settings.spool.mkdir()
    for folder in (settings.home, settings.spool):
        folder.chmod(0o777)
    (settings.home / "store.db").chmod(0o644)
    with Store.open(settings):
        assert [mode(settings.home), mode(settings.spool)] == [0o700, 0o700]
        assert [mode(path) for path in settings.home.glob("store.db*")] == [0o600] * 3


@pytest.mark.parametrize("name", ["", "spool", "store.db", "engine.db", "worker.lock"])
def test_what_is_another_users_is_refused(name: str, settings: Settings, other: int) -> None:
    Store.open(settings).close()
    path = settings.home / name
    if name == "spool":
        path.mkdir()
    path.touch()
    os.chown(path, other, other)
    with pytest.raises(StoreError, match=r"belongs to the user nobody.*`sudo chown -R 0"):
        Store.open(settings)


@pytest.mark.parametrize("planted", ["", "spool", "a link"])
def test_capture_and_status_use_nothing_of_another_user(
    planted: str, settings: Settings, other: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    target = tmp_path / "target"
    for folder in (settings.home, target):
        folder.mkdir(mode=0o700)
    if planted == "a link":
        settings.spool.symlink_to(target)
    else:
        settings.spool.mkdir(mode=0o700)
    path = settings.home if planted == "" else settings.spool
    os.chown(path, other, other, follow_symlinks=False)
    calls = "ask('one')\nask('two')"
    done = run_application(calls, settings.home, {"TMPDIR": str(tmp_path)})
    assert done.returncode == 0
    assert done.stderr.count("belongs to the user nobody, and is not used") == 1
    assert [*settings.spool.iterdir(), *target.iterdir()] == []
    assert read_losses(settings.spool) == {"the home or its spool belongs to another user": 2}
    with pytest.raises(StoreError, match="belongs to the user nobody"):
        Store.look(settings)


@pytest.mark.parametrize("name", ["store.db", "engine.db", "worker.lock"])
def test_a_link_in_the_home_is_not_followed(name: str, settings: Settings, tmp_path: Path) -> None:
    settings.home.mkdir(mode=0o700)
    target = tmp_path / "target"
    target.touch()
    (settings.home / name).symlink_to(target)
    with pytest.raises(StoreError, match="symbolic link, which is not followed"):
        Store.open(settings)
    assert target.stat().st_size == 0


def test_a_pipe_in_place_of_the_lock_holds_up_nobody(settings: Settings) -> None:
    settings.home.mkdir(mode=0o700)
    os.mkfifo(settings.home / "worker.lock")
    with pytest.raises(WorkerError, match="is a pipe"):
        check_health(settings.home)


def test_what_is_no_file_of_ours_is_set_aside_unread(
    settings: Settings, store: Store, other: int, tmp_path: Path
) -> None:
    spool = settings.spool
    write_spool(spool, [call_span(1)], "a.jsonl")
    (spool / "link.jsonl").symlink_to("/dev/zero")
    (spool / "nowhere.jsonl").symlink_to(tmp_path / "nowhere")
    os.mkfifo(spool / "pipe.jsonl")
    os.mknod(spool / "device.jsonl", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    os.chown(write_spool(spool, [call_span(2)], "forged.jsonl"), other, other)
    write_spool(spool, [call_span(3)], "z.jsonl")
    assert Ingest(store, settings).run().spans == 2
    assert [path.name for path in spool.iterdir()] == ["refused"]
    assert len(list((spool / "refused").iterdir())) == 5
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT file, error FROM corrupt_lines")
        reasons = {row.file: row.error for row in rows}
    assert "is a symbolic link" in reasons["link.jsonl"]
    assert "is a pipe" in reasons["pipe.jsonl"]
    assert "is a device" in reasons["device.jsonl"]
    assert "belongs to the user nobody" in reasons["forged.jsonl"]


def test_many_small_files_share_a_transaction(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smile_trace.worker.ingest.BATCH_FILES", 20)
    for number in range(40):
        write_spool(settings.spool, [call_span(number + 1)], f"{number}.jsonl")
    commits: list[object] = []
    event.listen(store.database.engine, "commit", commits.append)
    assert Ingest(store, settings).run().spans == 40
    assert len(commits) < 20


def test_losses_are_believed_only_where_this_user_alone_writes(
    tmp_path: Path, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder, spool = temporary_folder(), tmp_path / "spool"
    folder.mkdir()
    noted = folder / "1-a.losses.json"
    noted.write_text(f'{{"spool": "{spool}", "lost": {{"forged": 7}}}}')
    assert read_losses(spool) == {"forged": 7}
    os.chown(noted, other, other)
    assert read_losses(spool) == {}
    os.chown(noted, 0, 0)
    os.chown(folder, other, other)
    assert read_losses(spool) == {}
    os.chown(folder, 0, 0)
    folder.chmod(0o777)
    assert read_losses(spool) == {}
    folder.chmod(0o700)
    os.mkfifo(folder / "2-b.losses.json")
    assert read_losses(spool) == {"forged": 7}


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
        home.mkdir(mode=0o700)
        workers = WorkerProcesses(home, tables)
        worker = workers.start()
        capture(ours, 1, 2)
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


@pytest.mark.slow
def test_what_capture_writes_is_closed_whatever_the_umask(shared_folder: Path, other: int) -> None:
    home = shared_folder / "home"
    done = run_application("os.umask(0)\nask('a secret')", home)
    assert (done.returncode, done.stderr) == (0, "")
    assert [call.messages[0].content for call in spooled_calls(home)] == ["a secret"]
    for path in [home, *home.rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    [file] = (home / "spool").glob("*.jsonl")
    assert "PermissionError" in as_user(other, f"open({str(file)!r}).read()").stderr
