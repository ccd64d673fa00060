"""Mutations that keep JSON JSON, so that an input gets past the decoder, into the reader."""

import json
import random
from collections.abc import Callable
from typing import Any

from tests.support.hostile import small_values

_HOSTILE = tuple(sorted(small_values().values(), key=len))
_WORDS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1e308,
    2**63,
    "",
    "\ud83d",
    "0",
    [],
    {},
    [[]],
    {"": None},
)
_MARK = "PLACE-OF-THE-HOSTILE-VALUE"


def mutate(data: bytes, max_size: int, seed: int, bytewise: Callable[[bytes, int], bytes]) -> bytes:
    """Another input like this one.

    Args:
        data: the input.
        max_size: bytes of the result.
        seed: decides the mutation.
        bytewise: the fuzzer's own mutation, which knows no JSON.
    """
    chance = random.Random(seed)
    if chance.random() < 0.4:
        return bytewise(data, max_size)
    head, separator, body = data.rpartition(b"\n\n") if data[:3].isdigit() else (b"", b"", data)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return bytewise(data, max_size)
    try:
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            document = _changed(document, chance)
        text = json.dumps(document).encode()
    except (ValueError, RecursionError):
        return bytewise(data, max_size)
    text = text.replace(json.dumps(_MARK).encode(), chance.choice(_HOSTILE))
    return (head + separator + text)[:max_size]


def _changed(document: Any, chance: random.Random) -> Any:
    """The document with a value replaced, doubled, removed or put under another's name."""
    holder, key = _place(document, chance)
    if holder is None:
        return _value(document, document, chance)
    if isinstance(holder[key], str) and holder[key][:1] in ("{", "[") and chance.random() < 0.7:
        try:  # JSON in an attribute's text
            holder[key] = json.dumps(_changed(json.loads(holder[key]), chance))
            return document
        except (ValueError, RecursionError):
            pass
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(chance.randrange(len(holder) + 1), _copy(holder[key]))
        case 1:
            holder[chance.choice(list(holder))] = _copy(holder[key])
        case _:
            holder[key] = _value(holder[key], document, chance)
    return document


def _place(document: Any, chance: random.Random) -> tuple[Any, Any]:
    holder, key, here = None, None, document
    while isinstance(here, dict | list) and here:
        holder = here
        key = chance.choice(list(here)) if isinstance(here, dict) else chance.randrange(len(here))
        here = holder[key]
        if chance.random() < 0.15:
            break
    return holder, key


def _value(old: Any, document: Any, chance: random.Random) -> Any:
    match chance.randrange(7):
        case 0:
            return _MARK
        case 1:
            return chance.choice(_WORDS)
        case 2:  # what stands elsewhere
            holder, key = _place(document, chance)
            return _copy(holder[key]) if holder is not None else [old]
        case 3:
            return [old]
        case 4:
            return {"": old}
        case 5 if isinstance(old, int | float) and not isinstance(old, bool):
            return -old if chance.random() < 0.5 else str(old)
        case 5 if isinstance(old, str):
            return old[: len(old) // 2] + chance.choice(("\x00", "<", "\u202e", "\ud800", old))
    return json.dumps(old)


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))
