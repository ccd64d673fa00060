"""Logged calls that send a file's text without a `Prompt`, verbatim or its variables filled in."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from statistics import mode
from typing import NamedTuple

from smile_trace._text.prompts import VARIABLE, render
from smile_trace.dialects.templates import filled_in
from smile_trace.records import Call, PromptUse
from smile_trace.store import Store
from smile_trace.store.queries.calls import newest_ids, read_calls

MOST_READ, MOST_SEARCHED = 2000, 300_000_000
"""The newest calls that are read, and characters in which variables are looked for."""
LEAST = 8
"""Characters that are no blanks, outside of variables, by which a text is known."""


def _jinja(text: str) -> str:
    return re.sub(r"\{\{\s*([^\W\d]\w*)\s*\}\}", r"{\1}", text.strip())


def _format(text: str) -> str:
    return _jinja(text).replace("{{", "{").replace("}}", "}")


Syntax = Callable[[str], str]
"""What makes a template of a file's text, by how the application fills it in, if at all."""
_SYNTAXES: tuple[Syntax, ...] = (_jinja, str.strip, _format)


class Sent(NamedTuple):
    """Calls that send a file, oldest first, each with its place as their one use of a prompt."""

    syntax: Syntax
    calls: list[Call]

    def told(self, file: str) -> str:
        """A sentence on how the calls were found."""
        role = mode(one.messages[one.prompts[0].message].role for one in self.calls)
        sent, whose = ("calls send", "their") if len(self.calls) > 1 else ("call sends", "its")
        return f"{len(self.calls)} logged {sent} {file} as {whose} {role} message."


def sent_texts(store: Store, files: Mapping[str, Iterable[str]]) -> dict[str, Sent]:
    """By name of a file, of which these are the texts, the newest calls that send it; of several
    models, the most frequent one's. A message counts for the file with most of its text alone, and
    a call's last one is the file's use."""
    known = defaultdict[str, set[tuple[str, Syntax]]](set)
    for name, texts in files.items():
        for text, syntax in product(texts, _SYNTAXES):
            known[syntax(text)].add((name, syntax))
    found, finder = defaultdict[tuple[str, Syntax], dict[str, Call]](dict), _Finder(known)
    ids = newest_ids(store.database, None, MOST_READ, 0)
    for start in range(0, len(ids), 50):
        for call in read_calls(store.database, ids[start : start + 50]):
            for use in () if call.truncated or call.not_repeatable else finder.uses(call):
                for name, syntax in known[use.template]:
                    own = use.model_copy(update={"name": name})
                    found[name, syntax][call.id] = call.model_copy(update={"prompts": (own,)})
    sent = dict[str, Sent]()
    for name in {name for name, _ in found}:
        syntax = max(_SYNTAXES, key=lambda one: len(found[name, one]))
        calls = [*found[name, syntax].values()][::-1]
        model = mode(call.model for call in calls)
        sent[name] = Sent(syntax, [call for call in calls if call.model == model])
    return sent


class _Finder:
    def __init__(self, templates: Iterable[str]) -> None:
        cut = [(VARIABLE.split(one), one) for one in templates]  # names are every second piece
        sized = [(len("".join("".join(pieces[::2]).split())), pieces, one) for pieces, one in cut]
        self._known = sorted((one for one in sized if one[0] >= LEAST), reverse=True)
        self._left = MOST_SEARCHED

    def uses(self, call: Call) -> Iterator[PromptUse]:
        """The templates that its instructions and questions are."""
        for number, message in enumerate(call.messages):
            for slot in message.slots if message.role in ("system", "developer", "user") else ():
                text = message.content[slot.start : slot.end].strip()
                at = message.content.find(text, slot.start)
                found = None if slot.result else self._find(text.replace("\r\n", "\n"))
                if found is not None:
                    where = {"message": number, "start": at, "end": at + len(text)}
                    written = {"template": found[0], "variables": found[1]}
                    yield PromptUse.model_validate({"name": "", "version": "", **written, **where})

    def _find(self, text: str) -> tuple[str, dict[str, str]] | None:
        """The template that is the whole text, and its variables' values."""
        for _, pieces, template in self._known:
            if template == text:
                return template, {name: f"{{{name}}}" for name in pieces[1::2]}
            ends = text.startswith(pieces[0]) and text.endswith(pieces[-1])
            if len(pieces) > 1 and ends and self._left > 0:
                self._left -= len(template) + len(text)
                _, _, spans = filled_in(template, text) or (0, 0, [])
                values = {one.name: text[one.start : one.end] for one in spans}
                if values.keys() >= {*pieces[1::2]} and render(template, values) == text:
                    return template, values
        return None
