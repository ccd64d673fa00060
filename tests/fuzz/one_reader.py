"""Fuzzing one reader: atheris counts the branches of smile_trace and its trackers.

What a reader lets escape is kept in FOLDER/findings, once for each place that raises it, and the
search goes on; an input that takes longer or more memory than allowed ends the process, and
libFuzzer keeps it there.
"""

import contextlib
import hashlib
import io
import json
import time
import traceback
from pathlib import Path

import atheris

from tests.support.mutation import mutate

COUNTED = [
    "smile_trace",
    "smile_trace_comet",
    "smile_trace_langfuse",
    "smile_trace_mlflow",
    "smile_trace_opik",
    "smile_trace_otlp",
    "smile_trace_phoenix",
]
with (
    contextlib.redirect_stderr(io.StringIO()),  # it names every module
    atheris.instrument_imports(include=COUNTED),
):
    from tests.support.hostile import found_inputs, small_values
    from tests.support.readers import READERS as READERS
    from tests.support.readers.base import ForeignReader

TIMEOUT_SECONDS = 30
"""Of one input: on an idle machine the slowest of the unit tests' takes a tenth of a second."""
MEMORY_MB = 1024
"""Of the process, some 300 of which are its modules."""
LONGEST = 16_384
"""Bytes of an input."""


class Watched:
    """A reader whose inputs are counted and whose findings are kept."""

    def __init__(self, reader: ForeignReader, folder: Path) -> None:
        self._reader = reader
        self._findings = folder / "findings"
        self._state = folder / "state.json"
        self._seen: set[str] = set()
        self._inputs = 0
        self._slowest = 0.0
        self._started = self._written = time.monotonic()

    def __call__(self, data: bytes) -> None:
        """Give the reader one input."""
        self._inputs += 1
        before = time.thread_time()
        try:
            self._reader.read(data)
        except Exception as error:  # noqa: BLE001  whatever escapes is a finding
            self._keep(data, error)
        self._slowest = max(self._slowest, time.thread_time() - before)
        now = time.monotonic()
        if now - self._written > 0.5:
            self._written = now
            self._write(now)

    def _keep(self, data: bytes, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = ", ".join(f"{f.filename}:{f.lineno}" for f in frames[-2:])
        key = hashlib.sha256(f"{type(error).__name__} {place}".encode()).hexdigest()[:12]
        if key in self._seen:
            return
        self._seen.add(key)
        (self._findings / f"{key}.input").write_bytes(data)
        text = "".join(traceback.format_exception(error))
        (self._findings / f"{key}.txt").write_text(text, "utf-8", "backslashreplace")

    def _write(self, now: float) -> None:
        said = {
            "inputs": self._inputs,
            "seconds": now - self._started,
            "slowest_seconds": self._slowest,
        }
        self._state.write_text(json.dumps(said))


def fuzz(reader: ForeignReader, seconds: int, folder: Path) -> None:
    """Fuzz a reader and end the process."""
    for name in ("findings", "corpus", "seeds"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for data in (*reader.seeds(), *small_values().values(), *found_inputs().values()):
        (folder / "seeds" / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data[:LONGEST])
    atheris.Setup(
        [
            "fuzz",
            f"-max_total_time={seconds}",
            f"-timeout={TIMEOUT_SECONDS}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-max_len={LONGEST}",
            f"-artifact_prefix={folder / 'findings'}/",
            "-len_control=20",
            str(folder / "corpus"),
            str(folder / "seeds"),
        ],
        Watched(reader, folder),
        custom_mutator=_mutate,
    )
    atheris.Fuzz()


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    return mutate(data, max_size, seed, atheris.Mutate)
