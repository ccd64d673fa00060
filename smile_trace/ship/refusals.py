"""Lines that no receiver takes, kept aside for a person to look at."""

import base64
import json
import logging
import os
import time
from pathlib import Path

from smile_trace._guards.private_files import open_own

logger = logging.getLogger(__name__)

NAME = "refused.jsonl"
MAX_BYTES = 64 * 2**20
"""Beyond it the file is renamed to `refused.1.jsonl`, in place of the one before it."""


class Refusals:
    """Appends to `refused.jsonl` of the home: time, file, offset, reason, and the line itself."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME

    def keep(self, file: str, offset: int, reason: str, line: bytes) -> None:
        """Keep a line aside, and say so in the log.

        Raises:
            OSError: it cannot be written; the line stays in the spool then.
        """
        logger.warning("%s, at %d: not taken, and kept in %s: %s", file, offset, NAME, reason)
        entry = {"at": time.time(), "file": file, "offset": offset, "reason": reason}
        try:
            entry["line"] = line.decode("utf-8")
        except UnicodeDecodeError:
            entry["base64"] = base64.b64encode(line).decode("ascii")
        descriptor = open_own(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write(json.dumps(entry).encode("ascii") + b"\n")
            size = stream.tell()
        if size > MAX_BYTES:
            os.replace(self._path, self._path.with_name("refused.1.jsonl"))
