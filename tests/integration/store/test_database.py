"""The store under several processes, in folders that cannot be entered, and on a full disk."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.groups import Group
from smile_trace.store.tables import groups
from tests.support.forked import FORKS
from tests.support.paths import ROOT
from tests.support.stores import on_sqlite


def _count(home: str, url: str | None) -> None:
    store = Store.open(Settings(home=Path(home), store={"url": url}))
    for _ in range(50):
        with store.database.write() as connection:
            n = connection.execute(select(groups.c.chosen)).scalar_one()
            connection.execute(update(groups).values(chosen=n + 1))
    store.close()


def test_writers_in_other_processes_and_threads_wait_for_each_other(
    settings: Settings, store: Store
) -> None:
    with store.database.write() as connection:
        connection.execute(insert(groups).values(**Group("function", "a").values, chosen=0))
    where = str(settings.home), settings.store.url
    writers = [kind(target=_count, args=where) for kind in (FORKS.Process, threading.Thread) * 2]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.jobs.chosen({Group("function", "a")}) == {Group("function", "a"): 200}


def _run(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run code whose argument is a home that it may lock."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, cwd=ROOT
    )
    home.chmod(0o700)
    return done


def test_a_home_that_may_not_be_entered_is_said(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from smile_trace.settings import Settings\n"
        "from tests.support.capabilities import obey_permissions\n"
        "from smile_trace.store import Store, StoreError\n"
        "from smile_trace.store.store import check_home\n"
        "home = Path(sys.argv[1])\n"
        "(home / 'spool').mkdir(parents=True); home.chmod(0o000)\n"
        "obey_permissions()\n"
        "for look in (Store.look, check_home):\n"
        "    try:\n"
        "        look(Settings(home=home))\n"
        "    except StoreError as error:\n"
        "        print(error)\n"
    )
    home = tmp_path / "home"
    done = _run(code, home)
    said = f"{home} cannot be read (Permission denied): let this user read it"
    assert [line.startswith(said) for line in done.stdout.splitlines()] == [True, True], done


def test_a_read_only_home_is_said(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from smile_trace.settings import Settings\n"
        "from tests.support.capabilities import obey_permissions\n"
        "from smile_trace.store import Store, StoreError\n"
        "home = Path(sys.argv[1])\n"
        "Store.open(Settings(home=home)).close()\n"
        "home.chmod(0o555); (home / 'store.db').chmod(0o444)\n"
        "obey_permissions()\n"
        "try:\n"
        "    store = Store.open(Settings(home=home))\n"
        "    store.pauses.clear('x')\n"
        "except StoreError as error:\n"
        "    print(error)\n"
    )
    done = _run(code, tmp_path / "home")
    assert "writable for this user" in done.stdout, done.stderr


@on_sqlite
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit")
def test_a_full_disk_is_said_and_loses_nothing(settings: Settings) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from smile_trace.settings import Settings; from smile_trace.store import Store\n"
        "from smile_trace.store import StoreError\n"
        "store = Store.open(Settings(home=Path(sys.argv[1])))\n"
        "store.database.engine.dispose()\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "size = 300_000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "written = 0\n"
        "try:\n"
        "    for number in range(10_000):\n"
        "        with store.database.write() as c:\n"
        "            name = 'x' * 500 + str(number)\n"
        "            row = ('', name, '', 1, 0)\n"
        "            c.exec_driver_sql('INSERT INTO groups VALUES (?, ?, ?, ?, ?)', row)\n"
        "        written += 1\n"
        "except StoreError as error:\n"
        "    print(error); print(written)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(settings.home)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said, written = done.stdout.splitlines()
    assert "see whether it is full" in said or "free some space" in said
    store = Store.open(settings)
    with store.database.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM groups").scalar()
    store.close()
    assert kept == int(written)
