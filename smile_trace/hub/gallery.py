"""The gallery: a folder of pages that opens without a server, and searches itself."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from smile_trace.errors import SmileTraceError
from smile_trace.hub.facts import facts_of
from smile_trace.hub.files import written_anew
from smile_trace.hub.rows import PAGE_NAME, Row, row_of
from smile_trace.records.entry import Entry
from smile_trace.render.text import short

DATA = "explanations.smile.jsonl"
PAGES = "e"
"""The folder of the pages."""
_OURS = re.compile(rf"[0-9a-f]{{{PAGE_NAME}}}\.html")
_TITLE = 120

_TEMPLATES = Environment(
    loader=PackageLoader("smile_trace.hub"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def build(folder: str | Path, entries: Iterable[Entry], *, title: str = "Explanations") -> int:
    """Write the gallery of these entries into a folder; returns how many different ones.

    `index.html` holds the list and its search, `e/` a page each, and `explanations.smile.jsonl`
    what they are made from, and may be read from while this is built. What stands there under
    these names is written anew, and a page of an entry that is no longer among them is removed.

    Raises:
        SmileTraceError: the folder cannot be written.
    """
    rows: dict[str, Row] = {}
    folder = Path(folder)
    with _writing(folder):
        (folder / PAGES).mkdir(parents=True, exist_ok=True)
        with (
            written_anew(folder / DATA) as partly,
            partly.open("w", encoding="utf-8", newline="\n") as data,
        ):
            for entry in entries:
                if entry.id in rows:
                    continue
                rows[entry.id] = row_of(entry)
                data.write(entry.line + "\n")
                page = folder / PAGES / f"{entry.id[:PAGE_NAME]}.html"
                page.write_text(page_of(entry, title), encoding="utf-8")
        newest = sorted(rows.values(), key=lambda row: row.date, reverse=True)
        (folder / "index.html").write_text(index_of(newest, title), encoding="utf-8")
        _remove_others(folder / PAGES, {row.page for row in newest})
    return len(rows)


def _remove_others(pages: Path, kept: set[str]) -> None:
    """What was built before may be more than is to be seen now."""
    for page in pages.iterdir():
        if _OURS.fullmatch(page.name) and page.stem not in kept:
            page.unlink()


def index_of(rows: list[Row], title: str) -> str:
    """The page with the list. Its script may run, by its hash, and no other."""
    script = (files("smile_trace.hub") / "templates" / "search.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _TEMPLATES.get_template("index.html.j2").render(
        title=short(title, _TITLE),
        script=Markup(script),
        script_hash=digest,
        index=_inert_json([row.model_dump() for row in rows]),
        count=len(rows),
        data=DATA,
        pages=PAGES,
    )


def page_of(entry: Entry, title: str) -> str:
    """The page of an entry: as the product shows it, and what it takes to reproduce it."""
    return _TEMPLATES.get_template("page.html.j2").render(
        title=short(title, _TITLE),
        name=row_of(entry).prompt,
        shown=Markup(entry.found._repr_html_()),
        facts=facts_of(entry),
        id=entry.id,
        data=DATA,
    )


def _inert_json(value: object) -> Markup:
    """JSON for a data block: nothing in it ends the block or begins another element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SmileTraceError(f"{folder} cannot be written: {error.strerror}") from None
