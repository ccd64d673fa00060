"""Do answer changes follow how much was lost? `python -m benchmarks.answer_change.groups`.

    python -m benchmarks.answer_change.groups                             # the package's distances
    python -m benchmarks.answer_change.groups content package.module:name  # or any function
    CHAINS=5000 python -m benchmarks.answer_change.groups                 # from each half; else 150

The groups of tests/data/answer_groups are a logged answer and responses in a known order; the
chains (`chains.py`) lose or contradict more with every step. The table of the package's distances
goes into the README, any other is printed.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import smile_trace
from benchmarks import pages
from benchmarks.answer_change import chains
from benchmarks.answer_change.chains import Change, Logged

DATA = Path(__file__).parents[2] / "tests" / "data"
GROUPS, PAIRS = DATA / "answer_groups", DATA / "answer_pairs"
DISTANCES = ("content", "words")
HALVES, LANGUAGES = ("tuning", "held_out"), ("en", "de", "fr", "es", "ja", "zh")
REWORDED = frozenset(("paraphrase", "reformatting", "same_value"))
LEEWAY, ADDED = 0.15, 0.1
"""An omission costs at least its share less the first; an addition costs at most the second."""

_PIECE = re.compile(
    r"(?P<value>[A-Za-z]*\d[\dA-Za-z.,:]*)|(?P<han>[\u3400-\u9fff々\u30a1-\u30ff])|[^\W\d_]+"
)
_HIRAGANA = re.compile(r"[\u3041-\u309f]+")


class Response(NamedTuple):
    """A response. `lost` orders those of a group, `share` of the content is left out."""

    edit: str
    lost: int
    share: float
    text: str


class Group(NamedTuple):
    """A logged answer and its responses."""

    kind: str
    language: str
    logged: str
    responses: Sequence[Response]


def load(half: str) -> list[Group]:
    """The groups of a half, `tuning` or `held_out`."""
    rows = map(json.loads, (GROUPS / f"{half}.jsonl").read_text(encoding="utf-8").splitlines())
    return [Group(**{**r, "responses": [Response(**one) for one in r["responses"]]}) for r in rows]


def logged_answers(half: str) -> list[Logged]:
    """Those of the groups and of the pairs of a half, JSON left out."""
    found = [Logged(group.language, group.logged) for group in load(half)]
    for row in map(json.loads, (PAIRS / f"{half}.jsonl").read_text(encoding="utf-8").splitlines()):
        if not row["logged"].startswith(("{", "[")):
            found.append(Logged(row["language"], row["logged"]))
    return list(dict.fromkeys(found))


def content(text: str) -> float:
    """What a text tells, for the shares of the groups, the same for every change that is measured.

    What has a digit counts 2; a word 1 from its fourth letter on, else nothing; a character of a
    Chinese or Japanese word ½, but nothing in hiragana.
    """
    found = 0.0
    for match in _PIECE.finditer(_HIRAGANA.sub(" ", text)):
        if match["value"]:
            found += 2.0
        else:
            found += 0.5 if match["han"] else float(len(match[0]) > 3)
    return found


def tau(lost: Sequence[int], changes: Sequence[float]) -> float:
    """Kendall's τ over the responses whose order is known; an equal change is half right."""
    signs = [
        (changes[b] > changes[a]) - (changes[b] < changes[a])
        for a, b in combinations(sorted(range(len(lost)), key=lost.__getitem__), 2)
        if lost[a] < lost[b]
    ]
    return mean(signs)


class Measured(NamedTuple):
    """The groups of a half, and one change's answer to every response."""

    groups: Sequence[Group]
    changes: Sequence[Sequence[float]]

    def tau(self, name: str = "", without: frozenset[str] = frozenset()) -> str:
        """The mean of all groups, or of those of a kind or language, without some edits."""
        found = []
        for group, changes in zip(self.groups, self.changes, strict=True):
            if name in ("", group.kind, group.language):
                both = zip(group.responses, changes, strict=True)
                some = [(r.lost, c) for r, c in both if not without & {*r.edit.split("+")}]
                found.append(tau([lost for lost, _ in some], [change for _, change in some]))
        return f"{mean(found):.2f}"

    def omissions(self) -> list[bool]:
        """Whether each costs less than its share allows."""
        return [c < r.share - LEEWAY for _, r, c in self.rows() if 0 < r.share < 1]

    def additions(self) -> list[bool]:
        """Whether each costs too much."""
        return [cost > ADDED for _, r, cost in self.rows() if r.edit == "addition"]

    def rows(self) -> Iterator[tuple[Group, Response, float]]:
        """Every response."""
        for group, changes in zip(self.groups, self.changes, strict=True):
            for response, change in zip(group.responses, changes, strict=True):
                yield group, response, change


def measured(half: str, change: Change) -> Measured:
    """Measure one change on the groups of a half."""
    groups = load(half)
    return Measured(groups, [[change(g.logged, r.text) for r in g.responses] for g in groups])


def table(changes: dict[str, Change], count: int) -> str:
    """The figures of the halves and `count` chains from each; a column per change and half."""
    found = [measured(half, change) for change in changes.values() for half in HALVES]
    heads = [f"{name}, {half.replace('_', ' ')}" for name in changes for half in HALVES]
    rows = [["", *heads], ["---"] * (1 + len(heads))]
    rows.append(["**Kendall's τ**", *(one.tau() for one in found)])
    for name in dict.fromkeys([*(group.kind for group in found[0].groups), *LANGUAGES]):
        rows.append([name, *(one.tau(name) for one in found)])
    rows.append(["without rewordings", *(one.tau(without=REWORDED) for one in found)])
    rows.append([f"omissions below share − {LEEWAY}", *(_of(one.omissions()) for one in found)])
    rows.append([f"additions above {ADDED}", *(_of(one.additions()) for one in found)])
    fallen = [
        chains.falls(change, chains.chains(logged_answers(half), count))
        for change in changes.values()
        for half in HALVES
    ]
    rows.append(["falls in chains", *(f"{one.count} of {one.steps}" for one in fallen)])
    rows.append(["the worst", *(f"{one.worst:.2f}" for one in fallen)])
    for edit in sorted({edit for one in fallen for edit in one.by_edit}):
        rows.append([f"falls at *{edit}*", *(str(one.by_edit[edit]) for one in fallen)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _of(broken: Sequence[bool]) -> str:
    return f"{sum(broken)} of {len(broken)}"


def named(name: str) -> Change:
    """A distance of the package, or `module:function` with two texts as its arguments."""
    if ":" not in name:
        return partial(smile_trace.answer_change, distance=name)
    module, _, function = name.partition(":")
    found: Change = getattr(import_module(module), function)
    return found


def main() -> None:
    """Print the table, that of the package's distances into the page."""
    names = sys.argv[1:] or DISTANCES
    found = table({name: named(name) for name in names}, int(os.environ.get("CHAINS", "150")))
    print(found)
    if not sys.argv[1:]:
        pages.put(found, pages.readme(__file__), "answer groups")


if __name__ == "__main__":
    main()
