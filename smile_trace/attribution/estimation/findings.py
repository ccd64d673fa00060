"""Effects, intervals and tests of the segments of one partition."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smile_trace._stats.false_discoveries import discovered
from smile_trace.attribution.answer_change.response_scores import NEGLIGIBLE
from smile_trace.attribution.estimation import inference
from smile_trace.attribution.estimation.fidelity import HeldOut
from smile_trace.attribution.estimation.first_place import weights_of_tests
from smile_trace.attribution.estimation.fit import Fit, Fits
from smile_trace.attribution.estimation.inference import DEFAULT_SOLVER, Estimate, Rows
from smile_trace.attribution.estimation.interactions import Kind, Pair, exact_pairs, stand_ins
from smile_trace.attribution.estimation.regressor_solver import locality
from smile_trace.attribution.estimation.solver import Array, Solver
from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.word_vectors import Embed
from smile_trace.records import Interaction, Perturbation, Segment, SegmentAttribution
from smile_trace.records.verdicts import SMALLEST_EFFECT

PRECISION = 0.05
"""Half width of an interval that needs no more calls."""


class Quality(Protocol):
    """What was fitted to the rows of a partition."""

    @property
    def held_out(self) -> HeldOut | None:
        """How well it predicts rows that it has not seen; it may take longer than all else."""
        ...


WithoutBoth = tuple[str, str, float]
"""Two segments (keys), and the answer change with these two removed."""


@dataclass(frozen=True)
class LevelFindings:
    """Effects, intervals and tests of one partition; arrays are indexed like `segments`. `own`
    holds the surrogate's own effects, by which segments are ranked. `p_values` is None if the
    estimate, from `rows` rows, is exact. `locality` is None for rows that were not drawn. `fit`
    tells how well held-out rows are predicted."""

    segments: tuple[Segment, ...]
    effects: Array
    own: Array
    low: Array
    high: Array
    p_values: Array | None
    significant: tuple[bool, ...]
    leave_one_out: tuple[float | None, ...]
    rows: int
    exact: bool
    fit: Quality | None
    locality: tuple[float | None, ...]
    fails_without: tuple[bool, ...] = ()
    """The segments without which calls fail more often; empty if no call failed."""
    failure_rate: float = 0.0
    """Share of the calls that failed, in [0, 1]."""
    pairs: tuple[Pair, ...] = ()
    """Pairs of the strongest segments, by their indices among the free segments."""
    stand_ins: tuple[Pair, ...] = ()
    """Pairs of which either was seen to be enough, by their indices among the free segments."""
    first: Array | None = None
    """Each segment's probability of the largest effect; None without nearness, or an estimate."""
    untold: tuple[bool, ...] = ()
    """Which effects are open only because the masks cannot tell two segments apart."""
    alone: Array | None = None
    """The largest effect in each interval before `holding_unseen_pairs`, if that was applied."""
    suspected: tuple[bool, ...] = ()
    """Which effects are open only because more was lost than those of the parts removed."""
    uncleared: tuple[bool, ...] = ()
    """Which effects are excluded as an average, or but for `untold`, and each mask without the part
    lost as much."""
    limit: float = SMALLEST_EFFECT
    """The smallest effect that matters."""

    @property
    def held_out(self) -> HeldOut | None:
        """How well held-out rows are predicted; None if that cannot be told, or all were asked."""
        return None if self.fit is None else self.fit.held_out

    def attributions(self) -> list[SegmentAttribution]:
        """One record per segment."""
        return [self._attribution(k, segment) for k, segment in enumerate(self.segments)]

    def interactions(self, confirmed: Iterable[Pair]) -> tuple[Interaction, ...]:
        """One record per pair that certainly works together: the `confirmed` pairs (by fresh
        masks) and those seen to stand in for each other, or all pairs if every mask was asked."""
        keys = [segment.key for segment in self.segments if not segment.protected]
        alone = {k: cost for k, cost in enumerate(self.leave_one_out) if cost is not None}
        free = np.array([not segment.protected for segment in self.segments])
        known_now = [_apart(pair, alone, free, self.limit) for pair in confirmed]
        kinds = {pair: pair.kind for pair in (self.pairs if self.exact else known_now)}
        either: Kind = "either"
        seen = dict.fromkeys(self.stand_ins, either)
        return tuple(
            Interaction(
                kind=kind,
                first=keys[pair.first],
                second=keys[pair.second],
                value=pair.value,
                ci_low=pair.low,
                ci_high=pair.high,
            )
            for pair, kind in {**kinds, **seen}.items()
            if kind is not None
        )

    @property
    def in_pairs(self) -> tuple[bool, ...]:
        """Which segments were seen to stand in for another one."""
        free = [k for k, segment in enumerate(self.segments) if not segment.protected]
        paired = {free[i] for pair in self.stand_ins for i in (pair.first, pair.second)}
        return tuple(k in paired for k in range(len(self.segments)))

    def without_both(self) -> tuple[WithoutBoth, ...]:
        """The pairs without which more is lost than each of them costs, if every mask was asked."""
        keys = [segment.key for segment in self.segments if not segment.protected]
        return tuple(
            (keys[pair.first], keys[pair.second], pair.lost)
            for pair in self.pairs
            if pair.more_together and pair.lost is not None
        )

    def _attribution(self, k: int, segment: Segment) -> SegmentAttribution:
        tested = self.p_values is not None and not segment.protected
        return SegmentAttribution(
            **segment.model_dump(exclude={"parent"}),
            attribution=float(self.effects[k]),
            own_effect=float(self.own[k]),
            ci_low=float(self.low[k]),
            ci_high=float(self.high[k]),
            p_value=float(self.p_values[k]) if tested and self.p_values is not None else None,
            significant=self.significant[k],
            fails_without=bool(self.fails_without) and self.fails_without[k],
            leave_one_out=self.leave_one_out[k],
        )


def find(
    segments: tuple[Segment, ...],
    rows: Sequence[Perturbation],
    changes: Sequence[float | None],
    *,
    exact: bool,
    deterministic: bool,
    floor: float,
    embed: Embed,
    seed: list[int],
    fits: Fits,
    failed: Sequence[bool] = (),
    unseen: bool = False,
    beside: Sequence[tuple[Perturbation, float]] = (),
    solver: Solver = DEFAULT_SOLVER,
    rate: float = 1 - inference.LEVEL,
    near: Array | None = None,
    limit: float = SMALLEST_EFFECT,
    fields: Array | None = None,
) -> LevelFindings:
    """Estimates and tests every free segment of a partition.

    Args:
        changes: the rows' answer changes in [0, 1], None without an answer.
        exact: whether the rows are every mask.
        deterministic: whether the model repeats itself.
        floor: the answer change up to which an exact effect counts as none.
        embed: vectors of the segments' texts, for the locality weights.
        fits: the fits so far, which hold if the rows are still the same.
        failed: which of the calls failed; empty for none.
        unseen: whether answers moved only in rows that no estimate uses.
        beside: the answered among those rows, with their answer changes.
        solver: fits the attributions, and is scored on held-out rows.
        rate: the false discovery rate of the test, in (0, 1).
        near: the `nearness` of each segment to the answer, if the tests are to use it.
        limit: the smallest effect that matters.
        fields: 1 where a field of a JSON answer changed, shape (rows, fields), if the tests are to
            use them; the values of rows without an answer do not count.
    """
    free = np.array([not segment.protected for segment in segments])
    known = [(row, y) for row, y in zip(rows, changes, strict=True) if y is not None]
    locality = locality_of(rows, segments, embed)
    one_less = [(row, y) for row, y in (*known, *beside) if row.mask.count(False) == 1]
    measured = {row.mask.index(False): y for row, y in one_less} if deterministic else {}
    if exact:
        tested = _of_every_mask(known, free, floor, complete=len(known) == len(rows), limit=limit)
    else:
        weights = [
            w for w, y in zip(locality, changes, strict=True) if w is not None and y is not None
        ]
        drawn = random_rows(known, free, np.array(weights))
        drawn = replace(drawn, fields=_of_drawn(fields, rows, changes))
        tested = _of_drawn_masks(
            fits.of(drawn, seed, solver, deterministic=deterministic),
            free,
            [*known, *beside],
            measured=np.array([measured.get(int(k), np.nan) for k in np.flatnonzero(free)]),
            times=times_of(deterministic, floor),
            unseen=unseen,
            rate=rate,
            near=None if near is None else near[free],
            limit=limit,
        )
    estimate = tested.estimate
    return LevelFindings(
        segments=segments,
        effects=in_place(estimate.effect, free),
        own=in_place(estimate.own, free),
        low=in_place(estimate.low, free),
        high=in_place(estimate.high, free),
        p_values=None if estimate.p_value is None else in_place(estimate.p_value, free),
        significant=flags(tested.significant, free),
        leave_one_out=tuple(measured.get(k) for k in range(len(segments))),
        rows=tested.rows,
        exact=exact,
        fit=tested.fit,
        locality=locality,
        fails_without=_fails_without(rows, changes, failed, free, seed),
        failure_rate=float(np.mean(failed)) if failed else 0.0,
        pairs=tuple(_apart(pair, measured, free, limit) for pair in tested.pairs),
        stand_ins=tested.stand_ins,
        first=None if tested.first is None else in_place(tested.first, free),
        untold=flags(tested.untold, free),
        alone=None if tested.alone is None else in_place(tested.alone, free),
        suspected=flags(tested.suspected, free),
        uncleared=flags(tested.uncleared, free),
        limit=limit,
    )


REPEATS = 3
"""How often a mask is asked of a model whose answers vary, for the median."""


def times_of(deterministic: bool, floor: float) -> int:
    """How often a mask is asked to tell what is lost without its parts."""
    return 1 if deterministic or floor <= NEGLIGIBLE else REPEATS


def _of_drawn(
    fields: Array | None, rows: Sequence[Perturbation], changes: Sequence[float | None]
) -> Array | None:
    """The changed fields of the answered random rows."""
    if fields is None:
        return None
    pairs = zip(rows, changes, strict=True)
    return fields[[row.keep_probability is not None and y is not None for row, y in pairs]]


@dataclass(frozen=True)
class _Tested:
    """The findings of the free segments, from `rows` rows; fields as in `LevelFindings`."""

    estimate: Estimate
    significant: NDArray[np.bool_]
    untold: NDArray[np.bool_]
    suspected: NDArray[np.bool_]
    uncleared: NDArray[np.bool_]
    rows: int
    pairs: tuple[Pair, ...]
    stand_ins: tuple[Pair, ...] = ()
    fit: Fit | None = None
    first: Array | None = None
    alone: Array | None = None


def _of_every_mask(
    known: Sequence[tuple[Perturbation, float]],
    free: np.ndarray,
    floor: float,
    *,
    complete: bool,
    limit: float,
) -> _Tested:
    estimate, used, together = _exact(known, free, complete=complete, limit=limit)
    significant = (np.abs(estimate.effect) > max(floor, NEGLIGIBLE)) & (
        estimate.low == estimate.high
    )
    if floor > NEGLIGIBLE:
        estimate = inference.holding_zero(estimate, significant, floor)
    none = np.zeros_like(significant)
    return _Tested(estimate, significant, none, none, none, used, together)


def _of_drawn_masks(
    fit: Fit,
    free: np.ndarray,
    answered: Sequence[tuple[Perturbation, float]],
    *,
    measured: Array,
    times: int,
    unseen: bool,
    rate: float,
    near: Array | None,
    limit: float,
) -> _Tested:
    """Arguments as for `find`; `answered` has every row with an answer, those in no estimate too;
    `near`, and the answer changes `measured` without one alone (else NaN), have the free segments
    only."""
    rows, estimate = fit.rows, fit.beside_a_rule if times == 1 else fit.estimate
    significant = discoveries(estimate, rate, None if near is None else weights_of_tests(near))
    estimate = inference.holding_zero(estimate, significant)
    if unseen:
        estimate = inference.holding_the_unseen(estimate, rows)
    told, before = inference.excludes(estimate, limit), estimate
    removed = removal_masks([row for row, _ in answered], free)
    changes = np.array([change for _, change in answered])
    estimate = inference.holding_unseen_pairs(estimate, removed, changes, significant, limit, times)
    excluded = inference.excludes(estimate, limit)
    estimate = inference.holding_joint_losses(
        estimate, removed, changes, measured, significant, limit, times
    )
    still, untold = inference.excludes(estimate, limit), told & ~excluded & ~significant
    in_doubt = (still | untold if times == 1 else still) & ~significant & np.isnan(measured)
    first, together = None, fit.pairs
    if near is not None and len(rows.y) >= inference.FOLDS:
        own, first = fit.believed(near)
        estimate = replace(estimate, own=own)
    if not fit.deterministic:  # among noise a pair's interval alone names bystanders
        together = tuple(p for p in together if significant[p.first] and significant[p.second])
    return _Tested(
        estimate,
        significant,
        untold=untold,
        suspected=excluded & ~still,
        uncleared=in_doubt & inference.uncleared(removed, changes, limit),
        rows=len(rows.y),
        pairs=together,
        stand_ins=stand_ins(removed, changes, measured, significant, limit) if times == 1 else (),
        fit=fit,
        first=first,
        alone=inference.at_most(before.low, before.high),
    )


def flags(values: NDArray[np.bool_], free: np.ndarray) -> tuple[bool, ...]:
    """`in_place` of what is true of the free segments."""
    return tuple(bool(value) for value in in_place(values.astype(float), free))


def _fails_without(
    rows: Sequence[Perturbation],
    changes: Sequence[float | None],
    failed: Sequence[bool],
    free: np.ndarray,
    seed: list[int],
) -> tuple[bool, ...]:
    """Whether calls fail more often without each segment: the same test, applied to failures. With
    every mask asked, the rate must rise by half: one accidental failure has a smaller effect."""
    if not any(failed):
        return ()
    called = [
        (row, float(fails))
        for row, change, fails in zip(rows, changes, failed, strict=True)
        if fails or change is not None
    ]
    drawn = sum(row.keep_probability is not None for row, _ in called)
    if not drawn:
        return flags(_exact(called, free, complete=True)[0].effect > 0.5, free)
    of_failures = random_rows(called, free, np.ones(drawn))
    return flags(inference.fails_more_often(of_failures, seed), free)


def discoveries(
    estimate: Estimate, rate: float = 1 - inference.LEVEL, weights: Array | None = None
) -> NDArray[np.bool_]:
    """The significant effects, given the tests' weights, at this false discovery rate of those that
    support the answer and of those that work against it. Together, the many that support would let
    pass what seems to work against it: of those few, nearly all would be false."""
    assert estimate.p_value is not None
    found = np.zeros(len(estimate.effect), dtype=bool)
    for side in (estimate.effect > 0, estimate.effect < 0):
        found |= discovered(np.where(side, estimate.p_value, 1.0), rate, weights)
    # A significant effect must not be shown with an interval around zero.
    found &= (estimate.low > 0) | (estimate.high < 0)
    return found & (np.abs(estimate.effect) > NEGLIGIBLE)


def precise(
    segments: tuple[Segment, ...],
    rows: Sequence[Perturbation],
    changes: Sequence[float],
    seed: list[int],
    fits: Fits,
    solver: Solver = DEFAULT_SOLVER,
    *,
    deterministic: bool,
) -> bool:
    """Whether more rows would add nothing: every interval is narrow, and every effect small or
    significant. Stopping here does not favour noise, whose intervals are wide."""
    free = np.array([not segment.protected for segment in segments])
    drawn = sum(row.keep_probability is not None for row in rows)
    if drawn < inference.FOLDS:
        return False
    known = random_rows(list(zip(rows, changes, strict=True)), free, np.ones(drawn))
    fit = fits.of(known, seed, solver, deterministic=deterministic)
    low, high = fit.intervals
    if np.any(high - low > 2 * PRECISION):  # nearly always, before what costs more
        return False
    found = fit.estimate
    return bool(np.all(discoveries(found) | (np.abs(found.effect) <= PRECISION)))


def _exact(
    known: Sequence[tuple[Perturbation, float]],
    free: np.ndarray,
    *,
    complete: bool,
    limit: float = SMALLEST_EFFECT,
) -> tuple[Estimate, int, tuple[Pair, ...]]:
    """The exact estimate (unknown if a mask has no answer), its number of masks, and the pairs."""
    distinct = {row.mask: y for row, y in known if row.kind in ("baseline", "enumerated")}
    x = 1.0 - np.array(list(distinct), dtype=float).reshape(len(distinct), len(free))[:, free]
    y = np.array(list(distinct.values()))
    effect = inference.enumerated(x, y)
    low = effect if complete else np.full(len(effect), -1.0)
    high = effect if complete else np.ones(len(effect))
    together = exact_pairs(x, y, effect, limit) if complete else ()
    return Estimate(effect, effect, low, high, None), len(distinct), together


def random_rows(
    known: Sequence[tuple[Perturbation, float]], free: np.ndarray, weights: Array
) -> Rows:
    """The rows whose masks were drawn with a known propensity, and the fixed rows as the others."""
    drawn = [(row, y) for row, y in known if row.keep_probability is not None]
    fixed = [(row, y) for row, y in known if row.keep_probability is None]
    varies = np.ones((len(drawn), len(free)), dtype=bool)
    for mine, (row, _) in zip(varies, drawn, strict=True):
        mine[list(row.fixed)] = False
    return Rows(
        x=removal_masks([row for row, _ in drawn], free),
        y=np.array([y for _, y in drawn]),
        q=1.0 - np.array([row.keep_probability for row, _ in drawn], dtype=float),
        varies=varies[:, free],
        weights=weights,
        others_x=removal_masks([row for row, _ in fixed], free),
        others_y=np.array([y for _, y in fixed]),
    )


def removal_masks(rows: Sequence[Perturbation], which: np.ndarray) -> Array:
    """1 where a segment was removed, shape (rows, segments chosen by `which`)."""
    retained = np.frombuffer(b"".join(bytes(row.mask) for row in rows), dtype=np.uint8)
    return 1.0 - retained.astype(np.float64).reshape(len(rows), len(which))[:, which]


def locality_of(
    rows: Sequence[Perturbation], segments: Sequence[Segment], embed: Embed
) -> tuple[float | None, ...]:
    """The locality weight of every random row, answered or not."""
    drawn = [row for row in rows if row.keep_probability is not None]
    if not drawn:
        return (None,) * len(rows)
    removed = removal_masks(drawn, np.ones(len(segments), dtype=bool))
    sizes = np.array([max(len(boundaries.words(s.text)), 1) for s in segments], dtype=float)
    weights = iter(locality(removed, embed([s.text for s in segments]), sizes))
    return tuple(None if row.keep_probability is None else float(next(weights)) for row in rows)


def _apart(pair: Pair, measured: Mapping[int, float], free: np.ndarray, limit: float) -> Pair:
    """The pair, told whether one of the two was measured to cost an effect that matters alone."""
    places = np.flatnonzero(free)[[pair.first, pair.second]]
    costs = max(measured.get(int(k), 0.0) for k in places)
    return replace(pair, apart=pair.apart or costs >= limit)


def in_place(values: Array, free: np.ndarray) -> Array:
    """Values of the free segments at their indices; 0 for the protected ones."""
    everywhere = np.zeros(len(free))
    everywhere[free] = values
    return everywhere
