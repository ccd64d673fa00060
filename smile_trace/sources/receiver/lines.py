"""The lines that a request becomes in the spool."""

from dataclasses import dataclass, field

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records.formats.otlp import MAX_FRAME_BYTES

MAX_ITEM_BYTES = 8 * 2**20
"""A span or log record that is longer as JSON is refused: whatever is done with it is done in one
piece, while nothing else of the receiver runs."""
MAX_ITEM_VALUES = 200_000
"""As `MAX_ITEM_BYTES`, in JSON."""
MOST_PARTS = 200_000
"""Spans, log records, scopes and resources of one request."""
LINE_BYTES = 4 * MAX_FRAME_BYTES
"""A line that is so long is ended. What is repeated in the next one, a resource and a scope, is
much shorter."""
MOST_REJECTED = 10_000
"""A request of which more cannot be kept is refused."""
MOST_TIMES, FREE_BYTES = 3, 128
"""The lines of a request are at most so many times as long as its body, and a few bytes."""


@dataclass(frozen=True)
class Names:
    """What OTLP/JSON calls the lists of a signal, from the outermost to that of its items."""

    blocks: str
    groups: str
    items: str


SPANS = Names("resourceSpans", "scopeSpans", "spans")
LOGS = Names("resourceLogs", "scopeLogs", "logRecords")


@dataclass
class Received:
    """What a request held: lines for the spool, and what of it cannot be kept.

    `rejected` counts spans or log records, `reason` says why the first of them was.

    A line is a request of its own, with as many resources, scopes and items as go into
    `LINE_BYTES`: each resource and scope is written once in it.
    """

    names: Names = SPANS
    size: int = 0
    """Bytes of the request's body."""
    rejected: int = 0
    reason: str = ""
    _text: list[bytes] = field(default_factory=list)
    _written: int = 0
    _line: int = 0
    _block: str | None = None
    _group: str | None = None

    def reject(self, reason: str) -> None:
        """Count one that cannot be kept.

        Raises:
            ForeignDataError: too many cannot.
        """
        self.rejected += 1
        self.reason = self.reason or reason
        if self.rejected > MOST_REJECTED:
            raise ForeignDataError(
                f"more than {MOST_REJECTED:,} spans or logs cannot be kept: {self.reason}"
            )

    def add(self, block: str, group: str, item: str) -> None:
        """Write an item, OTLP/JSON as it is, or reject it.

        Args:
            block: the fields of its resource's object, without braces; the same text for the
                items of one resource.
            group: those of its scope's object.
            item: the object of the span or log record.
        """
        text = item.encode()
        if len(text) > MAX_ITEM_BYTES:
            self.reject(f"longer than {MAX_ITEM_BYTES:,} bytes as JSON")
            return
        head = self._head(block, group)
        if self._written + len(head) + len(text) + 7 > MOST_TIMES * self.size + FREE_BYTES:
            self.reject(f"the request would be kept in more than {MOST_TIMES} times its length")
            return
        self._text += (head, text)
        self._written += len(head) + len(text)
        self._line += len(head) + len(text)
        self._block, self._group = block, group
        if self._line >= LINE_BYTES:
            self._end_line()

    def _head(self, block: str, group: str) -> bytes:
        """What stands between the item before and one of this resource and scope."""
        if self._block == block and self._group == group:
            return b","
        names = self.names
        opened = f'{{{group}{"," if group else ""}"{names.items}":['
        if self._block == block:
            return f"]}},{opened}".encode()
        opened = f'{{{block}{"," if block else ""}"{names.groups}":[{opened}'
        if self._block is None:
            return f'{{"{names.blocks}":[{opened}'.encode()
        return f"]}}]}},{opened}".encode()

    def _end_line(self) -> None:
        if self._block is not None:
            self._text.append(b"]}]}]}\n")
            self._written += 7
        self._line, self._block, self._group = 0, None, None

    @property
    def text(self) -> bytes:
        """All lines, each with its newline."""
        self._end_line()
        return b"".join(self._text)


def check_frame(fields: bytes) -> str:
    """Why what stands around spans (the fields of a resource's object, or of a scope's) is not
    kept; empty where it is."""
    if len(fields) <= MAX_FRAME_BYTES:
        return ""
    return f"a resource or a scope is longer than {MAX_FRAME_BYTES:,} bytes"
