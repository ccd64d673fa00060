"""Explanations shared as files: read, checked, searched in a folder without a server."""

from smile_trace.hub.check import Checked, check_file
from smile_trace.hub.files import EntryUnreadable, read_entries, write_entries
from smile_trace.hub.gallery import build
from smile_trace.records.entry import Entry

__all__ = [
    "Checked",
    "Entry",
    "EntryUnreadable",
    "build",
    "check_file",
    "read_entries",
    "write_entries",
]
