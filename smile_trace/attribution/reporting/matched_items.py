"""The fields of a response as those of the logged answer that they are to be compared with."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from smile_trace._text.json_fields import Path
from smile_trace.attribution.answer_change.change import is_order

Fields = Mapping[Path, Any]
"""The values of an answer's fields, or of those inside one of its values."""

_MOST = 30
"""Items of a list that are matched, since each is compared with each; a longer one's are compared
by their places."""


def matched_items(logged: Fields, said: Fields, key: str = "") -> dict[Path, Any]:
    """The fields of a response, with every item of a list at the place of the logged item that it
    is: an item that is left out changes none of those behind it. So it is for calls of tools.

    As in the answer change, the order of a list does not count unless its `key` names one. Items
    are matched by their `name` first (a call's tool), then by how many of their values are equal.
    """
    mine, theirs = _by_step(logged), _by_step(said)
    lists = all(isinstance(step, int) for step in (*mine, *theirs))
    places: Mapping[str | int, str | int] = {}
    if lists and max(len(mine), len(theirs)) <= _MOST and not is_order(key):
        places = _places(mine, theirs)
    found = {path: value for path, value in said.items() if not path}
    for step, inner in theirs.items():
        place = places.get(step, step)
        of = step if isinstance(step, str) else key
        for path, value in matched_items(mine.get(place, {}), inner, of).items():
            found[place, *path] = value
    return found


def _by_step(fields: Fields) -> dict[str | int, dict[Path, Any]]:
    found: dict[str | int, dict[Path, Any]] = {}
    for path, value in fields.items():
        if path:
            found.setdefault(path[0], {})[path[1:]] = value
    return found


def _places(
    mine: Mapping[str | int, Fields], theirs: Mapping[str | int, Fields]
) -> dict[str | int, str | int]:
    """Of each item of theirs the nearest of mine, each taken once; a new place without one."""
    nearest = sorted(
        (one.get(("name",)) != other.get(("name",)), -_shared(one, other), abs(i - k), i, k)
        for i, one in enumerate(mine.values())
        for k, other in enumerate(theirs.values())
    )
    found: dict[str | int, str | int] = {}
    for *_, i, k in nearest:
        if k not in found and i not in found.values():
            found[k] = i
    new = count(len(mine))
    return {k: found[k] if k in found else next(new) for k in range(len(theirs))}


def _shared(one: Fields, other: Fields) -> float:
    equal: int = sum(other.get(path) == value for path, value in one.items())
    return equal / max(len(one), len(other))
