"""Explanations shared as files: read, checked, searched in a folder without a server.

What computes an explanation again (`smile_trace.hub.check`) loads the numerical libraries, and is
imported by itself.
"""

from smile_trace.hub.files import read_entries, write_entries
from smile_trace.hub.gallery import build
from smile_trace.records.entry import Entry, EntryUnreadable

__all__ = ["Entry", "EntryUnreadable", "build", "read_entries", "write_entries"]
