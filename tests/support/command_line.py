"""`smile-trace` in a process of its own that is forked with everything imported.

It behaves as `python -m smile_trace` does, without the seconds that imports take. Where a
command has to be started as a person starts it (a terminal, Ctrl-C), start Python instead.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from smile_trace.cli import main
from tests.support.forked import FORKS


def run_command(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run `smile-trace` with these arguments until it ends, in this environment unless given."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        files[0].write_bytes(stdin)
        environment = dict(os.environ if env is None else env)
        process = FORKS.Process(
            target=_main, args=(arguments, str(cwd), environment, [str(file) for file in files])
        )
        process.start()
        process.join(600)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"smile-trace {' '.join(arguments)} did not end")
        return subprocess.CompletedProcess(
            ["smile-trace", *arguments],
            process.exitcode,
            files[1].read_bytes(),
            files[2].read_bytes(),
        )


def start_command(
    *arguments: str, cwd: Path, env: Mapping[str, str], log: Path
) -> ForkServerProcess:
    """Start `smile-trace` with these arguments; `terminate()` sends it SIGTERM.

    What it says is appended to `log`.
    """
    files = [os.devnull, str(log), str(log)]
    process = FORKS.Process(target=_main, args=(arguments, str(cwd), dict(env), files))
    process.start()
    return process


def _main(arguments: tuple[str, ...], cwd: str, env: dict[str, str], files: list[str]) -> None:
    for descriptor, file in enumerate(files):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if descriptor else os.O_RDONLY
        os.dup2(os.open(file, flags, 0o600), descriptor)
    sys.stdin = os.fdopen(0, closefd=False)  # multiprocessing has given it another
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # another's, looked up before
    sys.argv = ["smile-trace", *arguments]
    main()
