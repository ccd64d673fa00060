"""How far each file of the spool has been acknowledged, in a small file of the home.

It saves sending again what was acknowledged before a restart; where it is lost, everything that
is still there is sent once more, and changes nothing in the store.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smile_trace._guards import foreign
from smile_trace._guards.private_files import open_own

NAME = "ship.json"
MAX_BYTES = 2**24


class Progress:
    """The offsets, by file; a file is another one where its inode is."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME
        document = _read(self._path)
        self._files = _files(document)
        self.sampling: Mapping[str, Any] = _sampling(document)
        """What head sampling has counted; kept with the next offset."""

    def offset(self, name: str, inode: int) -> int:
        """Where to read on."""
        known, offset = self._files.get(name, (inode, 0))
        return offset if known == inode else 0

    def acknowledged(self, name: str, inode: int, offset: int) -> None:
        """Everything before the offset is in the receiver's hands."""
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
