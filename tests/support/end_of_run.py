"""Ends a server once a test run is over, however that ends: `python end_of_run.py LOCK PID FOLDER`.

The run holds a lock on the file LOCK; the system gives it up when its process ends, even by
`kill -9`. Then the process group PID is ended, and FOLDER is removed unless it is empty text. It
needs the standard library alone, so that it takes next to nothing.
"""

import fcntl
import os
import shutil
import signal
import sys
import time
from contextlib import suppress


def main(lock: str, group: int, folder: str) -> None:
    """Wait for the end of the run, and leave nothing behind."""
    with open(lock, "rb") as run:
        fcntl.flock(run, fcntl.LOCK_EX)
    # PostgreSQL gives its shared memory back on SIGQUIT; whoever goes on after it is killed.
    for number, seconds in ((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.killpg(group, number)
        deadline = time.monotonic() + seconds
        while _lives(group) and time.monotonic() < deadline:
            time.sleep(0.05)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
