"""How far each file of the spool has been acknowledged, and the lines that no receiver takes.

The offsets save resending after a restart. If their file is lost, everything left is sent again,
which changes nothing in the store. Refused lines are kept aside for a person to look at.
"""

import base64
import contextlib
import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smile_trace._guards import foreign
from smile_trace._guards.private_files import open_own

NAME = "ship.json"
MAX_BYTES = 2**24


class Progress:
    """The offsets by file; a new inode makes a file another one."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME
        document = _read(self._path)
        self._files = _files(document)
        self.sampling: Mapping[str, Any] = _sampling(document)
        """The counts of head sampling; written with the next offset."""

    def offset(self, name: str, inode: int) -> int:
        """The offset to read on from."""
        known, offset = self._files.get(name, (inode, 0))
        return offset if known == inode else 0

    def acknowledged(self, name: str, inode: int, offset: int) -> None:
        """Note that the receiver has everything before the offset."""
        self._files[name] = (inode, offset)
        self._write()

    def keep_only(self, names: set[str]) -> None:
        """Forget files that are gone."""
        if gone := self._files.keys() - names:
            for name in gone:
                del self._files[name]
            self._write()

    def _write(self) -> None:
        draft = self._path.with_suffix(".draft")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with contextlib.suppress(OSError):  # on a full disk: what is sent frees it
            with os.fdopen(os.open(draft, flags, 0o600), "w") as stream:
                json.dump({"files": self._files, "sampling": self.sampling}, stream)
            os.replace(draft, self._path)


def _read(path: Path) -> Any:
    try:
        with os.fdopen(open_own(path), "rb") as stream:
            return foreign.decode(stream.read(MAX_BYTES))
    except (OSError, *foreign.MISREAD):
        return None


def _files(document: Any) -> dict[str, tuple[int, int]]:
    with contextlib.suppress(*foreign.MISREAD):
        return {
            str(name): (int(inode), max(0, int(offset)))
            for name, (inode, offset) in document["files"].items()
        }
    return {}


def _sampling(document: Any) -> Mapping[str, Any]:
    with contextlib.suppress(*foreign.MISREAD):
        found = document["sampling"]
        return {
            "firsts": {str(group): int(count) for group, count in found["firsts"].items()},
            "traces": [str(trace) for trace in found["traces"]],
            "shipped_calls": int(found["shipped_calls"]),
            "left_calls": int(found["left_calls"]),
        }
    return {}


logger = logging.getLogger(__name__)

REFUSED = "refused.jsonl"
MAX_REFUSED_BYTES = 64 * 2**20
"""Beyond this size the file is renamed to `refused.1.jsonl`, replacing the previous one."""


class Refusals:
    """Appends to `refused.jsonl` of the home: time, file, offset, reason, and the line itself."""

    def __init__(self, home: Path) -> None:
        self._path = home / REFUSED

    def keep(self, file: str, offset: int, reason: str, line: bytes) -> None:
        """Log a line and keep it aside; raises OSError if it cannot, and the line has to stay in
        the spool."""
        logger.warning("%s, at %d: rejected, and kept in %s: %s", file, offset, REFUSED, reason)
        entry = {"at": time.time(), "file": file, "offset": offset, "reason": reason}
        try:
            entry["line"] = line.decode("utf-8")
        except UnicodeDecodeError:
            entry["base64"] = base64.b64encode(line).decode("ascii")
        descriptor = open_own(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write(json.dumps(entry).encode("ascii") + b"\n")
            size = stream.tell()
        if size > MAX_REFUSED_BYTES:
            os.replace(self._path, self._path.with_name("refused.1.jsonl"))
