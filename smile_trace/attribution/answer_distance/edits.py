"""The shortest way from one sequence to another by replacing, inserting and deleting."""

from collections.abc import Sequence
from difflib import SequenceMatcher

Edit = tuple[str, int, int, int, int]
"""As difflib's: what is done ("equal", "replace", "insert", "delete"), and the ranges."""

_MAX_CELLS = 4000
"""Size of the table beyond which common stretches are looked for instead, which is faster."""


def edits(one: Sequence[str], other: Sequence[str]) -> list[Edit]:
    """The edits that lead from the one to the other, in order, neighbours of a kind joined.

    Unlike difflib's they keep what is in place (*A beat B*, *B beat A*: `beat`), since no edit
    is spared by following a moved word.
    """
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    tail = 0
    while tail < min(len(one), len(other)) - begin and one[-1 - tail] == other[-1 - tail]:
        tail += 1
    a, b = one[begin : len(one) - tail], other[begin : len(other) - tail]
    if len(a) * len(b) > _MAX_CELLS:
        return list(SequenceMatcher(None, one, other, autojunk=False).get_opcodes())
    steps = [*["equal"] * begin, *_steps(a, b), *["equal"] * tail]
    return _joined(steps)


def _steps(a: Sequence[str], b: Sequence[str]) -> list[str]:
    rows = [list(range(len(b) + 1))]
    for i, word in enumerate(a, start=1):
        above, row = rows[-1], [i]
        for j, other in enumerate(b, start=1):
            row.append(min(above[j - 1] + (word != other), above[j] + 1, row[j - 1] + 1))
        rows.append(row)
    steps, i, j = [], len(a), len(b)
    while i or j:
        here = rows[i][j]
        if i and j and here == rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]):
            steps.append("equal" if a[i - 1] == b[j - 1] else "replace")
            i, j = i - 1, j - 1
        elif i and here == rows[i - 1][j] + 1:
            steps.append("delete")
            i -= 1
        else:
            steps.append("insert")
            j -= 1
    return steps[::-1]


def _joined(steps: Sequence[str]) -> list[Edit]:
    """Runs of edits, those between two equal stretches as one."""
    found: list[Edit] = []
    i = j = k = 0
    while k < len(steps):
        a, c, equal = i, j, steps[k] == "equal"
        while k < len(steps) and (steps[k] == "equal") == equal:
            i += steps[k] != "insert"
            j += steps[k] != "delete"
            k += 1
        kind = (
            "equal" if equal else "replace" if a < i and c < j else "delete" if a < i else "insert"
        )
        found.append((kind, a, i, c, j))
    return found
