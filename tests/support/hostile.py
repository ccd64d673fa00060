"""The hostile corpus (tests/data/hostile) and the recorded spans, for tests of every reader."""

import base64
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.support.paths import DATA

PLACE = "PLACE-OF-THE-HOSTILE-VALUE"


@cache
def values() -> dict[str, bytes]:
    """Each hostile JSON value, or what pretends to be one, by its name."""
    found: dict[str, bytes] = {}
    for line in (DATA / "hostile" / "values.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if "base64" in entry:
            found[entry["name"]] = base64.b64decode(entry["base64"])
        else:
            found[entry["name"]] = "".join(t * n for t, n in entry["pieces"]).encode()
    return found


@cache
def found_inputs() -> dict[str, bytes]:
    """Whole inputs that a reader once let escape, by what was wrong."""
    lines = (DATA / "hostile" / "found.jsonl").read_text().splitlines()
    return {entry["name"]: entry["input"].encode("latin-1") for entry in map(json.loads, lines)}


@cache
def texts() -> dict[str, str]:
    """Each text that a person may be shown, by its name; one of them is no valid Unicode."""
    entries = map(json.loads, (DATA / "hostile" / "texts.jsonl").read_text().splitlines())
    return {entry["name"]: "".join(t * n for t, n in entry["pieces"]) for entry in entries}


def storable_texts() -> dict[str, str]:
    """Those that JSON files in UTF-8 can hold."""
    return {name: text for name, text in texts().items() if _encodes(text)}


def small_values() -> dict[str, bytes]:
    """Those that are short enough to be tried at every place."""
    return {name: value for name, value in values().items() if len(value) < 10_000}


@cache
def recorded_lines() -> tuple[bytes, ...]:
    """Spans as other programs' instrumentations wrote them, a line each."""
    return tuple(
        line
        for path in sorted((DATA / "otlp").glob("*.jsonl"))
        for line in path.read_bytes().splitlines()
    )


def with_value(document: Any, value: bytes) -> bytes:
    """The document's JSON with the hostile value, as it is, in place of `PLACE`."""
    return json.dumps(document).encode().replace(json.dumps(PLACE).encode(), value)


def places(document: Any) -> Iterator[Any]:
    """The document once for every value in it, with `PLACE` in its stead."""
    yield PLACE
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, item in items:
        inner = places(item) if isinstance(item, dict | list) else iter([PLACE])
        for changed in inner:
            copy = document.copy()
            copy[key] = changed
            yield copy


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
