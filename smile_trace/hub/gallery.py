"""The gallery: a folder of pages that opens without a server, and searches itself. Its index
suffices to find and list an entry; the entry's page holds what it takes to reproduce it."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from itertools import islice
from pathlib import Path

from markupsafe import Markup
from pydantic import BaseModel

from smile_trace.errors import file_errors
from smile_trace.hub.files import written_anew
from smile_trace.records import Explanation
from smile_trace.records.comparison import Comparison
from smile_trace.records.entry import Entry, Redaction, canonical
from smile_trace.records.path import ExplanationPath
from smile_trace.render import driver_text
from smile_trace.render.html import templates
from smile_trace.render.phrases import NO_DRIVER
from smile_trace.render.text import short

PAGE_NAME = 20
_PROMPT, _ANSWER = 220, 160
_MOST_WORDS = 400
"""Different words of an entry that are searched, the first of the prompt and the answer."""
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


class Row(BaseModel):
    """One line of the list; the search looks through `words`, in lower case."""

    page: str
    kind: str
    prompt: str
    answer: str
    model: str
    driver: str
    verdict: str
    date: str
    tags: tuple[str, ...]
    words: str


def row_of(entry: Entry) -> Row:
    """Return the row of an entry."""
    found = entry.found
    common = {"page": entry.id[:PAGE_NAME], "kind": entry.kind, "tags": entry.tags}
    if isinstance(found, Comparison):
        return Row(**common, **_of_comparison(found))
    first = found.steps[0].explanation if isinstance(found, ExplanationPath) else found
    return Row(**common, **_of_explanation(first, entry))


def _of_explanation(explanation: Explanation, entry: Entry) -> dict[str, str]:
    prompt = " ".join(message.content for message in explanation.messages)
    driver = driver_text(explanation)
    asked = explanation.messages[-1].content or prompt
    return {
        "prompt": short(asked, _PROMPT),
        "answer": short(explanation.answer, _ANSWER),
        "model": short(explanation.settings.model, 80),
        "driver": "" if driver == NO_DRIVER else driver,
        "verdict": explanation.status,
        "date": explanation.explained_at or _date(entry.explained_at),
        "words": _words(prompt, explanation.answer),
    }


def _of_comparison(comparison: Comparison) -> dict[str, str]:
    models = dict.fromkeys(v.model for v in comparison.versions if v.model)
    return {
        "prompt": short(comparison.prompt, _PROMPT),
        "answer": short(comparison.summary, _ANSWER),
        "model": short(", ".join(models), 80),
        "driver": "",
        "verdict": "compared",
        "date": comparison.compared_at or "",
        "words": _words(comparison.summary, *(v.template for v in comparison.versions)),
    }


def _words(*texts: str) -> str:
    words = dict.fromkeys(m.group().lower() for text in texts for m in _WORD.finditer(text))
    return " ".join(islice(words, _MOST_WORDS))


def _date(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


_LONGEST = 400
_SOLVED = {"text": "the answers' texts", "probability": "the probability of the given answer"}


def facts_of(entry: Entry) -> list[tuple[str, str]]:
    """Return names and values (plain text), without unknown ones."""
    found = entry.found
    if isinstance(found, Comparison):
        facts = [("seed", str(found.settings.seed)), ("compared", found.compared_at or "")]
    else:
        facts = _explanation_facts(entry.explanations[0])
    facts += [
        ("licence", entry.licence or ""),
        ("author", entry.author or ""),
        ("tags", ", ".join(entry.tags)),
        ("redaction", _redaction(entry.redaction)),
    ]
    return [(name, short(value, _LONGEST)) for name, value in facts if value]


def _explanation_facts(explanation: Explanation) -> list[tuple[str, str]]:
    settings = explanation.settings
    return [
        ("model", settings.model),
        ("asked", explanation.explained_at or ""),
        ("parameters", canonical(explanation.parameters) if explanation.parameters else ""),
        ("proxy", settings.proxy or ""),
        ("compared by", _SOLVED[explanation.signal]),
        ("distance", settings.distance if explanation.signal == "text" else ""),
        ("unit", settings.unit if settings.pattern is None else f"/{settings.pattern}/"),
        ("protected", ", ".join(settings.protect)),
        ("part of the answer", settings.answer_part or ""),
        ("budget", f"{settings.budget} calls"),
        ("seed", str(settings.seed)),
        ("smile-trace", _release(explanation)),
        ("perturbations", f"{len(explanation.perturbations)} with their responses"),
    ]


def _release(explanation: Explanation) -> str:
    method = "" if explanation.method is None else f"method {explanation.method}"
    return ", ".join(part for part in (explanation.package or "", method) if part)


def _redaction(redaction: Redaction | None) -> str:
    if redaction is None:
        return ""
    kinds = [f"{count} × {kind}" for kind, count in sorted(redaction.replaced.items())]
    reviewed = f"reviewed by {redaction.reviewed_by}" if redaction.reviewed_by else "not reviewed"
    return "; ".join([", ".join(kinds) or "nothing was replaced", reviewed])


DATA = "explanations.smile.jsonl"
PAGES = "e"
_OURS = re.compile(rf"[0-9a-f]{{{PAGE_NAME}}}\.html")
_TITLE = 120

_PACKAGE = "smile_trace.hub"


def build(folder: str | Path, entries: Iterable[Entry], *, title: str = "Explanations") -> int:
    """Write the gallery of these entries into a folder; return how many different ones there are.

    `index.html` holds the list and its search, `e/` a page per entry, and
    `explanations.smile.jsonl` their source, which may be read from during the build. Existing files
    of these names are rewritten, and pages of other entries removed. Raises SmileTraceError if the
    folder cannot be written.
    """
    rows: dict[str, Row] = {}
    folder = Path(folder)
    with file_errors(folder, "written"):
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
    """Remove pages of an earlier build: they may hold more than is to be seen now."""
    for page in pages.iterdir():
        if _OURS.fullmatch(page.name) and page.stem not in kept:
            page.unlink()


def index_of(rows: list[Row], title: str) -> str:
    """Return the page with the list. Its script may run, by its hash, and no other."""
    script = (files("smile_trace.hub") / "templates" / "search.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = templates(_PACKAGE).get_template("index.html.j2")
    return page.render(
        title=short(title, _TITLE),
        script=Markup(script),
        script_hash=digest,
        index=inert_json([row.model_dump() for row in rows]),
        count=len(rows),
        data=DATA,
        pages=PAGES,
    )


def page_of(entry: Entry, title: str) -> str:
    """Return an entry's page: as the product shows it, and what it takes to reproduce it."""
    page = templates(_PACKAGE).get_template("page.html.j2")
    return page.render(
        title=short(title, _TITLE),
        name=row_of(entry).prompt,
        shown=Markup(entry.found._repr_html_()),
        facts=facts_of(entry),
        id=entry.id,
        data=DATA,
    )


def inert_json(value: object) -> Markup:
    """Return JSON for a data block: nothing in it ends the block or begins another element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
