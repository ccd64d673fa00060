"""The file `explanations.smile.jsonl`: one entry a line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from smile_trace.errors import SmileTraceError
from smile_trace.records.entry import Entry, EntryUnreadable


def read_entries(file: str | Path) -> Iterator[tuple[int, Entry]]:
    """Every entry with the number of its line, from 1.

    Raises:
        EntryUnreadable: a line is none.
        SmileTraceError: the file cannot be read.
    """
    for number, line in read_lines(file):
        try:
            yield number, parse(line)
        except EntryUnreadable as error:
            raise EntryUnreadable(f"{file}, line {number}: {error}") from None


def read_lines(file: str | Path) -> Iterator[tuple[int, bytes]]:
    """Every line that is not blank, with its number, from 1.

    Raises:
        SmileTraceError: the file cannot be read.
    """
    try:
        with Path(file).open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, line.rstrip(b"\n")
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be read: {error.strerror}") from None


def parse(line: bytes) -> Entry:
    """The entry of a line; one without an id gets that of its content.

    Raises:
        EntryUnreadable: it is none.
    """
    entry = Entry.read(line)
    return entry if entry.id else entry.identified()


def write_entries(entries: Iterable[Entry], file: str | Path) -> int:
    """Write a file of them; the same entry once. Returns how many.

    Raises:
        SmileTraceError: the file cannot be written.
    """
    seen = set[str]()
    try:
        with Path(file).open("w", encoding="utf-8", newline="\n") as out:
            for entry in entries:
                if entry.id not in seen:
                    seen.add(entry.id)
                    out.write(entry.line + "\n")
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be written: {error.strerror}") from None
    return len(seen)


@contextmanager
def written_anew(file: Path) -> Iterator[Path]:
    """Where to write what becomes this file at the end: until then it can be read, and it stays as
    it is where that fails."""
    partly = file.with_name(file.name + ".partly")
    try:
        yield partly
        partly.replace(file)
    finally:
        partly.unlink(missing_ok=True)
