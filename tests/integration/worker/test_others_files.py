"""Files of others: tightened where they are ours, refused where they are not, never waited for."""

import os
import stat
import time
from pathlib import Path

import pytest
from sqlalchemy import event

from smile_trace.capture.spool import read_losses
from smile_trace.capture.spool.losses import temporary_folder
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.worker.ingest import BATCH_FILES, Ingest
from smile_trace.worker.lock import WorkerError, check_health
from tests.support.spooled import call_span, write_spool
from tests.support.worker_process import WorkerProcesses


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_ours_is_tightened(settings: Settings) -> None:
    Store.open(settings).close()
    settings.spool.mkdir()
    for folder in (settings.home, settings.spool):
        folder.chmod(0o777)
    (settings.home / "store.db").chmod(0o644)
    store = Store.open(settings)
    assert [mode(settings.home), mode(settings.spool)] == [0o700, 0o700]
    assert [mode(path) for path in settings.home.glob("store.db*")] == [0o600] * 3
    store.close()


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


def test_the_worker_goes_on_and_stops_within_ten_seconds(settings: Settings) -> None:
    settings.spool.mkdir(parents=True)
    os.mkfifo(settings.spool / "pipe.jsonl")
    (settings.spool / "link.jsonl").symlink_to("/dev/zero")
    workers = WorkerProcesses(settings.home, {})
    worker = workers.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(settings.spool.glob("refused/*"))) < 2:
        time.sleep(0.1)
    workers.stop(worker)
    workers.close()


def test_many_small_files_share_a_transaction(settings: Settings, store: Store) -> None:
    for number in range(2 * BATCH_FILES):
        write_spool(settings.spool, [call_span(number + 1)], f"{number}.jsonl")
    commits: list[object] = []
    event.listen(store.database.engine, "commit", commits.append)
    assert Ingest(store, settings).run().spans == 2 * BATCH_FILES
    assert len(commits) < 30


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
