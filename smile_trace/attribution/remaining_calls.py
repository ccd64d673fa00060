"""How the remaining calls are spent, and how many more would settle what is open."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.attribution.design.masks import MOST_CALLS, Mask, pair_test, without
from smile_trace.attribution.design.planner import MIN_LEVEL_CALLS, Level
from smile_trace.attribution.estimation.findings import LevelFindings
from smile_trace.attribution.estimation.inference import LEVEL, at_most
from smile_trace.attribution.known_answers import KnownAnswers
from smile_trace.attribution.reporting.verdict import CONVINCING, status_of, unchanged

NEARLY = 1.5
"""An open part comes before a finer level if NEARLY times the remaining calls would settle it."""

REDUCED = 2
"""Calls that are kept back for the prompt reduced to what matters."""

CLEARING = 0.075
"""Share of the calls that is kept back for the prompt without what averages alone exclude."""

_AT_LEAST, _UNTOLD = 1.25, 2.0
"""Factors on the rows for an open part, at least, and for parts that masks cannot tell apart."""

_NONE = 1e-3
"""The divisor in place of zero."""

MOST = 10
"""Multiple of the spent calls beyond which a number would mean nothing, and none is given."""


class RemainingCalls:
    """Decides how the remaining calls are spent: more rows, finer levels, fresh masks. A study may
    exceed its budget up to `most` calls; 0 for not at all. `by_sentence`: the findings about the
    first level by each sentence of an answer with citations."""

    def __init__(
        self, known: KnownAnswers, most: int, by_sentence: Callable[[], Iterable[LevelFindings]]
    ) -> None:
        self._known = known
        self._by_sentence = by_sentence
        self._plan = known.planner
        self._most = most
        self._confirming = min(MOST_CALLS + REDUCED, self._plan.budget // 5)
        self._clearing = self._closing = int(CLEARING * self._plan.budget)

    def plan_more(self) -> bool:
        """Plans the next rows once all before the next look are answered; False at the end."""
        return (
            self._goes_on()
            or self._confirms()
            or self._clears()
            or self._goes_beyond()
            or self._removes_greyed(max(self._most - len(self._known.asked), 0))
        )

    @property
    def before_look(self) -> int:
        """How many rows of the current level precede the next look, leaving calls for others."""
        level = self._plan.levels[-1]
        if self._may_need_sparse:
            return min(level.before_look, self._plan.before_sparse)
        if self._kept_back and not level.exact:
            return min(level.before_look, self._plan.leaving(self._kept_back))
        return level.before_look

    @property
    def _kept_back(self) -> int:
        return self._confirming + self._clearing

    @property
    def _may_need_sparse(self) -> bool:
        """Whether nothing moved or failed so far, and sparse rows would tell more."""
        planned = self._plan.levels[-1].exact or self._plan.sparse
        return not planned and unchanged(self._known.scores())

    @property
    def _calls_left(self) -> int:
        return self._plan.budget - len(self._known.asked)

    def _goes_on(self) -> bool:
        level = self._plan.levels[-1]
        scores, index = self._known.scores(), self._plan.levels.index(level)
        complete = None not in scores.changes[index]
        ends = level.before_look == len(level.rows)
        if self._plan.in_turn and self._gives_turn(
            level, settled=ends or (complete and self._known.settled(level))
        ):
            return True
        if complete and scores.no_variation:
            return self._plan.add_sparse()
        if self._may_need_sparse and self._plan.before_sparse < level.before_look:
            return self._plan.add_sparse()
        if scores.only_sparse_moved:
            self._plan.halve_rest(self._known.rows(level), self._calls_left)
        settled = ends or (complete and self._known.settled(level))
        if (settled or level.may_refine) and (self._settles_open() or self._next_level()):
            return True
        if ends and self._spends_rest():
            return True
        level.looks += not settled
        return not settled

    def _gives_turn(self, level: Level, *, settled: bool) -> bool:
        """Asks the first level until it is settled, then plans the one beside it; False if there
        are too few calls for that."""
        if settled:
            rows, planned = self._known.rows(level), 0
            for of_sentence in self._by_sentence():
                planned += self._reduces(0, of_sentence, self._calls_left // 2 - planned)
            return self._plan.add_beside(self._calls_left - planned, rows)
        level.looks += 1
        return True

    def _settles_open(self) -> bool:
        """Plans more rows of the coarsest ended level that the remaining calls may settle."""
        calls = self._calls_left - self._kept_back
        for index, level in enumerate(self._plan.levels):
            if not self._known.ended(level) or calls <= 0:
                continue
            wanted = self._to_settle(index, calls, round(NEARLY * calls))
            if wanted and self._plan.resume(index, wanted):
                return True
            if self._asks_for_untold(index, calls):
                return True
        return False

    def _spends_rest(self) -> bool:
        """Plans the remaining calls on the coarsest level with an open part."""
        calls = self._calls_left - self._kept_back
        return calls > 0 and any(
            self._known.ended(level)
            and further_rows(self._known.find(level))
            and self._plan.resume(index, calls)
            for index, level in enumerate(self._plan.levels)
        )

    def _to_settle(self, index: int, calls: int, within: int) -> int:
        """How many of these calls help to settle the parts that can be settled `within` so many."""
        if calls <= 0:
            return 0
        found = self._known.find(self._plan.levels[index])
        rows = further_rows(found, told=self._known.reduced(index))
        return min(max((wanted for wanted in rows if wanted <= within), default=0), calls)

    def _goes_beyond(self) -> bool:
        """Plans as many further calls as would settle what is open, if allowed, and no more than
        were asked already: then the need is known better."""
        found = list(map(self._known.find, self._plan.levels))
        wanted = [max(further_rows(of_level), default=0) for of_level in found]
        alone = self._known.times * sum(sum(of_level.suspected) for of_level in found)
        asked = len(self._known.asked)
        kept = self._closing if len(self._plan.levels) > 1 else 0
        calls = min(max(*wanted, alone), asked, self._most - kept - asked)
        if calls <= 0:
            return False
        self._plan.budget = asked + calls
        if self._asks_without(calls, range(len(self._plan.levels))):
            return True
        index = wanted.index(max(wanted))
        level = self._plan.levels[index]
        if not self._known.ended(level):  # it was settled before its last row
            level.looks += 1
            return True
        return wanted[index] > 0 and self._plan.resume(index, calls)

    def _confirms(self) -> bool:
        """Spends the calls kept back until all else is asked: on masks that confirm pairs, reduced
        prompts, and the level's last rows."""
        if not self._confirming:
            return False
        kept_back, self._confirming = self._confirming, 0
        level = self._plan.levels[-1]
        if not level.exact:
            known = zip(self._known.rows(level), self._known.scores().changes[-1], strict=True)
            rows = [(row, change) for row, change in known if change is not None]
            pairs = sorted(self._known.find(level).pairs, key=lambda pair: -abs(pair.value))
            wanted = (pair_test(pair, level.free, rows) for pair in pairs)
            confirming = min(kept_back, MOST_CALLS)
            self._plan.add_confirming(filter(None, wanted), self._known.asked.keys(), confirming)
            kept_back -= len(self._plan.confirming_rows)
            if self._known.times == 1:
                kept_back -= self._plan.add_reduced(
                    len(self._plan.levels) - 1, self._each_alone(), kept_back
                )
        for index in reversed(range(len(self._plan.levels))):
            kept_back -= self._asks_for_untold(index, kept_back)
        for of_sentence in self._by_sentence():
            kept_back -= self._reduces(0, of_sentence, kept_back)
        return True

    def _each_alone(self) -> Iterator[Mask]:
        """The prompts without one part alone of each pair of which either may be enough."""
        free = self._plan.levels[-1].free
        places = np.flatnonzero(free)
        for one in self._plan.confirming:
            if (pair := one.planned.pair).kind == "either":
                for part in (places[pair.first], places[pair.second]):
                    yield without({int(part)}, len(free))

    def _clears(self) -> bool:
        """Asks without groups of excluded parts, of all levels first, until the fewest that stand
        in for each other are known or the calls are spent; the rest is for the level's last
        rows."""
        if not self._most and self._removes_greyed(self._calls_left):
            return True
        finest = len(self._plan.levels) - 1
        if self._asks_without(self._calls_left, [finest]):
            return True
        several = len(self._plan.levels) > 1
        kept = max(min(self._known.times, self._clearing - 1), 0) if several else 0
        released, self._clearing = self._clearing - kept, kept
        return released > 0 and self._calls_left > kept

    def _asks_without(self, calls: int, levels: Sequence[int]) -> int:
        """Plans prompts without groups of parts that may stand in for each other, within `calls`,
        and returns how many calls they take."""
        planned = 0
        for index in levels:
            size = len(self._plan.levels[index].segments)
            masks = [without(of, size) for of in self._known.removals(index)]
            planned += self._plan.add_reduced(index, masks, calls - planned, self._known.times)
        return planned

    def _asks_for_untold(self, index: int, calls: int) -> int:
        return self._reduces(index, self._known.find(self._plan.levels[index]), calls)

    def _reduces(self, index: int, found: LevelFindings, calls: int) -> int:
        """Plans reduced prompts, within `calls`, and returns how many calls they take.

        They serve effects that are excluded but for parts that no mask removed together. The prompt
        is reduced to the named and open parts, and to the named: if the whole rest is not needed,
        no two of its parts are. If answers differ, random masks say more in two calls.
        """
        if not (self._known.times == 1 and any(found.untold)) or calls < 1:
            return 0
        free = np.array(self._plan.levels[index].free)
        named = ~free | found.significant | np.array(found.fails_without or ~free)
        inside = at_most(found.low, found.high) < found.limit
        also_open = named | ~(inside | np.array(found.untold))
        masks = [tuple(map(bool, retained)) for retained in (also_open, named)]
        return self._plan.add_reduced(index, masks, calls)

    def _removes_greyed(self, calls: int) -> bool:
        """Plans prompts, within `calls`, without what several levels call without effect."""
        if len(self._plan.levels) == 1 or calls < 1:
            return False
        greyed = self._known.greyed()
        if not (groups := greyed.next_removals()):
            return False
        index = self._plan.close([segment.key for segment in greyed.segments])
        keys = [segment.key for segment in self._plan.with_closing[index].segments]
        masks = [tuple(key not in of for key in keys) for of in groups]
        planned = min(greyed.times * len(masks), calls)
        self._plan.budget = max(self._plan.budget, len(self._known.asked) + planned)
        return self._plan.add_reduced(index, masks, planned, greyed.times) > 0

    def _next_level(self) -> bool:
        """Plans a finer partition of the segments with an effect, if their levels are reliable or
        have a sure part, and enough calls are left. A varying model also needs a significant
        segment: fewer rows would have to find what its own have not. A finer level is first asked
        until no part of it seems to matter that more rows may name."""
        level, calls = self._plan.levels[-1], self._calls_left
        if not self._plan.refinable(calls) or self._known.scores().no_variation:
            return False
        found = list(map(self._known.find, self._plan.finest))
        wanted = self._to_settle(len(self._plan.levels) - 1, calls, calls)
        if len(self._plan.levels) > self._plan.outermost:
            if wanted or (further_rows(found[0]) and _seems_to_matter(found[0])):
                return False
        elif wanted:
            calls = max(calls - wanted, calls // 2, min(calls, 2 * MIN_LEVEL_CALLS))
        if not any(status_of(one, self._known.scores()) in CONVINCING for one in found):
            return False
        if not self._known.deterministic and not any(any(one.significant) for one in found):
            return False
        effects, certain = [one.effects for one in found], [one.significant for one in found]
        return self._plan.refine(effects, calls, self._known.rows(level), certain)


def _seems_to_matter(found: LevelFindings) -> bool:
    """Whether an effect that matters was estimated for a part that is not significant."""
    return bool(np.any((found.effects >= found.limit) & ~np.array(found.significant)))


def further_rows(found: LevelFindings, *, told: bool = True) -> list[int]:
    """Further rows of the level until each open part is named or excluded, ascending.

    Intervals shrink, and test statistics grow, with the root of the number of rows. A part is named
    once interval and test agree, and excluded once its interval, shrinking to 0, lies inside the
    smallest effect that matters; the smaller number counts. Without `told`, parts that a few
    reduced prompts may tell count as excluded.
    """
    if found.exact or not found.rows:
        return []
    effect, most = found.effects, at_most(found.low, found.high)
    free = np.array([not segment.protected for segment in found.segments])
    needed = np.array(found.fails_without or (False,) * len(free))
    untold = np.array(found.untold)
    is_open = free & ~np.array(found.significant) & ~needed & (told | ~untold)
    is_open &= ~np.array(found.suspected)
    is_open &= most >= found.limit
    by_interval = np.minimum(most / np.maximum(np.abs(effect), _NONE) - 1, 1e3)
    named = np.maximum(by_interval, _by_test(found, int(free.sum())))
    alone = most if found.alone is None else found.alone
    times = np.minimum(named, alone / found.limit) ** 2
    times = np.maximum(np.where(untold, _UNTOLD, times), _AT_LEAST)[is_open]
    return sorted(math.ceil(found.rows * (factor - 1)) for factor in times)


def _by_test(found: LevelFindings, tests: int) -> np.ndarray:
    """The factor by which each part's test statistic falls short of significance."""
    if found.p_values is None:
        return np.ones(len(found.segments))
    rate = (1 - LEVEL) * (1 + sum(found.significant)) / tests
    enough, seen = scipy.stats.norm.isf(min(rate, 1) / 2), scipy.stats.norm.isf(found.p_values / 2)
    times: np.ndarray = enough / np.maximum(seen, _NONE)
    return times


def rounded(calls: int) -> int:
    """The number to a sensible precision: tens, and two digits from a hundred on."""
    step = 10 if calls < 100 else 10 ** (len(str(calls)) - 2)
    return max(step, step * round(calls / step))


def _costs_more_alone(found: LevelFindings) -> bool:
    most = at_most(found.low, found.high)
    return any(
        (alone or 0.0) >= found.limit > most[k] and not found.significant[k]
        for k, alone in enumerate(found.leave_one_out)
    )


def why_unsettled(found: Sequence[LevelFindings]) -> str:
    """Why no further call is asked for what is open: on average it does not matter, but each part
    was removed alone, and more was lost. Empty if calls are left to ask, or nothing is open so."""
    costs = [
        (cost, of.limit)
        for of in found
        for suspected, paired, cost in zip(
            of.suspected, of.in_pairs, of.leave_one_out, strict=False
        )
        if suspected and not paired
    ]
    if any(cost is None for cost, _ in costs) or any(map(further_rows, found)):
        return ""
    more = [cost is not None and cost >= limit for cost, limit in costs]
    reasons = []
    if any(more) or any(map(_costs_more_alone, found)):
        reasons.append("a part costs more if removed alone than on average")
    if not all(more):
        reasons.append("parts that cost little alone may replace each other")
    if not reasons:
        return ""
    return f"more calls would not settle the open parts: {', and '.join(reasons)}"


def further_calls(found: Sequence[LevelFindings], spent: int, times: int = 1) -> int | None:
    """About how many further calls would settle all levels that are shown, given the `spent` calls:
    more rows, and `times` calls without each part that may cost more alone. None if nothing is
    open, the number is too large to mean anything, or a part is open because it costs more alone
    than its interval holds, which no further mask changes."""
    if any(map(_costs_more_alone, found)):
        return None
    calls = sum(max(further_rows(of), default=0) for of in found)
    calls += times * sum(
        suspected and cost is None
        for of in found
        for suspected, cost in zip(of.suspected, of.leave_one_out, strict=False)
    )
    return rounded(calls) if 0 < calls <= MOST * spent else None
