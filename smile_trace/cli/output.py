"""What several commands write: printable text, pages in files, warnings."""

import os
import sys
from pathlib import Path
from typing import Protocol

from smile_trace._guards.presentable import LONGEST_LINE, presentable
from smile_trace.errors import SmileTraceError

GATE_CLOSED = 3
"""Exit code where a limit is broken; an error is 1."""


def printable(text: str) -> str:
    """The text on one line, without secrets and control characters: others may have written it."""
    line = presentable(text, longest=LONGEST_LINE)
    return "".join(c if c.isprintable() else " " for c in line)


def lasting(seconds: float) -> str:
    """A time in its largest whole unit: "40 s", "3 min", "5 h", "2 days"."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= (2 * size if unit == "days" else size):
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def check_writable(file: Path) -> None:
    """See that a file can be written, before anything is spent on what goes into it.

    Raises:
        SmileTraceError: it cannot.
    """
    if not file.parent.is_dir():
        raise SmileTraceError(f"{file} cannot be written: there is no folder {file.parent}")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise SmileTraceError(f"{file} cannot be written: it is a folder, or not yours to write")


def write_page(file: Path, page: str) -> None:
    """Write an HTML page.

    Raises:
        SmileTraceError: the file cannot be written.
    """
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be written: {error.strerror}") from None


class Result(Protocol):
    """What a command found: an Explanation, the path of one, a Comparison."""

    @property
    def summary(self) -> str:
        """It in a sentence or two; they quote what others wrote."""

    def show(self) -> None:
        """Draw it in the terminal."""

    def to_html(self) -> str:
        """Its page."""

    def model_dump_json(self, *, indent: int) -> str:
        """All of it."""


def show_result(result: Result, *, html: Path | None, json: bool) -> None:
    """Write its page where one is wanted; print it as JSON, or drawn, or its summary and file.

    Raises:
        SmileTraceError: the file cannot be written.
    """
    from smile_trace.render.text import visible

    if html is not None:
        write_page(html, result.to_html())
    if json:
        print(result.model_dump_json(indent=2))
    elif html is None:
        result.show()
    else:
        print(f"{visible(result.summary)}\n{html.absolute()}")


def read_text(file: Path) -> str:
    """The text of a file; of standard input where it is `-`.

    Raises:
        SmileTraceError: it cannot be read, or is no UTF-8 text.
    """
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode("utf-8").removesuffix("\n")
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SmileTraceError(f"{file} is no UTF-8 text: convert it first") from None
