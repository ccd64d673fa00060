"""`Prompt`: a named, versioned template whose renderings are found in the messages sent."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

from smile_trace._text.places import last_place

Use = dict[str, Any]
"""A `records.PromptUse` as a JSON object."""
VARIABLE = re.compile(r"\{([^\W\d]\w*)\}")
"""A variable of a template; its first group is the name."""
MAX_REMEMBERED = 16
"""Renderings remembered per context; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """One rendering of a prompt: the text, and the offsets of each variable's value."""

    prompt: "Prompt"
    text: str
    variables: dict[str, str]
    spans: tuple[tuple[str, int, int], ...]


_renderings: ContextVar[tuple[Rendering, ...]] = ContextVar("smile_trace_renderings", default=())


@dataclass(frozen=True)
class Prompt:
    """A named, versioned template.

    Only `{identifier}` is a variable; every other brace is text. Versions are strings; a
    number is taken as its decimal text.

    >>> Prompt("answer", version="3", template="Be brief: {question} {}").format(question="why?")
    'Be brief: why? {}'
    """

    name: str
    version: str = field(kw_only=True)
    template: str = field(kw_only=True)

    def __post_init__(self) -> None:
        for what in ("name", "template"):
            if not isinstance(getattr(self, what), str):
                raise TypeError(f"a Prompt's {what} is a string")
        object.__setattr__(self, "version", str(self.version))

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the template's variables, in order of first appearance."""
        return tuple(dict.fromkeys(VARIABLE.findall(self.template)))

    def format(self, **variables: Any) -> str:
        """The template with its variables filled in (`str(value)`; values are not formats). The
        rendering is remembered in the context, so that capture finds it in the messages.

        Raises:
            KeyError: a variable of the template is missing.
        """
        rendering = self._render({name: str(variables[name]) for name in self.variables})
        _renderings.set((*_renderings.get(), rendering)[-MAX_REMEMBERED:])
        return rendering.text

    def _render(self, values: dict[str, str]) -> Rendering:
        pieces: list[str] = []
        spans: list[tuple[str, int, int]] = []
        length = position = 0
        for match in VARIABLE.finditer(self.template):
            literal, name = self.template[position : match.start()], match.group(1)
            value = values[name]
            start = length + len(literal)
            pieces += (literal, value)
            length = start + len(value)
            spans.append((name, start, length))
            position = match.end()
        pieces.append(self.template[position:])
        return Rendering(self, "".join(pieces), values, tuple(spans))


def render(template: str, variables: Mapping[str, str]) -> str:
    """The template with its variables filled in; values are not formats.

    Raises:
        KeyError: a variable of the template has no value.
    """
    return VARIABLE.sub(lambda match: variables[match.group(1)], template)


def length(template: str, variables: Mapping[str, str]) -> int:
    """The number of characters of `render`, whose errors it has."""
    slots = Counter(VARIABLE.findall(template))
    return len(template) + sum(n * (len(variables[v]) - len(v) - 2) for v, n in slots.items())


def find_renderings(texts: Iterable[str]) -> list[Use]:
    """Every remembered rendering in the sent texts (one per message), newest first. It is searched
    for verbatim and as escaped in JSON; the last occurrence in the last message counts. A rendering
    inside a longer one is a use of its own."""
    remembered = _renderings.get()
    if not remembered:
        return []
    texts = list(texts)
    uses: list[Use] = []
    seen: set[tuple[str, str, str]] = set()
    for rendering in reversed(remembered):
        identity = (rendering.prompt.name, rendering.prompt.version, rendering.text)
        if not rendering.text or identity in seen:
            continue
        seen.add(identity)
        for escape in (str, _as_json, _as_ascii_json):
            use = _find(rendering, texts, escape)
            if use is not None:
                uses.append(use)
                break
    return uses


def _find(rendering: Rendering, texts: list[str], escape: Callable[[str], str]) -> Use | None:
    wanted = escape(rendering.text)
    places = [index for index, text in enumerate(texts) if wanted in text]
    if not places:
        return None
    text = texts[places[-1]]
    start = last_place(text, wanted)

    def place(offset: int) -> int:
        return start + len(escape(rendering.text[:offset]))

    return {
        "name": rendering.prompt.name,
        "version": rendering.prompt.version,
        "template": rendering.prompt.template,
        "variables": dict(rendering.variables),
        "message": places[-1],
        "start": start,
        "end": start + len(wanted),
        "variable_spans": [
            {"name": name, "start": place(a), "end": place(b)} for name, a, b in rendering.spans
        ],
        "ambiguous": len(places) > 1 or text.find(wanted) != start,
    }


def _as_json(text: str) -> str:
    return encode_basestring(text)[1:-1]


def _as_ascii_json(text: str) -> str:
    return encode_basestring_ascii(text)[1:-1]
