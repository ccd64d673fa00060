"""Which text without effect a picture folds, so that the rest is seen."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from smile_trace.render.pieces import Block, Fold, Piece

MIN_FOLD = 700
"""Characters of the shortest run without effect that is folded."""
MIN_MESSAGE_FOLD = 240
"""Characters of the shortest message without effect that is folded as a whole."""
FOLD_CONTEXT = 160
"""Characters on each side of a fold that are always shown."""


def fold(pieces: Sequence[Piece]) -> Iterator[Piece | Fold]:
    """Fold long runs without effect inside a message, except for what stands beside others."""
    for foldable, group in groupby(pieces, key=_is_foldable):
        run = list(group)
        if not foldable or sum(len(piece.text) for piece in run) < MIN_FOLD:
            yield from run
            continue
        head, rest = _split(run, FOLD_CONTEXT)
        middle, tail = _split(rest, sum(len(piece.text) for piece in rest) - FOLD_CONTEXT)
        while tail and tail[0].text.isspace():
            middle.append(tail.pop(0))
        yield from head
        yield Fold(tuple(middle))
        yield from tail


def _is_foldable(piece: Piece) -> bool:
    is_bare = not piece.strength and not piece.ground_strength
    return is_bare and piece.culprit is None and piece.kind not in ("edge", "paired")


def fold_messages(blocks: Sequence[Block]) -> Iterator[Block]:
    """Fold long messages without effect as a whole, if another message has one."""
    holding = [any(map(_shows_effect, block.pieces)) for block in blocks]
    for block, holds in zip(blocks, holding, strict=True):
        size = sum(len(piece.text) for piece in block.pieces)
        if any(holding) and not holds and size >= MIN_MESSAGE_FOLD:
            yield replace(block, parts=(Fold(block.pieces),))
        else:
            yield block


def _shows_effect(piece: Piece) -> bool:
    """Whether it is coloured, marks a part that matters though nothing inside of it does, is one of
    two of which either is enough, or is to blame."""
    marked = piece.kind == "edge" and piece.sign in ("supports", "opposes")
    coloured = piece.strength > 0 or piece.ground_strength > 0
    return marked or coloured or piece.kind == "paired" or piece.culprit is not None


def _split(pieces: Sequence[Piece], size: int) -> tuple[list[Piece], list[Piece]]:
    """Split pieces after `size` characters; a long piece is split at a space."""
    head: list[Piece] = []
    for i, piece in enumerate(pieces):
        if len(piece.text) <= size:
            head.append(piece)
            size -= len(piece.text)
            continue
        if len(piece.text) < FOLD_CONTEXT or size <= 0:
            return head, list(pieces[i:])
        cut = _cut(piece.text, size)
        head.append(replace(piece, text=piece.text[:cut]))
        return head, [replace(piece, text=piece.text[cut:]), *pieces[i + 1 :]]
    return head, []


def _cut(text: str, near: int) -> int:
    """Find where to split near `near`: after white space, else not before a combining mark."""
    space = max(text.rfind(" ", 0, near), text.rfind("\n", 0, near))
    if space > near - 40:
        return space + 1
    while near > 1 and (unicodedata.combining(text[near]) or text[near] in "\u200d\ufe0f"):
        near -= 1
    return near
