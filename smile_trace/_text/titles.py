"""The name of a document or section of a prompt: its title, else its number."""

import json
import re
from collections.abc import Mapping
from typing import Any

LONGEST = 60
"""Characters of a title."""

_TAG = re.compile(r"<([A-Za-z][\w.:-]{0,63})((?:\s[^<>]{0,500})?)>\s*")
_NAMES = ("title", "name", "file_name", "filename", "source", "path", "url", "uri")
"""What a document is called by, the first that it has: attributes, elements, members of JSON."""
_ANY_NAME = "|".join(_NAMES)
_ATTRIBUTE = re.compile(rf"""\b({_ANY_NAME}|id|index|number)\s*=\s*["']?([^"'<>\n]{{1,60}})""")
_ELEMENT = re.compile(
    r"(?:<(\w{1,20})>[^<>\n]{0,60}</\1>\s*){0,3}?"  # an <id> before it, say
    rf"<({_ANY_NAME})>([^<>\n]{{1,60}})</\2>",
    re.IGNORECASE,
)
_RULES = re.compile(r"\A(?:[-*_=]{3,}[ \t]*\n\s*)+")
"""Lines that only part what is before from what is behind."""
_EMPHASIS = re.compile(r"\*\*|__")
_MARKS = re.compile(r"^(?:#{1,6}\s+|={3,}\s*)|\s*={3,}$|[:：]?\s*$")
_BRACKETS = re.compile(r"^\[([^\[\]]+)\]$")
_LABEL = re.compile(rf"^(?:{_ANY_NAME}|document|file)\s*[:：]\s*", re.IGNORECASE)
_NUMBER = re.compile(
    r"\[\d{1,4}\]|\(\d{1,4}\)|\d{1,4}[.)](?=\s)"
    r"|(?:document|doc|source|passage|context|example|section)\s*(?:#\s*)?\d{1,4}\b",
    re.IGNORECASE,
)
_MADE_UP = re.compile(r"(?:[\w-]+[-_])?(?=[0-9a-fA-F-]*\d)[0-9a-fA-F-]{16,}")
_LONGEST_ID = 500
"""Characters of an id that somebody may know."""
_WORDS = 32
"""Characters of the text after a number that stands for a title."""
_WORD = 24
"""Characters of a longer word, which may be cut."""


def document_name(source: str | None, id: str | None) -> str | None:
    """The name of a retrieved document: its source, else its id unless a machine made it up (a
    UUID, a hash), since nobody knows a document by that."""
    made_up = id is not None and (len(id) > _LONGEST_ID or _MADE_UP.fullmatch(id))
    return source or (None if made_up else id) or None


def title_or_beginning(text: str) -> str:
    """The title of a passage, or the beginning of its text, at most `LONGEST` characters."""
    text = text.strip()
    tag = _TAG.match(text)
    inside = text[tag.end() :].removesuffix(f"</{tag[1]}>") if tag else text
    return title(text) or " ".join((inside.strip() or text).split())[:LONGEST]


def both_ends(text: str, longest: int = LONGEST) -> str:
    """The text on one line; the first and last words of a long one, since the first alone would be
    taken for what it says."""
    flat = " ".join(text.split())
    if len(flat) <= longest:
        return flat
    head, tail = flat[: longest // 2], flat[-longest // 2 :]
    head = head.rpartition(" ")[0] or _whole(flat.partition(" ")[0]) or head
    tail = tail.partition(" ")[2] or _whole(flat.rpartition(" ")[2]) or tail
    return min(flat, f"{head} … {tail}", key=len)


def _whole(word: str) -> str:
    return word if len(word) <= _WORD else ""


def by_words(text: str, longest: int) -> str:
    """The first words of `text`, at most `longest` characters with the dots, at least one word."""
    if len(text) <= longest:
        return text
    head = text[: longest - 1]
    words = head if text[longest - 1].isspace() else head.rpartition(" ")[0]
    words = words or _whole(text.partition(" ")[0]) or head[:-1]
    return text if words == text else words.rstrip(" ,;:") + " …"


def title(text: str) -> str | None:
    """The title of a passage, at most `LONGEST` characters; None if it begins with none.

    The first line, if it is short and no sentence, and more follows (`## Returns`, `[2] Returns`,
    `Title: Returns`); an element's or JSON object's `title`, `name`, `source` and the like, or the
    `id` (`<doc id="2">` is "doc 2"); else the number with its first words (`[2] Goods can be …`).
    """
    text = _RULES.sub("", text.strip())
    if text[:1] in ("{", "[", '"') and (named := _in_json(text)) is not None:
        return by_words(" ".join(named.split()), LONGEST)
    tag = _TAG.match(text)
    if tag is None:
        return _first_line(text) or _number(text)
    found = dict(reversed(_ATTRIBUTE.findall(tag[2])))
    inner = text[tag.end() :]
    named = _named(found)
    if named is None and (element := _ELEMENT.match(inner)):
        named = element[3].strip()
    number = next((found[key].strip() for key in ("id", "index", "number") if key in found), None)
    if number is not None:
        number = f"{tag[1]} {number}" if number.isdigit() else document_name(None, number)
    return named or _first_line(inner) or number or _number(inner)


def _named(fields: Mapping[str, Any]) -> str | None:
    """What stands under the first of the names by which documents are called."""
    found = (fields.get(name) for name in _NAMES)
    return next((name.strip() for name in found if isinstance(name, str) and name.strip()), None)


def _in_json(text: str) -> str | None:
    """The name of a document in JSON: an object, its members alone, or the only one of a list."""
    for whole in (text, f"{{{text}}}"):
        try:
            read = json.loads(whole)
        except (ValueError, RecursionError):
            continue
        if isinstance(read, list) and len(read) == 1:
            [read] = read
        if isinstance(read, dict):
            inner = (value for value in read.values() if isinstance(value, dict))  # `metadata`
            return next(filter(None, map(_named, (read, *inner))), None)
    return None


def _first_line(text: str) -> str | None:
    line, _, rest = text.partition("\n")
    if len(line) > 2 * LONGEST:
        return None
    line = _MARKS.sub("", _EMPHASIS.sub("", line).strip())
    line = _BRACKETS.sub(r"\1", line)
    line = " ".join(_LABEL.sub("", line).split())
    if not rest.strip() or not 0 < len(line) <= LONGEST or line[-1] in ".!?,;。！？…":
        return None
    return line if any(char.isalnum() for char in line) else None


def _number(text: str) -> str | None:
    """None for several numbered items: the first one's words would stand for all of them."""
    number = _NUMBER.match(text)
    if number is None:
        return None
    alike = re.sub(r"\d+", r"\\d+", re.escape(number[0]))
    if re.search(rf"^[ \t]{{0,8}}{alike}", text[number.end() :], re.IGNORECASE | re.MULTILINE):
        return None
    words = " ".join(text[number.end() :].lstrip(" :.-").split())
    shown = (
        words
        if len(words) <= _WORDS
        else f"{words[:_WORDS].rpartition(' ')[0] or words[:_WORDS]} …"
    )
    return f"{' '.join(number[0].split())} {shown}".strip()
