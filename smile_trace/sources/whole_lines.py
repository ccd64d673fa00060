"""Whole lines of a file that may still grow, in batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from smile_trace._guards.foreign import MAX_BYTES

BATCH_BYTES = 4 * 2**20
"""How much of a file goes into one transaction (a longer line makes a batch of its own)."""
MAX_LINE_BYTES = MAX_BYTES
"""A longer line is no span of ours: it is stored as corrupt, piece by piece."""


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        ...


@dataclass
class Batch:
    """Whole lines of a file, from `start` on; `end` is where the next batch begins."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.start + len(self.data)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Each line with its offset in the file, without empty ones."""
        offset = self.start
        for line in self.data.split(b"\n"):
            if line.strip():
                yield offset, line
            offset += len(line) + 1


def read_batches(
    stream: Readable, start: int, is_whole: Callable[[bytes], bool], size: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Batches of whole lines.

    Args:
        stream: stands at `start`.
        start: an offset in the file.
        is_whole: whether what stands at the end without a newline is a line; if not, its writer
            is expected to go on.
        size: how much is read at a time.
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
