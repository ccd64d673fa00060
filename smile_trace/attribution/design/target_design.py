"""The rows that the target is asked beside a proxy, and the proxy's rows paired with them."""

from collections import Counter

from smile_trace.attribution.design import masks
from smile_trace.attribution.design.planner import Level, next_replicate
from smile_trace.attribution.estimation.solver import Array
from smile_trace.records import Perturbation

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
    first = _of_first(level, effects, _TOP if calls >= _FEW else _TOP_OF_FEW)
    rows = [level.row("chosen", mask, index) for mask in first]
    for mask, keep in level.drawn([seed, index, 1]):
        if len(rows) >= calls:
            break
        rows.append(level.row("random", mask, index, keep))
    if deterministic:
        return rows[:calls]
    return [next_replicate(row, drawn) for row in rows[:calls]]


def paired_row(row: Perturbation, drawn: Counter[str], *, deterministic: bool) -> Perturbation:
    """The same mask, asked of the proxy; `drawn` as in `target_rows`, but of the proxy."""
    paired = row.model_copy(update={"asked": "proxy", "replicate": 0})
    return paired if deterministic else next_replicate(paired, drawn)


def _of_first(level: Level, effects: Array, count: int) -> list[masks.Mask]:
    """The mask without the first `count` segments, and the mask with only those."""
    free = [k for k, is_free in enumerate(level.free) if is_free]
    if len(free) < 2 * count:
        return []
    first = set(sorted(free, key=lambda k: -effects[k])[:count])
    without = tuple(k not in first for k in range(len(level.free)))
    only = tuple(k in first or not is_free for k, is_free in enumerate(level.free))
    return [mask for mask in (without, only) if level.perturber.sendable(mask)]
