"""The page, made from what is stored."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup

from smile_trace.comparison.look import pieces
from smile_trace.demo.application import MODEL
from smile_trace.hub.gallery import inert_json
from smile_trace.render.html import templates
from smile_trace.render.phrases import message_title
from smile_trace.render.text import whole_difference
from tools.take_apart.answers import FILE, Stored, read
from tools.take_apart.prompts import EXAMPLES, Example

PAGE = FILE.with_name("index.html")


def page() -> str:
    """The page of all prompts: it loads nothing, and runs its own script alone, by its hash."""
    stored = read()
    pairs = [(example, stored[example.name]) for example in EXAMPLES]
    ours = FileSystemLoader(Path(__file__).parent)
    found = templates()
    found = found.overlay(loader=ChoiceLoader([ours, found.loader or ours]))
    script = found.get_template("page.js.j2").render()
    macros: Any = found.get_template("marked.html.j2").module
    data = {
        one.name: {"answers": [*_answers(one, macros.marked)], "given": one.given}
        for _, one in pairs
    }
    nothing = ("", "Nothing is left to ask.", 0, "")
    return found.get_template("page.html.j2").render(
        model=MODEL,
        shown=[_shown(*pair) for pair in pairs],
        data=inert_json({**data, "nothing": nothing}),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _shown(example: Example, one: Stored) -> dict[str, Any]:
    messages, parts = one.prompted.messages, dict(enumerate(one.parts))
    by_key = {told.key: told for told in one.explanation.segments}
    return {
        "name": one.name,
        "title": example.title,
        "seen": example.seen,
        "messages": [
            (message_title(message, messages), [*pieces(message.content, k, parts)])
            for k, message in enumerate(messages)
        ],
        "told": [by_key[part.key] for part in one.parts],
        "explanation": one.explanation,
    }


def _answers(one: Stored, marked: Any) -> Iterator[tuple[str, str, float, str]]:
    """Of each answer: the first one, what is lost of it marked; itself, what is new marked; the
    answer change, and that in words."""
    for answer, change in zip(one.answers, one.changes, strict=True):
        changes = whole_difference(one.answers[0], answer)
        yield marked(changes, "added"), marked(changes, "removed"), change, _said(change)


def _said(change: float) -> str:
    share = round(change, 2)
    lost = {0.0: "nothing", 1.0: "all"}.get(share, f"{100 * share:.0f} %")
    return f"Answer change {share:.2f}: {lost} of the answer is lost."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
