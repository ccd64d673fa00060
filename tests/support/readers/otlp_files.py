"""Files of OTLP/JSON lines that others write: plain, gzip, zstd, a zstd frame per line."""

import gzip
import os
import tempfile
from pathlib import Path

from backports import zstd

from smile_trace.sources import files
from smile_trace.sources.files import Batch
from tests.support.readers.base import ForeignReader
from tests.support.spooled import call_span, line


def read_file(data: bytes) -> list[bytes]:
    """The lines of the file: the same, from wherever one begins to read on."""
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        batches: list[Batch] = []
        try:
            with files.reading(Path(name), 0) as found:
                batches += found
        except files.UnreadableFile:
            return []
        lines = [text for batch in batches for _, text in batch.lines()]
        for batch in batches[:-1]:
            with files.reading(Path(name), batch.end) as rest:
                again = [text for one in rest for _, text in one.lines()]
            assert again == lines[len(lines) - len(again) :]
        return lines
    finally:
        os.unlink(name)


def _seeds() -> list[bytes]:
    text = b"".join(line(call_span(number)) for number in range(1, 5))
    frames = [zstd.compress(one) for one in text.splitlines()]
    framed = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
    return [text, text.rstrip(), gzip.compress(text), zstd.compress(text), framed]


OTLP_FILES = ForeignReader("OTLP files", read_file, _seeds)
