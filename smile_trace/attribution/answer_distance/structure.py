"""JSON by key, and whether an order tells something."""

import re
from collections import Counter
from typing import Any

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.attribution.answer_distance.tokens import sentence

_ORDER = re.compile(
    r"rank|\border|\bfirst\b|\bthen\b|follow|\bbest\b|priorit|most .* to |reihenfolge|zuerst|platz"
    r"|rang|\bordre\b|d'abord|class|\borden\b|primero|segundo|順|位|排|首先|其次|第一",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)
_BULLET = re.compile(r"^\s*[-*•+]\s+(.+)$", re.MULTILINE)
_ENUMERATION = re.compile(
    r"[^\s,:;.、：]+(?: [^\s,:;.、：]+)?(?:(?:, |、)[^\s,:;.、]+(?: [^\s,:;.、]+)?)+"
    r"(?:(?:,? (?:and|und|et|y|or|oder|ou|o) |和|及)[^\s,:;.、]+)?"
)
_ORDERED_KEY = re.compile(
    r"rank|order|step|priorit|sort|top|reihe|schritt|ordre|etape|orden|paso", re.I
)


def parsed_json(text: str) -> Any:
    """The JSON object or list that a text holds, alone or in a fence; None where there is none."""
    found = re.search(r"```(?:json)?\s*([\[{].*?[\]}])\s*```", text, re.DOTALL)
    candidate = found[1] if found else text.strip()
    if not candidate.startswith(("{", "[")):
        return None
    try:
        return foreign.decode(candidate, lenient=True)
    except ForeignDataError:
        return None


def json_change(one: Any, other: Any) -> float:
    """The share of the values of two JSON texts that are others, in [0, 1]: objects by key, lists
    as sets unless their key names an order, all else by its value."""
    lost, total = _compare(one, other, "")
    return min(lost / total, 1.0)


def _compare(one: Any, other: Any, key: str) -> tuple[float, int]:
    """Lost values, and all values."""
    if isinstance(one, dict) and isinstance(other, dict):
        parts = [_compare(one[k], other[k], k) for k in one if k in other]
        gone = sum(_leaves(one[k]) for k in one if k not in other)
        new = sum(_leaves(other[k]) for k in other if k not in one)
        lost = sum(part[0] for part in parts) + gone + (0.5 * new if not gone else 0)
        return lost, max(sum(part[1] for part in parts) + gone + (new if not gone else 0), 1)
    if isinstance(one, list) and isinstance(other, list):
        if _ORDERED_KEY.search(key):
            apart = sum(_written(a) != _written(b) for a, b in zip(one, other, strict=False))
            return apart + abs(len(one) - len(other)), max(len(one), len(other), 1)
        mine, theirs = Counter(map(_written, one)), Counter(map(_written, other))
        lost = max((mine - theirs).total(), (theirs - mine).total())
        return lost, max(len(one), len(other), 1)
    return float(_written(one) != _written(other)), 1


def _leaves(value: Any) -> int:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return max(sum(_leaves(item) for item in inside), 1)
    return 1


def _written(value: Any) -> str:
    """A canonical form: keys sorted, texts without case and spacing, 3.0 as 3."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{_written(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(map(_written, value))) + "]"
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return f"{value:.12g}"
    return " ".join(value.casefold().split())


def states_order(raw: tuple[str, str]) -> bool:
    """Whether the order of what two answers say tells something."""
    return all(_NUMBERED.search(text) for text in raw) or any(_ORDER.search(t) for t in raw)


def enumerated(raw: tuple[str, str]) -> frozenset[str]:
    """The words of lists without a stated order, as tokens' keys."""
    if any(_ORDER.search(text) or _NUMBERED.search(text) for text in raw):
        return frozenset()
    items = [item for text in raw for item in (*_BULLET.findall(text), *_ENUMERATION.findall(text))]
    return frozenset(key for item in items for key in sentence(item).keys)
