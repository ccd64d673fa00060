"""Explanations shared as files: read, checked, searched in a folder without a server.
`smile_trace.hub.check`, which computes explanations again, loads the numerical libraries and is
imported only where needed."""

from smile_trace.hub.files import read_entries, write_entries
from smile_trace.hub.gallery import build
from smile_trace.records.entry import Entry, EntryUnreadable

__all__ = ["Entry", "EntryUnreadable", "build", "read_entries", "write_entries"]
