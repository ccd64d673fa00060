"""A service of `smile-trace` in a process of its own: something to kill."""

import os
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.support.command_line import start_command


class ServiceProcess:
    """Processes of one command, one after the other, on one home; their log is `COMMAND.log` there.

    `settings` are those of the command's table.
    """

    def __init__(self, command: str, home: Path, **settings: str) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home = home
        self.log = home / f"{command}.log"
        self._command = command
        table = f"SMILE_TRACE_{command.upper()}__"
        self._environment = os.environ | {
            "SMILE_TRACE_HOME": str(home),
            **{f"{table}{key.upper()}": value for key, value in settings.items()},
        }
        self._last: ForkServerProcess | None = None

    @property
    def pid(self) -> int:
        """The running process."""
        return int(self._process.pid or 0)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._last is not None and self._last.is_alive()

    def start(self, *options: str, **environment: str) -> None:
        """Start one."""
        env = self._environment | environment
        self._last = start_command(self._command, *options, cwd=self.home, env=env, log=self.log)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self.join()

    def stop(self) -> int:
        """End it as an operator does; its exit code."""
        self._process.terminate()
        return self.join()

    def join(self) -> int:
        """Wait for its end; its exit code."""
        self._process.join(120)
        code = self._process.exitcode
        assert code is not None, "it did not end"
        self._last = None
        return code

    def said(self) -> str:
        """Its log."""
        return self.log.read_text() if self.log.exists() else ""

    def spooled(self) -> list[bytes]:
        """Every line of the spool."""
        files = sorted((self.home / "spool").glob("*.jsonl"))
        return [line for file in files for line in file.read_bytes().splitlines()]

    def close(self) -> None:
        """Kill what still runs."""
        if self._last is not None:
            self.kill()

    @property
    def _process(self) -> ForkServerProcess:
        assert self._last is not None
        return self._last
