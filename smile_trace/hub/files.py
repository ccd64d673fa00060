"""The file `explanations.smile.jsonl`, one entry a line; the same entries as a table, a row per
segment, and as a folder that Hugging Face's datasets load."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smile_trace.errors import SmileTraceError, file_errors, needing_extra
from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.records.entry import Entry, EntryUnreadable


def read_entries(file: str | Path) -> Iterator[tuple[int, Entry]]:
    """Yield every entry with the number of its line, from 1. Raises EntryUnreadable if a line is
    not an entry; SmileTraceError if the file cannot be read."""
    for number, line in read_lines(file):
        try:
            yield number, parse(line)
        except EntryUnreadable as error:
            raise EntryUnreadable(f"{file}, line {number}: {error}") from None


def read_lines(file: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yield every line that is not blank, with its number, from 1. Raises SmileTraceError if the
    file cannot be read."""
    with file_errors(file, "read"), Path(file).open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, line.rstrip(b"\n")


def parse(line: bytes) -> Entry:
    """Return the entry of a line; one without an id gets that of its content. Raises
    EntryUnreadable if the line is not an entry."""
    entry = Entry.read(line)
    return entry if entry.id else entry.identified()


def write_entries(entries: Iterable[Entry], file: str | Path) -> int:
    """Write the entries, equal ones once; return how many were written. Raises SmileTraceError if
    the file cannot be written."""
    seen = set[str]()
    with (
        file_errors(file, "written"),
        Path(file).open("w", encoding="utf-8", newline="\n") as out,
    ):
        for entry in entries:
            if entry.id not in seen:
                seen.add(entry.id)
                out.write(entry.line + "\n")
    return len(seen)


@contextmanager
def written_anew(file: Path) -> Iterator[Path]:
    """Give the path to write what becomes this file at the end. Until then, and if writing fails,
    the file stays as it is."""
    partly = file.with_name(file.name + ".partly")
    try:
        yield partly
        partly.replace(file)
    finally:
        partly.unlink(missing_ok=True)


COLUMNS: dict[str, type] = {
    "entry": str,
    "step": int,
    "model": str,
    "explained_at": str,
    "status": str,
    "signal": str,
    "answer": str,
    "segment": int,
    "text": str,
    "role": str,
    "message": int,
    "start": int,
    "end": int,
    "unit": str,
    "key": str,
    "attribution": float,
    "ci_low": float,
    "ci_high": float,
    "p_value": float,
    "significant": bool,
    "verdict": str,
    "protected": bool,
    "licence": str,
    "tags": str,
}
"""The table's columns; `entry` is the id, `step` the explanation's index in a path, `tags` JSON."""

_CARD = """\
---
license: {licence}
pretty_name: {title}
tags: [explainability, attribution, smile-trace]
configs:
- config_name: segments
  data_files: segments.parquet
---

# {title}

{count} explanations of answers of language models, measured by smile-trace: each model was asked
again with parts of its prompt removed. `segments.parquet` has a row per part of a prompt,
`explanations.smile.jsonl` all of it, with the responses from which each explanation can be
computed again: `smile-trace hub check explanations.smile.jsonl`.

Models: {models}.
"""


def rows(entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    """Yield a row per segment, with the names of `COLUMNS`; comparisons have none."""
    for entry in entries:
        for step, explanation in enumerate(entry.explanations):
            for number, segment in enumerate(explanation.segments):
                yield _row(entry, step, explanation, number, segment)


def write_parquet(entries: Iterable[Entry], file: Path) -> int:
    """Write the table; return the number of rows. Raises ExtraMissing if pyarrow is not installed;
    SmileTraceError if the file cannot be written."""
    with needing_extra("parquet", "a Parquet file"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    table = pa.Table.from_pylist(list(rows(entries)), schema=schema)
    try:
        pq.write_table(table, file)
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be written: {error}") from None
    return int(table.num_rows)


def write_dataset(entries: Iterable[Entry], folder: Path, *, title: str = "Explanations") -> int:
    """Write a folder with a card, ready for a hub of data sets; return the number of entries.
    Raises ExtraMissing if pyarrow is not installed; SmileTraceError if the folder cannot be
    written."""
    kept = list({entry.id: entry for entry in entries}.values())
    with file_errors(folder, "written"):
        folder.mkdir(parents=True, exist_ok=True)
    write_parquet(kept, folder / "segments.parquet")
    write_entries(kept, folder / "explanations.smile.jsonl")
    licences = {entry.licence for entry in kept}
    models = sorted({one.settings.model for entry in kept for one in entry.explanations})
    card = _CARD.format(
        licence=_licence(licences),
        title=json.dumps(title, ensure_ascii=False)[1:-1],
        count=len(kept),
        models=json.dumps(models, ensure_ascii=False),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    return len(kept)


def _row(
    entry: Entry, step: int, explanation: Explanation, number: int, segment: SegmentAttribution
) -> dict[str, Any]:
    own = {name: getattr(segment, name) for name in COLUMNS if hasattr(segment, name)}
    return {
        **own,
        "entry": entry.id,
        "step": step,
        "model": explanation.settings.model,
        "explained_at": explanation.explained_at,
        "status": explanation.status,
        "signal": explanation.signal,
        "answer": explanation.answer,
        "segment": number,
        "licence": entry.licence,
        "tags": json.dumps(entry.tags, ensure_ascii=False),
    }


def _licence(licences: set[str | None]) -> str:
    known = licences.pop() if len(licences) == 1 else None
    plain = (known or "").replace("-", "").replace(".", "").isalnum()
    return known.lower() if known and plain else "other"
