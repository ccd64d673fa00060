"""Faults of ours: logged once, counted, never raised into the user's call."""

import contextlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger("smile_trace")

FILE_SUFFIX = ".losses.json"

_counts: Counter[str] = Counter()
_logged: set[str] = set()


def fault(what: str, error: BaseException | None = None) -> None:
    """Count a fault of ours and log it the first time. Never raises.

    Args:
        what: one short sentence without variable parts: it is the key of the count.
        error: what was raised, where something was.
    """
    _counts[what] += 1
    if what in _logged:
        return
    _logged.add(what)
    # Logging handlers are the application's and may raise.
    with contextlib.suppress(Exception):
        logger.warning(
            "smile-trace: %s%s; your call goes on, further cases are only counted",
            what,
            "" if error is None else f" ({type(error).__name__}: {error})",
        )


def counts() -> dict[str, int]:
    """How often each fault occurred in this process."""
    return dict(_counts)


def reset() -> None:
    """Forget every fault: a forked child and each test count their own."""
    _counts.clear()
    _logged.clear()


class Losses:
    """Counts records that could not be kept, in memory and in a small file.

    The file stands beside the spool where that is possible, else in the system's temporary
    folder. It is written at most once a second, and once more at exit. Its name is never used
    twice: a process id comes back, and with it somebody else's counts would be overwritten.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_reason: Counter[str] = Counter()
        self._name = f"{os.getpid()}-{os.urandom(4).hex()}{FILE_SUFFIX}"
        self._written_at = 0.0

    def add(self, reason: str, error: BaseException | None = None) -> None:
        """Count one lost record. Never raises."""
        self.by_reason[reason] += 1
        fault(f"a record was lost: {reason}", error)
        if time.monotonic() - self._written_at >= 1.0:
            self.flush()

    def flush(self) -> None:
        """Write the counts where they can be written. Never raises."""
        if not self.by_reason:
            return
        self._written_at = time.monotonic()
        body = json.dumps({"pid": os.getpid(), "spool": str(self.folder), "lost": self.by_reason})
        for folder in _folders(self.folder):
            with contextlib.suppress(OSError):
                _replace(folder / self._name, body)
                return


def temporary_folder() -> Path:
    """Where losses are noted when the spool's folder takes nothing.

    Raises:
        FileNotFoundError: the system has no temporary folder that takes anything.
    """
    import tempfile  # and with it three compressors: only where something is lost

    return Path(tempfile.gettempdir()) / f"smile-trace-{os.getuid()}"


def read_losses(spool: Path) -> dict[str, int]:
    """Records lost per reason, as every process that writes to `spool` has noted them.

    Reads the files beside the spool and in the system's temporary folder; a file that cannot
    be read is left out.
    """
    latest: dict[str, Counter[str]] = {}
    for folder in _folders(spool):
        for path in sorted(folder.glob(f"*{FILE_SUFFIX}")) if folder.is_dir() else ():
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                noted = json.loads(path.read_text(encoding="utf-8"))
                if noted["spool"] == str(spool):
                    lost = Counter({str(k): int(v) for k, v in noted["lost"].items()})
                    # In both folders where the spool went away or came back: counts only grow.
                    latest[path.name] = max(lost, latest.get(path.name, lost), key=Counter.total)
    return dict(sum(latest.values(), Counter[str]()))


def _folders(spool: Path) -> Iterator[Path]:
    yield spool
    try:
        temporary = temporary_folder()
    except OSError:  # every disk is full, or read-only
        return
    yield temporary


def _replace(path: Path, body: str) -> None:
    make_private(path.parent)
    draft = path.with_suffix(".draft")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(handle, body.encode())
    finally:
        os.close(handle)
    os.replace(draft, path)


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are not there, for nobody else to look into."""
    if not folder.parent.exists():
        make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
