"""The real worker in a process of its own, delivering into a folder: something to kill.

`python -m tests.support.worker_process HOME SETTINGS.json [--once]`
"""

import json
import logging
import signal
import sys
import threading
from pathlib import Path

from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.stand_in_tracker import FolderTracker


def main(home: str, settings: str, *flags: str) -> None:
    """Run until SIGTERM, or with `--once` until everything is done."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    run(
        Settings(home=Path(home), **json.loads(settings)),
        once="--once" in flags,
        trackers=[FolderTracker(Path(home) / "tracker")],
        stopping=stopping,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
