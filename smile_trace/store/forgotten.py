"""The traces that were forgotten, of which a hash is kept so that they do not come back."""

import hashlib
import re
from collections.abc import Iterable

from sqlalchemy import Connection, select

from smile_trace.store.database import rows_among
from smile_trace.store.tables import forgotten

ID = re.compile(rb"(?<![0-9a-fA-F])[0-9a-fA-F]{32}(?![0-9a-fA-F])")
"""A trace's id among unreadable bytes."""


_ESCAPED = re.compile(rb"\\u00([0-9a-fA-F]{2})")


def ids_in(line: bytes) -> set[str]:
    """Possible trace ids in a line, whose letters JSON may have escaped."""
    line = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), line)
    return {found.decode().lower() for found in ID.findall(line)}


def trace_hash(trace_id: str) -> str:
    """The hash that is kept of a forgotten trace."""
    return hashlib.sha256(f"forgotten {trace_id}".encode()).hexdigest()


def forgotten_among(connection: Connection, trace_ids: Iterable[str]) -> set[str]:
    """The forgotten ones of these traces."""
    hashes = {trace_hash(trace_id): trace_id for trace_id in trace_ids}
    query = select(forgotten.c.trace_hash)
    rows = rows_among(connection, query, forgotten.c.trace_hash, list(hashes))
    return {hashes[row.trace_hash] for row in rows}
