"""A page that lists many explanations: what drove each answer, and how sure that is."""

from collections.abc import Sequence

from pydantic import ConfigDict

from smile_trace.records import Record
from smile_trace.render.heatmap_layout import STATUS_WORDS
from smile_trace.render.html import TEMPLATES
from smile_trace.render.text import short

MOST = 1000
"""Entries of a page; the others are counted."""


class Entry(Record):
    """One explained call. `page` is the name of the file that shows it; each may be unknown."""

    model_config = ConfigDict(extra="ignore")

    prompt: str | None = None
    version: str | None = None
    function: str | None = None
    model: str | None = None
    driver: str | None = None
    status: str
    answer: str | None = None
    summary: str | None = None
    page: str | None = None


def index_to_html(title: str, entries: Sequence[Entry]) -> str:
    """A self-contained page without script, light and dark; every text in it is escaped."""
    return TEMPLATES.get_template("index.html.j2").render(
        title=title,
        entries=entries[:MOST],
        more=len(entries) - MOST,
        words=STATUS_WORDS,
        short=short,
    )
