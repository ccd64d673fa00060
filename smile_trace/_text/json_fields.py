"""The fields of a JSON answer: where their values stand in it, and what a response has there."""

import json
import re
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]
"""The keys and places from the outermost value to a field: `("items", 0, "name")`."""

MOST_DEPTH = 32

_FENCE = re.compile(r"```(?:json)?\s*(?=[\[{])")
_STEP = re.compile(r"\.([^\W\d][\w-]*)|\[(\d+)\]|\[\"((?:[^\"\\]|\\.)*)\"\]|\['([^']*)'\]")
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def read_path(text: str) -> Path | None:
    """The path written as `$.city`, `$.items[0].name` or `$["first name"]`; None for other text."""
    if not text.startswith("$") or len(text) < 2:
        return None
    steps: list[str | int] = []
    at = 1
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            return None
        name, place, quoted, single = step.groups()
        try:
            key = json.loads(f'"{quoted}"') if quoted is not None else single
        except ValueError:
            return None
        steps.append(int(place) if place is not None else name if name is not None else key)
        at = step.end()
    return tuple(steps)


def written_path(path: Path) -> str:
    """The path as it is written: `$.items[0].name`."""
    steps = []
    for step in path:
        if isinstance(step, int):
            steps.append(f"[{step}]")
        elif re.fullmatch(r"[^\W\d][\w-]*", step):
            steps.append(f".{step}")
        else:
            steps.append(f"[{json.dumps(step, ensure_ascii=False)}]")
    return "$" + "".join(steps)


def fields(answer: str) -> dict[Path, tuple[int, int]]:
    """The fields of a JSON object or list, alone or in a fence, with the characters of their values
    without quotation marks; {} for any other text. A list without objects is one field, and so is
    an empty object. The last of an object's duplicate keys counts."""
    return _places(answer, every=False)


def value_at(answer: str, path: Path) -> str | None:
    """A value as written in the answer; None if there is none."""
    place = place_of(answer, path)
    return None if place is None else answer[slice(*place)]


def path_of(answer: str, place: tuple[int, int]) -> Path | None:
    """The path of the value that these characters are; None if there is none."""
    known = _places(answer, every=True).items()
    return next((path for path, of_path in known if path and of_path == place), None)


def place_of(answer: str, path: Path) -> tuple[int, int] | None:
    """The characters of a value: of a field, of an item of a list, or of what holds several."""
    return _places(answer, every=True).get(path) if path else None


def _places(answer: str, *, every: bool) -> dict[Path, tuple[int, int]]:
    fence = _FENCE.search(answer)
    start = fence.end() if fence else _next(answer, 0)
    if answer[start : start + 1] not in ("{", "["):
        return {}
    found: dict[Path, tuple[int, int]] = {}
    try:
        value = _DECODER.raw_decode(answer, start)[0]
        for path, place in _values(answer, start, (), value, every=every):
            found.pop(path, None)  # in the order of the text
            found[path] = place
    except (ValueError, RecursionError):
        return {}
    return found


def _next(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _values(
    text: str, start: int, path: Path, value: Any, *, every: bool
) -> Iterator[tuple[Path, tuple[int, int]]]:
    if len(path) > MOST_DEPTH:
        raise ValueError("nested too deeply")
    holds_more = value and (
        isinstance(value, dict)
        or (isinstance(value, list) and (every or all(isinstance(item, dict) for item in value)))
    )
    if not holds_more:
        end = _DECODER.raw_decode(text, start)[1]
        quoted = isinstance(value, str) and end - start > 2
        yield path, (start + 1, end - 1) if quoted else (start, end)
        return
    at, place = start + 1, 0
    while text[at := _next(text, at)] not in "}]":
        step: str | int = place
        if isinstance(value, dict):
            step, at = _DECODER.raw_decode(text, at)
            at = _next(text, _next(text, at) + 1)  # behind the colon
        inner, end = _DECODER.raw_decode(text, at)
        yield from _values(text, at, (*path, step), inner, every=every)
        at, place = _next(text, end), place + 1
        if text[at] == ",":
            at += 1
    if every:
        yield path, (start, at + 1)
