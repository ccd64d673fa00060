"""Files that the command line is given: prompts, templates, recorded answers, counts of losses."""

import contextlib
import json
import tempfile
from functools import cache
from pathlib import Path

from smile_trace.cli.output import read_text
from smile_trace.comparison import templates
from smile_trace.errors import SmileTraceError
from smile_trace.spool.losses import FILE_SUFFIX, read_losses
from smile_trace.testing import recorded
from tests.support.readers.base import ForeignReader


@cache
def _folder() -> Path:
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))


def _read(data: bytes) -> None:
    file = _folder() / f"1{FILE_SUFFIX}"
    file.write_bytes(data)
    with contextlib.suppress(SmileTraceError):
        templates.read_file(file)
    with contextlib.suppress(SmileTraceError):
        read_text(file)
    with contextlib.suppress(ValueError):  # its own, with the line
        assert all(isinstance(answer, str) for answer in recorded._read(file).values())
    lost = read_losses(_folder())
    assert all(isinstance(count, int) for count in lost.values())
    json.dumps(lost)


def _seeds() -> list[bytes]:
    lost = {"pid": 1, "spool": str(_folder()), "lost": {"disk full": 3}}
    entry = {"key": "0" * 64, "messages": [["user", "x"]], "answer": "a"}
    return [
        b"You are {tone}.\n{question}\n",
        json.dumps(lost).encode(),
        json.dumps(entry).encode() + b"\n" + json.dumps(entry).encode(),
    ]


COMMAND_FILES = ForeignReader("command files", _read, _seeds)
