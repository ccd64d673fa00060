"""What the target is asked where a proxy stands in for it."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from smile_trace.attribution.design import masks
from smile_trace.attribution.design.planner import Level
from smile_trace.attribution.estimation.inference import Array
from smile_trace.records import Perturbation, PerturbationKind

_TOP, _TOP_OF_FEW, _FEW = 3, 2, 12
"""How many of the proxy's first segments are looked at by themselves; fewer at few calls."""


def target_rows(
    level: Level,
    index: int,
    effects: Array,
    calls: int,
    *,
    seed: int,
    drawn: Counter[str],
    deterministic: bool,
) -> list[Perturbation]:
    """At most `calls` rows of a partition, whichever the proxy's effects are.

    The proxy's first segments left out together, and only those kept: where it is right, these
    two show the whole range of the target's shift. The others are independent random masks, so
    that the target's own estimate needs no proxy to be right.

    Args:
        level: the partition.
        index: its place.
        effects: the proxy's, of every segment of it.
        calls: how many.
        seed: of the study.
        drawn: how often each text (its hash) was asked of the target; counted on.
        deterministic: whether the target gives the same answer to the same text, which is
            then asked once.
    """
    rows = []
    for mask in _of_first(level, effects, _TOP if calls >= _FEW else _TOP_OF_FEW):
        rows.append(_row(level, index, "chosen", mask))
    generator = np.random.default_rng([seed, index, 1])
    sendable = level.perturber.sendable
    for mask, keep in masks.random_masks(level.free, sendable, generator):
        if len(rows) >= calls:
            break
        rows.append(_row(level, index, "random", mask, keep))
    if deterministic:
        return rows[:calls]
    return [_again(row, drawn) for row in rows[:calls]]


def paired_row(row: Perturbation, drawn: Counter[str], *, deterministic: bool) -> Perturbation:
    """The same mask, asked of the proxy; `drawn` as in `target_rows`, but of the proxy."""
    paired_row = row.model_copy(update={"asked": "proxy", "replicate": 0})
    return paired_row if deterministic else _again(paired_row, drawn)


def _of_first(level: Level, effects: Array, count: int) -> list[masks.Mask]:
    """The mask without the first `count` segments, and the one with only those."""
    free = [k for k, is_free in enumerate(level.free) if is_free]
    if len(free) < 2 * count:
        return []
    first = set(sorted(free, key=lambda k: -effects[k])[:count])
    without = tuple(k not in first for k in range(len(level.free)))
    only = tuple(k in first or not is_free for k, is_free in enumerate(level.free))
    return [mask for mask in (without, only) if level.perturber.sendable(mask)]


def _row(
    level: Level,
    index: int,
    kind: PerturbationKind,
    mask: Sequence[bool],
    keep: float | None = None,
) -> Perturbation:
    return Perturbation(
        kind=kind,
        mask=tuple(mask),
        messages=level.perturber.messages(mask),
        keep_probability=keep,
        level=index,
        fixed=masks.fixed(tuple(mask), level.free, level.perturber.sendable),
    )


def _again(row: Perturbation, drawn: Counter[str]) -> Perturbation:
    """The next draw of a sampled model's answer to this text."""
    replicate = drawn[row.text_hash]
    drawn[row.text_hash] += 1
    return row.model_copy(update={"replicate": replicate})
