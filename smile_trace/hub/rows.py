"""What the gallery's index knows of an entry: enough to find it and to show it in a list."""

import re
from datetime import UTC, datetime

from pydantic import BaseModel

from smile_trace.records import Explanation
from smile_trace.records.comparison import Comparison
from smile_trace.records.entry import Entry
from smile_trace.records.path import ExplanationPath
from smile_trace.render import driver_text
from smile_trace.render.driver import NO_DRIVER
from smile_trace.render.text import short

PAGE_NAME = 20
"""Hex digits of an id in the name of its page."""
_PROMPT, _ANSWER = 220, 160
_MOST_WORDS = 400
"""Different words of an entry that are searched, the first of the prompt and the answer."""
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


class Row(BaseModel):
    """One line of the list. `words` is what the search looks through, in lower case."""

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
    """The row of an entry."""
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
    words: dict[str, None] = {}
    for text in texts:
        for match in _WORD.finditer(text):
            words[match.group().lower()] = None
            if len(words) == _MOST_WORDS:
                return " ".join(words)
    return " ".join(words)


def _date(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
