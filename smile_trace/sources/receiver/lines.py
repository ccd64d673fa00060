"""The lines that a request becomes in the spool."""

from dataclasses import dataclass, field

MAX_LINE_BYTES = 32 * 2**20
"""A span or log record that is longer as JSON is refused: nobody could read its line."""


@dataclass
class Received:
    """What a request held: lines for the spool, and what of it cannot be kept.

    `rejected` counts spans or log records, `reason` says why the first of them was.
    """

    lines: list[str] = field(default_factory=list)
    rejected: int = 0
    reason: str = ""

    def reject(self, reason: str) -> None:
        """Count one that cannot be kept."""
        self.rejected += 1
        self.reason = self.reason or reason

    def add(self, head: str, items: list[str], tail: str) -> None:
        """Write items of one resource and scope, OTLP/JSON as they are.

        `head` and `tail`, with the resource and the scope, are repeated in every line, and a
        line is begun when its items are as long as they are: so it holds one span or few, and
        the lines of a request are never much longer than twice the request.
        """
        frame = len(head) + len(tail)
        held: list[str] = []
        size = 0
        for item in items:
            if frame + len(item) > MAX_LINE_BYTES:
                self.reject(f"longer than {MAX_LINE_BYTES:,} bytes as JSON")
                continue
            held.append(item)
            size += len(item)
            if size >= frame:
                self.lines.append(f"{head}{','.join(held)}{tail}\n")
                held, size = [], 0
        if held:
            self.lines.append(f"{head}{','.join(held)}{tail}\n")

    @property
    def text(self) -> bytes:
        """All lines, each with its newline."""
        return "".join(self.lines).encode("ascii")
