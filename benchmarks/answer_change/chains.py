"""Chains of edits, each of which loses or contradicts more of a logged answer: no answer change
may fall along one.

Nothing that was lost comes back, and no edit touches what another kind of edit has changed, as it
may be argued whether a sentence that denies, or has another value, is nearer than no sentence:
such compositions are left out, and so are steps put into another order, as leaving one of them
out undoes it. Values are changed one after the other, an end is cut again and again, and what was
cut may go; else a sentence or item is edited once.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import NamedTuple

from benchmarks.answer_change import chain_words as words
from smile_trace.attribution.segmentation import boundaries

Change = Callable[[str, str], float]
"""How much of a logged answer (the first) a response no longer says, from 0 to 1."""

STEPS, FALL = 6, 0.01
"""Edits of a chain, and the least fall that counts."""

_PARTS = re.compile(
    r"(?P<marker>\s*(?:[-*•]|\d+[.)])\s+|\s*(?=\|))?(?P<body>.*?)(?P<after>\s*)", re.DOTALL
)
_FIXED = re.compile(r"\s*(?:#|```|\|[-|: ]+$)|.*[:：]\**\s*$")
_SENTENCE_END = re.compile(r"(?<=[^\W\d_]{4})[.!?]+[»”\"']?\s+(?=[^\W\da-zß-ÿ])|[。！？]+[」”]?\s*")
_NUMBER = re.compile(
    r"(?<![A-Za-zÀ-ÿ\d_.,:/–-])[1-9]\d*(?:[.,]\d+)*(?![A-Za-zÀ-ÿ_]|[.,:/–-]?\d)(?![–-]\w)"
)


class Logged(NamedTuple):
    """A logged answer to start from."""

    language: str
    text: str


class Step(NamedTuple):
    """An edit, and the response after it."""

    edit: str
    text: str


class Chain(NamedTuple):
    """A logged answer, and responses that say less and less of it."""

    logged: str
    steps: Sequence[Step]


@dataclass(frozen=True, eq=False)
class Unit:
    """A sentence, an item of a list or row of a table, or a line that stays."""

    kind: str
    marker: str
    body: str
    after: str
    edit: str = ""
    others: frozenset[int] = field(default_factory=frozenset)
    """The places of its numbers that are others."""


Edit = Callable[[Unit], list[Unit] | None]


def units(text: str) -> list[Unit]:
    """The units of a text; together they are the text."""
    found, code = [], False
    for line in text.splitlines(keepends=True):
        match = _PARTS.fullmatch(line)
        assert match is not None
        fence = line.lstrip().startswith("```")
        header = line.startswith("|") and not (found and "|" in found[-1].body)
        if code or fence or header or _FIXED.match(line) or not match["body"].strip():
            found.append(Unit("line", "", line.rstrip(), line[len(line.rstrip()) :]))
        elif match["marker"] is not None:
            found.append(Unit("item", match["marker"], match["body"], match["after"]))
        else:
            ends = [end.end() for end in _SENTENCE_END.finditer(line)]
            for start, end in zip([0, *ends], [*ends, len(line)], strict=True):
                if body := line[start:end].rstrip():
                    found.append(Unit("sentence", "", body, line[start + len(body) : end]))
        code ^= fence
    return found


def written(found: Sequence[Unit]) -> str:
    """The text of units."""
    return "".join(unit.marker + unit.body + unit.after for unit in found).strip()


@dataclass
class Editing:
    """A logged answer that is edited: the edits, each of a unit, None where it is not possible."""

    logged: Logged
    draw: Random
    now: list[Unit]

    def step(self) -> Step | None:
        """The next edit, of a random kind and unit; None where nothing is left to do."""
        edits: dict[str, Edit] = {
            "remove sentence": partial(self._removed, "sentence"),
            "remove item": partial(self._removed, "item"),
            "change value": self._value,
            "negate": self._negated,
            "replace": self._replaced,
            "cut": self._cut,
        }
        places = [k for k, unit in enumerate(self.now) if unit.kind != "line"]
        for edit in self.draw.sample(sorted(edits), len(edits)):
            for k in self.draw.sample(places, len(places)):
                if (new := edits[edit](self.now[k])) is not None:
                    self.now[k : k + 1] = new
                    return Step(edit, written(self.now))
        return None

    def _removed(self, kind: str, unit: Unit) -> list[Unit] | None:
        """Gone, unless it is the last that is told."""
        alone = sum(unit.kind != "line" for unit in self.now) == 1
        return None if alone or unit.kind != kind or unit.edit not in ("", "cut") else []

    def _value(self, unit: Unit) -> list[Unit] | None:
        """Another number, neither in the logged answer nor in the response."""
        places = [(k, m) for k, m in enumerate(_NUMBER.finditer(unit.body)) if k not in unit.others]
        if unit.edit not in ("", "value") or not places:
            return None
        place, match = self.draw.choice(places)
        used = set(re.findall(r"\d+(?:[.,]\d+)*", f"{self.logged.text} {written(self.now)}"))
        new = [n for n in _others(match[0]) if n not in used]
        if not new:
            return None
        body = unit.body[: match.start()] + self.draw.choice(new) + unit.body[match.end() :]
        return [replace(unit, body=body, edit="value", others=unit.others | {place})]

    def _negated(self, unit: Unit) -> list[Unit] | None:
        """Negated, where no negation is in it."""
        if unit.edit or unit.body.endswith(("?", "？")) or words.negated(unit.body):
            return None
        for pattern, negated in words.NEGATED[self.logged.language]:
            body, found = re.subn(pattern, negated, unit.body, count=1)
            if found:
                return [replace(unit, body=body, edit="negate")]
        return None

    def _replaced(self, unit: Unit) -> list[Unit] | None:
        """An unrelated sentence, none of whose words is in the logged answer, in its place."""
        if unit.edit:
            return None
        said = words.stems(f"{self.logged.text} {written(self.now)}")
        new = [s for s in words.UNRELATED[self.logged.language] if not words.stems(s) & said]
        return [replace(unit, body=self.draw.choice(new), edit="replace")] if new else None

    def _cut(self, unit: Unit) -> list[Unit] | None:
        """Words gone from the end of the answer; no part of a value or negation stays."""
        if unit is not self.now[-1] or unit.edit not in ("", "cut") or words.negated(unit.body):
            return None
        spans = boundaries.words(unit.body)
        value = [bool(words.VALUE.search(unit.body[a:b])) for a, b in spans]
        ends = [k for k in range(1, len(spans)) if not any(value[max(k - 2, 0) : k + 2])]
        if not ends:
            return None
        body = unit.body[: spans[self.draw.choice(ends) - 1][1]].rstrip(" .,;:、。，；")
        return [replace(unit, body=body, after="", edit="cut")]


def _others(number: str) -> list[str]:
    """Other numbers: hours, days and months stay such, and are not the same hour."""
    if number.isdigit() and int(number) <= 31:
        return [str(n) for n in range(2, 12) if (n - int(number)) % 12]
    return [f"{first}{number[1:]}" for first in range(1, 10) if str(first) != number[0]]


def chain(logged: Logged, draw: Random) -> Chain:
    """A chain of at most STEPS edits."""
    editing, steps = Editing(logged, draw, units(logged.text)), []
    while len(steps) < STEPS and (step := editing.step()):
        steps.append(step)
    return Chain(logged.text, steps)


def chains(answers: Sequence[Logged], count: int, seed: int = 0) -> Iterator[Chain]:
    """Different chains of at least two edits, from answers with more units more of them."""
    seen: set[tuple[Step, ...]] = set()
    weights, number = [len(units(answer.text)) for answer in answers], 0
    while len(seen) < count:
        draw = Random(f"{seed} {number}")
        found, number = chain(draw.choices(answers, weights)[0], draw), number + 1
        if len(found.steps) > 1 and tuple(found.steps) not in seen:
            seen.add(tuple(found.steps))
            yield found


class Falls(NamedTuple):
    """Of `steps`, how many fall by more than FALL, by the edit; and the worst of them."""

    steps: int
    by_edit: Counter[str]
    worst: float
    where: tuple[str, str, str]

    @property
    def count(self) -> int:
        """How many fall."""
        return self.by_edit.total()


def falls(change: Change, found: Iterable[Chain]) -> Falls:
    """Where a change falls although more was lost; `where`: logged, and before and after the
    worst fall."""
    steps, by_edit, worst, where = 0, Counter[str](), 0.0, ("", "", "")
    for one in found:
        before, text = 0.0, one.logged
        for step in one.steps:
            after = change(one.logged, step.text)
            steps += 1
            by_edit[step.edit] += before - after > FALL
            if before - after > worst:
                worst, where = before - after, (one.logged, text, step.text)
            before, text = after, step.text
    return Falls(steps, +by_edit, worst, where)
