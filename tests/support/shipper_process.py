"""`smile-trace ship` in a process of its own: something to kill."""

import os
import signal
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.support.command_line import start_command


class ShipperProcess:
    """Shippers, one after the other, on one home; their log is `ship.log` there."""

    def __init__(self, home: Path, url: str, **settings: str) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home = home
        self.log = home / "ship.log"
        named = {"url": url, "poll_seconds": "0.05", **settings}
        self._environment = os.environ | {
            "SMILE_TRACE_HOME": str(home),
            **{f"SMILE_TRACE_SHIP__{key.upper()}": value for key, value in named.items()},
        }
        self._process: ForkServerProcess | None = None

    def start(self, *options: str, **environment: str) -> None:
        """Start one."""
        env = self._environment | environment
        self._process = start_command("ship", *options, cwd=self.home, env=env, log=self.log)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.is_alive()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        os.kill(int(self._process.pid or 0), signal.SIGKILL)
        self.join()

    def stop(self) -> int:
        """End it as an operator does; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self.join()

    def join(self) -> int:
        """Wait for its end; its exit code."""
        assert self._process is not None
        self._process.join(120)
        code = self._process.exitcode
        assert code is not None, "it did not end"
        self._process = None
        return code

    def said(self) -> str:
        """Its log."""
        return self.log.read_text() if self.log.exists() else ""

    def waiting(self) -> list[bytes]:
        """Every line that still stands in the spool."""
        files = sorted((self.home / "spool").glob("*.jsonl"))
        return [line for file in files for line in file.read_bytes().splitlines()]

    def close(self) -> None:
        """Kill what still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
