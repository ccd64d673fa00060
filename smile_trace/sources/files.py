"""Whole lines of files that may still grow: the spool's, and OTLP/JSON that others write.

Other programs' files, such as those of the Collector's file exporter, are found by patterns and
never changed. They may be plain or compressed (gzip, zstd, and the exporter's `compression: zstd`:
a zstd frame per line after its length in four bytes). Offsets count unpacked bytes.
"""

import glob
import gzip
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, Protocol

from smile_trace._guards import foreign
from smile_trace._guards.foreign import MAX_BYTES, ForeignDataError
from smile_trace._guards.private_files import open_regular
from smile_trace.errors import ReasonCode, SmileTraceError, needing_extra

BATCH_BYTES = 4 * 2**20
"""Bytes of a file in one transaction (a longer line makes a batch of its own)."""
MAX_LINE_BYTES = MAX_BYTES
"""A longer line is no span of ours: it is stored as corrupt, in pieces."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        ...


@dataclass
class Batch:
    """Whole lines of a file from the offset `start` on."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        """The offset at which the next batch begins."""
        return self.start + len(self.data)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line that is not empty, with its offset in the file."""
        offset = self.start
        for line in self.data.split(b"\n"):
            if line.strip():
                yield offset, line
            offset += len(line) + 1


def read_batches(
    stream: Readable, start: int, is_whole: Callable[[bytes], bool], size: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield batches of whole lines.

    Args:
        stream: positioned at the offset `start`.
        is_whole: whether the text after the last newline is a line; if not, its writer is expected
            to go on.
        size: bytes read at a time.
    """
    held = b""
    while more := stream.read(size):
        held += more
        cut = held.rfind(b"\n") + 1
        if not cut and len(held) > MAX_LINE_BYTES:
            cut = len(held)
        if cut:
            yield Batch(start, held[:cut])
            start += cut
            held = held[cut:]
    if held and is_whole(held):
        yield Batch(start, held)


GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
LENGTH = 4
"""Bytes before each frame of the exporter's own form."""
CHUNK = 2**18
MAX_UNPACKED = 2**33
"""Most bytes of an unpacked file: a small file may claim to be much larger."""


class UnreadableFile(SmileTraceError):
    """A file that cannot be unpacked; the message says why."""

    code = ReasonCode.UNREADABLE_DATA


def find(patterns: Sequence[str]) -> list[Path]:
    """Return the files that match absolute patterns (`*`, `?`, `[…]`, `**`), each once, by name."""
    found = {path for one in patterns for path in glob.glob(one, recursive=True)}
    return [Path(path) for path in sorted(found) if os.path.isfile(path)]


@contextmanager
def reading(path: Path, start: int) -> Iterator[Iterator[Batch]]:
    """Give a file's whole lines from an offset of its text on. Raises UnreadableFile: while they
    are read: the file is damaged, or of an unknown form; OSError if it cannot be opened;
    `NotPrivate` if it is a link, a pipe or a device."""
    with os.fdopen(open_regular(path), "rb") as stream:
        text: Readable | None = _unpacked(path, stream, start)
        if text is None:
            if start > os.fstat(stream.fileno()).st_size:
                start = 0  # it was cut short, and begun anew
            stream.seek(start)
            text = stream
        yield read_batches(text, start, _is_whole)


def _is_whole(text: bytes) -> bool:
    """Whether the end of a file is a line without its newline: a JSON object closes itself."""
    try:
        return isinstance(foreign.parse(text, lenient=True), dict)
    except ForeignDataError:
        return False


def _unpacked(path: Path, stream: BinaryIO, start: int) -> "_Unpacked | None":
    """Return the contents of a compressed file; None for a plain one."""
    head = stream.read(LENGTH + len(ZSTD))
    stream.seek(0)
    if head.startswith(GZIP):
        chunks = _gzip(stream)
    elif head.startswith(ZSTD):
        chunks = _zstd(stream)
    elif head[LENGTH:] == ZSTD:
        chunks = _framed(stream)
    elif len(head) == LENGTH + len(ZSTD) and head.startswith(b"\0"):
        raise UnreadableFile(f"{path} contains no JSON: set `format: json` in the file exporter")
    else:
        return None
    return _Unpacked(path, chunks, start)


class _Unpacked:
    """The text of a compressed file, from an offset on."""

    def __init__(self, path: Path, chunks: Iterator[bytes], start: int) -> None:
        self._path = path
        self._chunks = chunks
        self._skip = start
        self._left = MAX_UNPACKED

    def read(self, size: int, /) -> bytes:
        """Return about `size` bytes; none at the end."""
        held: list[bytes] = []
        try:
            while size > 0 and (chunk := next(self._chunks, b"")):
                self._left -= len(chunk)
                if self._left < 0:
                    raise UnreadableFile(f"{self._path} has more than {MAX_UNPACKED:,} bytes")
                skipped = min(self._skip, len(chunk))
                self._skip -= skipped
                held.append(chunk[skipped:])
                size -= len(chunk) - skipped
        except (gzip.BadGzipFile, zlib.error, ValueError) as error:
            raise UnreadableFile(f"{self._path} cannot be unpacked: {error}") from None
        return b"".join(held)


def _gzip(stream: BinaryIO) -> Iterator[bytes]:
    """Unpack all members; the last may still be incomplete."""
    with gzip.GzipFile(fileobj=stream) as reader, suppress(EOFError):
        while chunk := reader.read1(CHUNK):
            yield chunk


def _zstd(stream: BinaryIO) -> Iterator[bytes]:
    """As `_gzip`, with frames. Of itself zstd refuses to look back on more than 128 MiB."""
    with _zstandard() as zstd, zstd.ZstdFile(stream) as reader, suppress(EOFError):
        while chunk := reader.read1(CHUNK):
            yield chunk


def _framed(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a line for each frame; an incomplete last frame is left for later."""
    with _zstandard() as zstd:
        while len(length := stream.read(LENGTH)) == LENGTH:
            size = int.from_bytes(length, "big")
            if size > MAX_LINE_BYTES:
                raise ValueError(f"a frame of {size:,} bytes")
            frame = stream.read(size)
            if len(frame) < size:
                return
            line = zstd.ZstdDecompressor().decompress(frame, MAX_LINE_BYTES + 1)
            yield line.replace(b"\n", b" ") + b"\n"


@contextmanager
def _zstandard() -> Iterator[ModuleType]:
    """The module, its errors as ValueErrors."""
    with needing_extra("receive", "a file that is compressed by zstd"):
        from smile_trace._guards.zstandard import zstd
    try:
        yield zstd
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from None
