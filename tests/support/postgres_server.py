"""Real PostgreSQL servers on loopback ports: one that a whole run shares, and one's own.

Tests are skipped where it is not installed, unless it is required.
"""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smile_trace.store.database.postgresql import PostgresDatabase
from tests.support.ports import steady_port
from tests.support.shared_server import Guard, Shared, shared_server

REQUIRED = "SMILE_TRACE_REQUIRE_POSTGRES"
"""Set to 1 where a missing PostgreSQL is a failure."""
FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
TEMPLATE = "empty_store"
SETTINGS = {
    "fsync": "off",  # a machine that loses its power loses this server's data folder, too
    "full_page_writes": "off",
    "max_connections": "400",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
}


class PostgresServer:
    """A running server, which other tests use at the same time.

    Its default order of texts is that of English, not of bytes.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://owner@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = TEMPLATE) -> str:
        """The address of a new database with an empty store, or after another template."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What a statement gives, as the owner of everything."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


class OwnPostgresServer(PostgresServer):
    """A server that can be stopped, killed and started again with its data kept.

    `started` hears of its process group and of its folder before it answers.
    """

    def __init__(self, programs: Path, started: Guard = lambda group, folder: None) -> None:
        super().__init__(steady_port())
        self._programs = programs
        # The server refuses to run as root; its folder is its user's.
        self._user = "postgres" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="smile-trace-postgres-"))
        self.log = self.folder / "server.log"
        self.log.touch()
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            for path in (self.folder, self.log):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = started
        order = ("--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8")
        asked = ("--auth=trust", "--username=owner", "--no-sync", *order)
        self._run("initdb", "-D", str(self.folder / "data"), *asked).wait()
        self.start()
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        database = PostgresDatabase(self.url(TEMPLATE))
        database.migrate()
        database.close()

    @property
    def pid(self) -> int:
        """The process whose children serve its clients."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self._process = self._run(
            "postgres", "-D", str(self.folder / "data"), "-h", "127.0.0.1", "-p", str(self.port),
            "-k", str(self.folder), *options,
        )  # fmt: skip
        self._started(self._process.pid, str(self.folder))
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()[-2000:]
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"PostgreSQL did not start: {self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it at once, as a crash does; what was committed stays."""
        if self._process is not None:
            self._process.send_signal(3)  # SIGQUIT: "immediate shutdown"
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it, and remove its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self._programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                user=self._user,
                start_new_session=True,  # Ctrl-C in the test run ends the tests first
            )


def programs() -> Path:
    """The folder of the server's programs; skips the test, or fails it where it is required."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).parent] if on_path else []
    found += [Path(path) for pattern in FOLDERS for path in sorted(glob.glob(pattern))[::-1]]
    for folder in found:
        if (folder / "initdb").exists():
            return folder
    sentence = "PostgreSQL is not installed: apt-get install postgresql"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> PostgresServer:
    """The running server of the run."""
    found = programs()

    def start(_: Path, guard: Guard) -> Shared:
        server = OwnPostgresServer(found, guard)
        return Shared(server.folder, server.port)

    return PostgresServer(shared_server(request.config, "postgres", start).port)


@pytest.fixture
def own_postgres_server() -> Iterator[OwnPostgresServer]:
    """A running server of this test alone, to be stopped."""
    server = OwnPostgresServer(programs())
    yield server
    server.close()
