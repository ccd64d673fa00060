"""The rows that the target is asked beside a proxy, and the proxy's rows paired with them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from smile_trace.attribution.design import masks
from smile_trace.attribution.design.planner import Level
from smile_trace.attribution.estimation.solver import Array
from smile_trace.records import Perturbation, PerturbationKind

_TOP, _TOP_OF_FEW, _FEW = 3, 2, 12
"""How many segments with the largest effect on the proxy are isolated; fewer if calls are few."""


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
    """Rows of a partition, at most `calls`.

    First, the segments with the largest effect on the proxy removed together, and only those
    retained: if the proxy is right, these two show the whole range of the target's answer change.
    The others are independent random masks, which keep the estimate unbiased even if the proxy is
    wrong.

    Args:
        effects: of all segments on the proxy.
        drawn: how often each text (its hash) was asked of the target; updated.
        deterministic: whether the target repeats itself, so that each text is asked once.
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
    return [_next_replicate(row, drawn) for row in rows[:calls]]


def paired_row(row: Perturbation, drawn: Counter[str], *, deterministic: bool) -> Perturbation:
    """The same mask, asked of the proxy; `drawn` as in `target_rows`, but of the proxy."""
    paired = row.model_copy(update={"asked": "proxy", "replicate": 0})
    return paired if deterministic else _next_replicate(paired, drawn)


def _of_first(level: Level, effects: Array, count: int) -> list[masks.Mask]:
    """The mask without the first `count` segments, and the mask with only those."""
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


def _next_replicate(row: Perturbation, drawn: Counter[str]) -> Perturbation:
    replicate = drawn[row.text_hash]
    drawn[row.text_hash] += 1
    return row.model_copy(update={"replicate": replicate})
