"""Lines of an import: refused by name, or stored so that they can be exported again."""

import json
import tempfile
from functools import cache
from pathlib import Path

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.exchange import ImportFailed, export_lines, import_lines
from smile_trace_contracts.samples import sample_explanation, sample_trace
from tests.support.readers.base import ForeignReader
from tests.support.store_rows import capture, explain


def accept(store: Store, line: bytes) -> None:
    """Import a line into the store, which is emptied before; export it, and import that."""
    with store.database.write() as connection:
        for table in ("observations", "explanations", "jobs", "calls"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    try:
        imported = import_lines(store.database, [line])
    except ImportFailed:
        return
    exported = list(export_lines(store.database))
    assert len(exported) == imported.new
    assert import_lines(store.database, [text.encode() for text in exported]).new == 0


@cache
def _store() -> tuple[Store, bytes]:
    """A store in memory, where there is such a folder, and the line of an explanation."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    store = Store.open(Settings(home=folder))
    capture(store, 1)
    explain(store, 1)
    [line] = export_lines(store.database)
    return store, line.encode()


def _read(data: bytes) -> None:
    accept(_store()[0], data.replace(b"\n", b" "))


def _seeds() -> list[bytes]:
    _, line = _store()
    call = sample_trace().calls[0]
    explanation = sample_explanation(call)
    full = json.loads(line) | {
        "call": call.model_dump(mode="json"),
        "explanation": explanation.model_dump(mode="json"),
        "settings_hash": explanation.settings.hash,
    }
    return [line, json.dumps(full).encode()]


IMPORTS = ForeignReader("imports", _read, _seeds)
