"""The edits between two templates, as a person reads a diff, and templates with some of them.

Sentences and variables are aligned first; in a sentence that was edited, each phrase that differs
is an edit of its own. An edit is one or more hunks, so that a sentence that moved is one edit, and
all hunks together turn the old template into the new one, character by character.
"""

from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from smile_trace.attribution.segmentation import boundaries
from smile_trace.comparison.alignment import Aligned, align
from smile_trace.comparison.templates import segment_template
from smile_trace.records.comparison import ChangeKind, Edit, Hunk

Range = tuple[int, int]

MAX_WORDS_BETWEEN = 2
"""Phrases with so few unchanged words between them are one phrase."""
MAX_TOKENS = 1000
"""Words and spaces of the longest sentence that is compared word by word: it takes their square."""
MIN_RETAINED = 0.5
"""A sentence that retains a smaller share of its words was replaced as a whole."""


def find_edits(before: str, after: str) -> list[Edit]:
    """The edits that lead from one template to the other, in the order of the old one."""
    old, new = (
        segment_template("", "", before, "sentence"),
        segment_template("", "", after, "sentence"),
    )
    tiles = _tiles([s.start for s in old], before), _tiles([s.start for s in new], after)
    changes = list(_changes(align(old, new), *tiles, before, after))
    return _with_spacing([_edit(kind, hunks, before, after) for kind, hunks in changes])


def with_edits(before: str, after: str, edits: Collection[Edit]) -> str:
    """The old template with these of its edits.

    Args:
        edits: some of `find_edits(before, after)`, in any order.
    """
    pieces: list[str] = []
    at = 0
    for hunk in sorted((h for edit in edits for h in edit.hunks), key=_place):
        pieces += [before[at : hunk.start], after[hunk.new_start : hunk.new_end]]
        at = hunk.end
    return "".join([*pieces, before[at:]])


def _place(hunk: Hunk) -> tuple[int, int, int]:
    return hunk.start, hunk.end, hunk.new_start


def _tiles(starts: Sequence[int], text: str) -> list[Range]:
    """Each segment with the text up to the next one; together they are the whole text."""
    ends = [*starts[1:], len(text)][: len(starts)]
    return [
        (start if k else 0, end) for k, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _changes(
    aligned: Sequence[Aligned], old: list[Range], new: list[Range], before: str, after: str
) -> Iterator[tuple[ChangeKind, list[Hunk]]]:
    """The edits as their hunks; what stands between two matched tiles was removed or added."""
    at = new_at = 0  # where the last matched tiles end
    removed: list[Hunk] = []
    added: list[Hunk] = []
    for item in aligned:
        a = None if item.before is None else old[item.before]
        b = None if item.after is None else new[item.after]
        if item.kind == "moved" and a and b:
            yield "moved", [_hunk(a, (new_at, new_at)), _hunk((at, at), b)]
        elif a and b:
            yield from _replaced(removed, added)
            removed, added = [], []
            yield from (("edited", [hunk]) for hunk in _phrases(a, b, before, after))
            at, new_at = a[1], b[1]
        elif a:
            removed.append(_hunk(a, (new_at, new_at)))
        elif b:
            added.append(_hunk((at, at), b))
    yield from _replaced(removed, added)
    bare = (0, 0 if old else len(before)), (0, 0 if new else len(after))
    if any(end for _, end in bare) and before != after:  # a text without any segment
        yield "edited", [_hunk(*bare)]


def _replaced(
    removed: Sequence[Hunk], added: Sequence[Hunk]
) -> Iterator[tuple[ChangeKind, list[Hunk]]]:
    """What was removed and added in the same place, one by one: each pair was replaced."""
    for gone, come in zip_longest(removed, added):
        kind: ChangeKind = "edited" if gone and come else "removed" if gone else "added"
        yield kind, [hunk for hunk in (gone, come) if hunk]


def _hunk(old: Range, new: Range) -> Hunk:
    return Hunk(start=old[0], end=old[1], new_start=new[0], new_end=new[1])


def _phrases(old: Range, new: Range, before: str, after: str) -> list[Hunk]:
    """What differs between two matched tiles: phrases, or everything if little is retained."""
    one, other = _tokens(before, old), _tokens(after, new)
    if max(len(one), len(other)) > MAX_TOKENS:
        same = before[slice(*old)] == after[slice(*new)]
        return [] if same else [_trimmed(old, new, before, after)]
    texts = [before[a:b] for a, b in one], [after[a:b] for a, b in other]
    matcher = SequenceMatcher(None, *texts, autojunk=False)
    runs: list[list[int]] = []  # first and last token on both sides
    words = retained = between = 0
    for tag, a, b, c, d in matcher.get_opcodes():
        kept = sum(not text.isspace() for text in texts[0][a:b])
        if tag == "equal":
            between, retained = kept, retained + kept
            words += 2 * kept
            continue
        words += kept + sum(not text.isspace() for text in texts[1][c:d])
        if runs and between <= MAX_WORDS_BETWEEN:
            runs[-1][1], runs[-1][3] = b, d
        else:
            runs.append([a, b, c, d])
    if runs and 2 * retained < MIN_RETAINED * words:
        runs = [[0, len(one), 0, len(other)]]
    ends = [*(a for a, _ in one), old[1]], [*(a for a, _ in other), new[1]]
    return [
        _trimmed((ends[0][a], ends[0][b]), (ends[1][c], ends[1][d]), before, after)
        for a, b, c, d in runs
    ]


def _trimmed(old: Range, new: Range, before: str, after: str) -> Hunk:
    """The hunk without the white space that both sides end with."""
    (a, b), (c, d) = old, new
    while b > a and d > c and before[b - 1] == after[d - 1] and before[b - 1].isspace():
        b, d = b - 1, d - 1
    return _hunk((a, b), (c, d))


def _tokens(text: str, tile: Range) -> list[Range]:
    """The words of a tile and what stands between them; together they are the whole tile."""
    start, end = tile
    found: list[Range] = []
    at = start
    for a, b in boundaries.words(text[start:end]):
        found += [(at, start + a)] if start + a > at else []
        found.append((start + a, start + b))
        at = start + b
    return [*found, (at, end)] if at < end else found


# -- as records -----------------------------------------------------------------------------------


def _edit(kind: ChangeKind, hunks: Sequence[Hunk], before: str, after: str) -> Edit:
    old = "".join(before[h.start : h.end] for h in hunks)
    new = "".join(after[h.new_start : h.new_end] for h in hunks)
    if kind == "edited" and not (old.strip() and new.strip()):
        kind = "removed" if old.strip() else "added"
    return Edit(kind=kind, before=old, after=new, hunks=tuple(hunks))


def _with_spacing(edits: Sequence[Edit]) -> list[Edit]:
    """White space joins the edit that it touches; all the rest of it is one edit, the last."""
    found = [edit for edit in edits if edit.before.strip() or edit.after.strip()]
    spacing = [h for edit in edits if edit not in found for h in edit.hunks]
    alone: list[Hunk] = []
    for hunk in spacing:
        beside = [k for k, edit in enumerate(found) if any(_touch(hunk, h) for h in edit.hunks)]
        if beside:
            edit = found[beside[0]]
            found[beside[0]] = edit.model_copy(update={"hunks": (*edit.hunks, hunk)})
        else:
            alone.append(hunk)
    if alone:
        found.append(Edit(kind="edited", before="", after="", hunks=tuple(alone)))
    return sorted(found, key=lambda edit: min(map(_place, edit.hunks)))


def _touch(one: Hunk, other: Hunk) -> bool:
    old = one.end == other.start or other.end == one.start
    return old and (one.new_end == other.new_start or other.new_end == one.new_start)
