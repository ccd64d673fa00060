"""The distance of two versions' JSON answers field by field, each beyond its own noise: a field of
many that changes in every answer is little of each answer, and all of what a program reads."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

from smile_trace._stats.false_discoveries import adjusted
from smile_trace._text.json_fields import Path, written_path
from smile_trace.attribution.answer_change.change import json_change, parsed_json
from smile_trace.attribution.reporting.matched_items import matched_items
from smile_trace.attribution.segmentation.boundaries import bare_words
from smile_trace.comparison.answers import (
    Paired,
    as_comparison,
    compare_answers,
    counted,
    text_distance,
)
from smile_trace.comparison.verdicts import ALPHA
from smile_trace.records.comparison import FieldComparison
from smile_trace.records.formats.answers import read_refusal

MOST_FIELDS = 50
"""Fields that are tested, those that vary in most inputs."""

TEXT = 3
"""Words from which a value is a text, compared by its content."""


class FieldDistance:
    """How far two answers are apart in each field that one of them has, in [0, 1], by its path.

    A missing field or another value is 1; lists are compared as in the answer change, texts by
    their content, and two numbers from 0 to 1, such as scores, by their relative difference. The
    items of a list of objects are one field, matched by what they say: `$.items[].name`. An answer
    that is no JSON has no field.
    """

    def __init__(self) -> None:
        self._said = text_distance()
        self._leaves, self._values = cache(_leaves_of), cache(_values_of)
        self._known: dict[tuple[str, str], dict[str, float]] = {}

    def __call__(self, one: str, other: str) -> dict[str, float]:
        """The distances by path; {} if neither is JSON."""
        if (one, other) not in self._known:
            mine = self._leaves(one)
            theirs = matched_items(mine, self._leaves(other))
            found: dict[str, list[float]] = {}
            for path in dict.fromkeys([*mine, *theirs]):
                both = path in mine and path in theirs
                apart = self._apart(mine[path], theirs[path], path) if both else 1.0
                found.setdefault(_name(path), []).append(apart)
            means = {name: float(np.mean(apart)) for name, apart in found.items()}
            self._known[one, other] = means
        return self._known[one, other]

    def same(self, one: str, other: str, name: str) -> bool:
        """Whether the values of a field are the same to a letter, or both are missing."""
        return self._values(one).get(name) == self._values(other).get(name)

    def _apart(self, one: Any, other: Any, path: Path) -> float:
        if _is_share(one) and _is_share(other):
            return float(abs(one - other) / (max(one, other) or 1))
        key = next((step for step in reversed(path) if isinstance(step, str)), "")
        change = json_change({key: one}, {key: other})
        texts = isinstance(one, str) and isinstance(other, str)
        if change and texts and min(len(bare_words(text)) for text in (one, other)) >= TEXT:
            return self._said(one, other)
        return change


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _leaves_of(answer: str) -> dict[Path, Any]:
    value = None if read_refusal(answer) is not None else parsed_json(answer)
    return {path: leaf for path, leaf in _leaves(value, ()) if path}


def _values_of(answer: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for path, leaf in _leaves_of(answer).items():
        found.setdefault(_name(path), []).append(leaf)
    return found


def _name(path: Path) -> str:
    return re.sub(r"\[\d+\]", "[]", written_path(path))


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if value and isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif value and isinstance(value, list) and all(isinstance(item, dict) for item in value):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path, value


def field_comparisons(
    pairs: Sequence[Paired], distance: FieldDistance, generator: np.random.Generator, *, exact: bool
) -> tuple[FieldComparison, ...]:
    """The fields that changed on some of the inputs, the most changed first; args as for
    `compare_answers`. The p-values are corrected over all fields that vary (Benjamini–Hochberg),
    and doubled as that of the answers is. What a single one of several inputs has is no field: its
    name may be what a person wrote."""
    held, varying = Counter[str](), Counter[str]()
    for pair in pairs:
        apart = [distance(*two) for two in combinations((*pair.before, *pair.after), 2)]
        held.update({name for one in apart for name in one})
        varying.update({name for one in apart for name, by in one.items() if by})
    tested = [
        name for name, _ in varying.most_common(MOST_FIELDS) if held[name] > 1 or len(pairs) < 2
    ]
    found = [_compared(name, pairs, distance, generator, exact=exact) for name in tested]
    if not exact:
        p_values = adjusted([one.p_value or 0.0 for one in found]).tolist()
        found = [
            one.model_copy(update={"p_value": p, "significant": p <= ALPHA})
            for one, p in zip(found, p_values, strict=True)
        ]
    changed = [one for one in found if one.changed or one.significant]
    return tuple(sorted(changed, key=lambda one: -one.distance))


def _compared(
    name: str,
    pairs: Sequence[Paired],
    distance: FieldDistance,
    generator: np.random.Generator,
    *,
    exact: bool,
) -> FieldComparison:
    def apart(one: str, other: str) -> float:
        return distance(one, other).get(name, 0.0)

    def differ(one: str, other: str) -> float:
        return float(not distance.same(one, other, name))

    found = compare_answers(pairs, apart, generator, exact=exact, across=differ)
    count = counted([by for pair in pairs if (by := apart(*pair.first))])
    return FieldComparison(path=name, **as_comparison(found, count).model_dump())
