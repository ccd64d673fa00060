"""The lines that a request becomes in the spool."""

from dataclasses import dataclass, field

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records.formats.otlp import MAX_FRAME_BYTES

MAX_ITEM_BYTES = 8 * 2**20
"""A longer span or log record is refused: while it is handled, in one piece, nothing else runs."""
MAX_ITEM_VALUES = 200_000
"""Most JSON values of a span or log record."""
MOST_PARTS = 200_000
"""Most spans, log records, scopes and resources of one request."""
LINE_BYTES = 4 * MAX_FRAME_BYTES
"""Length at which a line is ended; the resource and scope repeated in the next are short."""
MOST_REJECTED = 10_000
"""A request with more rejected items is refused as a whole."""
MOST_TIMES, FREE_BYTES = 3, 128
"""The lines of a request may have this multiple of its body's length, and a few bytes more."""


@dataclass(frozen=True)
class Names:
    """The names of a signal's lists in OTLP/JSON, from the outermost to that of its items."""

    blocks: str
    groups: str
    items: str


SPANS = Names("resourceSpans", "scopeSpans", "spans")
LOGS = Names("resourceLogs", "scopeLogs", "logRecords")


@dataclass
class Received:
    """The lines that a request becomes, and the number of items that cannot be kept.

    `rejected` counts spans or log records, `reason` explains the first rejection. A line is a
    request of its own of about `LINE_BYTES`, in which each resource and scope is written once.
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
        """Count an item that cannot be kept; `ForeignDataError` if there are too many."""
        self.rejected += 1
        self.reason = self.reason or reason
        if self.rejected > MOST_REJECTED:
            raise ForeignDataError(
                f"more than {MOST_REJECTED:,} spans or logs cannot be kept: {self.reason}"
            )

    def add(self, block: str, group: str, item: str) -> None:
        """Write an item, OTLP/JSON as it is, or reject it.

        Args:
            block: the fields of its resource's object, without braces; the same text for all items
                of one resource.
            group: the fields of its scope's object, likewise.
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
        """Return the text between the item before and an item of this resource and scope."""
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
    """Say why the fields of a resource's or scope's object are not kept; empty if they are."""
    if len(fields) <= MAX_FRAME_BYTES:
        return ""
    return f"a resource or a scope is longer than {MAX_FRAME_BYTES:,} bytes"
