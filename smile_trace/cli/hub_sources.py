"""Where the entries of a gallery come from: files, or the store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from smile_trace.records.entry import Entry


@contextmanager
def entries_of(files: Sequence[Path]) -> Iterator[Iterator[Entry]]:
    """The entries of these files one after the other; without files, those of the store.

    Raises:
        SmileTraceError: a file cannot be read, or there is no store.
    """
    from smile_trace.hub.files import read_entries
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.queries.exchange import export_entries

    if files:
        yield (entry for _, entry in chain.from_iterable(map(read_entries, files)))
        return
    store = Store.look(Settings())
    try:
        yield export_entries(store.database)
    finally:
        store.close()
