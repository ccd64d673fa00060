"""Attributes that spread a list over numbered names: `prefix.0.role`, `prefix.1.role`, …"""

from collections.abc import Mapping

from smile_trace.records.base import JSON


def read_indexed(attributes: Mapping[str, JSON], prefix: str) -> list[dict[str, JSON]]:
    """The list's items in order, each the names behind its number with their values.

    >>> read_indexed({"p.1.role": "user", "p.0.role": "system"}, "p")
    [{'role': 'system'}, {'role': 'user'}]
    """
    items: dict[int, dict[str, JSON]] = {}
    start = prefix + "."
    for key, value in attributes.items():
        number, dot, name = key.removeprefix(start).partition(".")
        if key.startswith(start) and dot and number.isdecimal() and len(number) < 7:
            items.setdefault(int(number), {})[name] = value
    return [items[number] for number in sorted(items)]
