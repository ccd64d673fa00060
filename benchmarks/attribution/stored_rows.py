"""Rows stored as JSON Lines, piece by piece: an interrupted run continues where it was."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """Rows that are made together.

    `key` holds the fields that only rows of this piece have; `make` asks and measures.
    """

    key: Row
    make: Callable[[], Sequence[Row]]


def make_missing(pieces: Iterable[Piece], path: Path) -> None:
    """Append the rows of the pieces that have none in the file, each piece when it is complete."""
    there = read(path)
    path.parent.mkdir(exist_ok=True)
    started, made = time.monotonic(), 0
    with path.open("a", encoding="utf-8") as file:
        for piece in pieces:
            if any(all(row[name] == value for name, value in piece.key.items()) for row in there):
                continue
            rows = piece.make()
            file.write("".join(line(row) + "\n" for row in rows))
            file.flush()
            made += len(rows)
            print(f"{path.stem}: {made} rows, {time.monotonic() - started:.0f} s", flush=True)


def read(path: Path) -> list[Row]:
    """The stored rows."""
    if not path.exists():
        return []
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def line(row: Row) -> str:
    """A row as JSON, its numbers short."""
    return json.dumps(_short_numbers(row))


def _short_numbers(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _short_numbers(inner) for key, inner in value.items()}
    return [_short_numbers(inner) for inner in value] if isinstance(value, list) else value
