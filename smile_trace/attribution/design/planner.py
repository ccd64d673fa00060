"""The plan of a study: the partitions of the prompt, coarse to fine, and the rows of each."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, count, islice, repeat, takewhile

import numpy as np

from smile_trace.attribution.design import masks
from smile_trace.attribution.design.masks import Confirming, PairTest
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.estimation.inference import LEVEL
from smile_trace.attribution.estimation.solver import Array
from smile_trace.attribution.segmentation.keys import with_own_keys
from smile_trace.attribution.segmentation.partitioner import Partitioner
from smile_trace.attribution.segmentation.selections import asks
from smile_trace.records import (
    ExplanationSettings,
    Perturbation,
    PerturbationKind,
    Prompted,
    Segment,
)

MIN_LEVEL_CALLS = 12
"""Calls below which a partition is not worth perturbing."""

FIRST_LOOK = 20
"""Random rows until the first test whether to stop early, repeated whenever they have doubled. By
then 999 of 1,000 studies have removed a segment without which the answer is lost, and nine of ten
have removed together two segments either of which is enough."""

SPARSE_ROWS = 6
"""Sparse rows, at most a fifth of the calls, before the prompt is called without effect. All six
miss two segments either of which is enough in 2 of 1,000 studies, and three such in 14."""

MORE_BASELINES = 2
"""How often the unperturbed prompt is asked again after it got no answer."""

ROWS_PER_MASK = 5
"""Rows for each mask of a few segments, on average, after which a finer level may follow although
answers vary: two segments have four masks, and nearly half of the rows would remove nothing."""

CALLS_PER_PASSAGE = 6
"""Minimum of calls for each passage that is partitioned again."""

CallKey = tuple[str, int]
"""A call: (hash of the text, replicate)."""


def call_key(row: Perturbation) -> CallKey:
    """The call that a row needs; rows of the same text and replicate share it."""
    return row.text_hash, row.replicate


def next_replicate(row: Perturbation, drawn: Counter[str]) -> Perturbation:
    """The row as the next draw of its text; `drawn` counts those of each text (its hash)."""
    replicate = drawn[row.text_hash]
    drawn[row.text_hash] += 1
    return row.model_copy(update={"replicate": replicate})


def number_of(prompted: Prompted) -> int:
    """A number by which each prompt has masks of its own: one draw that by chance tells little of
    some parts would otherwise tell as little in every call of an application."""
    text = prompted.model_dump_json(include={"messages"}).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8])


def repeats(prompted: Prompted, deterministic: bool, remote: bool) -> int:
    """How often the unperturbed prompt is asked; repeats measure the noise of a varying model."""
    if deterministic:
        return 2 if remote else 1
    return 2 if prompted.parameters.get("temperature") == 0 else 3


@dataclass
class Level:
    """One partition of the prompt and its rows, in the order in which they are asked. `refining`
    counts the rows after which a finer level may follow; if empty, only all of them are enough.
    `beside`: it partitions what the first level protected, and is not inside that."""

    segments: tuple[Segment, ...]
    perturber: Perturber
    beside: bool = False
    rows: list[Perturbation] = field(default_factory=list)
    exact: bool = False
    refining: tuple[int, ...] = ()
    looks: int = 0
    closed_at: float | None = None

    @property
    def before_look(self) -> int:
        """How many rows are asked before the next test whether to stop, or to go finer."""
        random = [k for k, row in enumerate(self.rows) if row.kind == "random"]
        counts = takewhile(lambda c: c < len(random), (FIRST_LOOK * 2**k for k in count()))
        looks = sorted({*(random[c - 1] + 1 for c in counts), *self.refining})
        return looks[self.looks] if self.looks < len(looks) else len(self.rows)

    @property
    def may_refine(self) -> bool:
        """Whether a finer level may follow when the rows before the look are answered."""
        return self.before_look in (*self.refining, len(self.rows))

    @property
    def error_rate(self) -> float:
        """The false discovery rate of a test on the rows before the look. Early looks share half of
        it and the last has the other half, so that all looks together never exceed the rate."""
        if self.closed_at is not None:
            return self.closed_at
        if not self.refining:
            return 1 - LEVEL
        early = self.before_look in self.refining
        return (1 - LEVEL) / 2 / (len(self.refining) if early else 1)

    def close(self, rows: Sequence[Perturbation]) -> None:
        """Ask no more than these rows."""
        self.closed_at = self.error_rate
        self.rows, self.refining = list(rows), ()

    @cached_property
    def free(self) -> tuple[bool, ...]:
        """The segments that may be removed."""
        return tuple(not segment.protected for segment in self.segments)

    def drawn(
        self, seed: Sequence[int], keep: Sequence[float] = masks.KEEP_PROBABILITIES
    ) -> Iterator[tuple[masks.Mask, float]]:
        """Endless random masks, each with its keep probability."""
        generator = np.random.default_rng(seed)
        return masks.random_masks(self.free, self.perturber.sendable, generator, keep)

    def row(
        self, kind: PerturbationKind, mask: masks.Mask, index: int, keep: float | None = None
    ) -> Perturbation:
        """A row of this level, which is number `index`."""
        return Perturbation(
            kind=kind,
            mask=mask,
            messages=self.perturber.messages(mask),
            keep_probability=keep,
            level=index,
            fixed=masks.fixed(mask, self.free, self.perturber.sendable),
        )


class Planner:
    """Plans the levels of a study; `levels` holds the first from the beginning.

    Args:
        settings: budget (calls, the baselines included) and seed.
        replicates: how often the unperturbed prompt is asked.
        deterministic: whether the same text gives the same answer, so that it is asked once.
        looks: whether rows are planned for all remaining calls, with looks at which a finer level
            may follow (`Level.refining`); otherwise it follows after a share of the calls.
    """

    def __init__(
        self,
        prompted: Prompted,
        partitioner: Partitioner,
        settings: ExplanationSettings,
        *,
        replicates: int,
        deterministic: bool,
        looks: bool = True,
    ) -> None:
        self._prompted = prompted
        self._partitioner = partitioner
        self._settings = settings
        self._seed = settings.seed, number_of(prompted)
        self._replicates = replicates
        self._deterministic = deterministic
        self._looks = looks
        self._drawn: Counter[str] = Counter()
        self.budget = settings.budget
        """The limit of all calls."""
        self.sparse: list[Perturbation] = []
        self.confirming: list[Confirming] = []
        self._halved = False
        self.in_turn = False
        """Whether the first level protects what has its turn in the next one, not yet planned."""
        self._waiting: list[tuple[float, Segment]] = []
        """Parts with an effect, each with it, that are not partitioned yet."""
        self.closing: Level | None = None
        """The finest segments of all levels, of which the last prompts lack those without effect;
        its index is the number of the levels, after which none may follow."""
        self.levels: list[Level] = []
        self.levels.append(self._first_level())

    @property
    def baselines(self) -> list[Perturbation]:
        """The rows of the unperturbed prompt."""
        return [row for row in self.levels[0].rows if row.kind == "baseline"]

    def add_baseline(self) -> bool:
        """Plans one more row of the unperturbed prompt, in place of a random row if the budget is
        full. False after enough of them, or if the budget has no room."""
        level, count = self.levels[0], len(self.baselines)
        full = len(set(map(call_key, level.rows))) >= self.budget
        if count >= self._replicates + MORE_BASELINES or (full and level.exact):
            return False
        if full:
            level.rows.pop()
        row = self._row(level, "baseline", (True,) * len(level.segments), replicate=count)
        level.rows.insert(count, row)
        return True

    def add_sparse(self) -> bool:
        """Plans rows of the last level that retain a fifth, in place of its last rows if need be.
        False if they, or all masks, are planned already, or nothing can be removed."""
        level = self.levels[-1]
        if self.sparse or level.exact or all(row.kind == "baseline" for row in level.rows):
            return False
        drawn = level.drawn([*self._seed, len(self.levels), 2], masks.SPARSE)
        del level.rows[self.before_sparse :]
        level.refining = tuple(look for look in level.refining if look < len(level.rows))
        self.sparse = [
            self._row(level, "sparse", mask) for mask, _ in islice(drawn, self._sparse_count)
        ]
        return bool(self.sparse)

    def add_reduced(
        self, index: int, reduced: Iterable[masks.Mask], calls: int, times: int = 1
    ) -> int:
        """Plans rows with some parts removed, `times` each and within `calls`, in place of the last
        level's last rows; returns how many."""
        level = self.with_closing[index]
        known = {(row.level, row.mask) for row in self.sparse}
        fresh = dict.fromkeys(mask for mask in reduced if (index, mask) not in known)
        sendable = list(filter(level.perturber.sendable, fresh))[: max(calls, 0) // times]
        rows = [self._row(level, "sparse", mask) for mask in sendable for _ in range(times)]
        self.sparse += rows
        del self.levels[-1].rows[self.leaving(0) :]
        return len(rows)

    def halve_rest(self, asked: Sequence[Perturbation], calls: int) -> None:
        """Draws the last level's rows after `asked` again, once, to remove half. The test stays
        exact: the reason, that nothing moved, does not depend on a segment without effect."""
        if self._halved or not self._deterministic:
            return
        self._halved = True
        level = self.levels[-1]
        known = {call_key(row) for one in self.levels[:-1] for row in one.rows}
        known |= {call_key(row) for row in (*asked, *self.sparse)}
        drawn = level.drawn([*self._seed, len(self.levels), 3], masks.HALVES)
        rest = [row for row, _ in self._random_rows(level, drawn, calls, known)]
        level.rows = [*asked, *rest]
        level.refining = tuple(look for look in level.refining if look < len(level.rows))

    def add_confirming(self, wanted: Iterable[PairTest], asked: Set[CallKey], calls: int) -> None:
        """Plans rows of the last level that confirm pairs, in place of its last rows if need be.

        Args:
            wanted: the most important pair first.
            asked: the calls so far, which cost nothing again.
        """
        level = self.levels[-1]
        for one in wanted:
            times = 1 if self._deterministic else masks.MOST_CALLS // len(one.masks)
            if not all(map(level.perturber.sendable, one.masks)):
                continue
            rows = tuple(
                tuple(self._row(level, "confirming", mask) for _ in range(times))
                for mask in one.masks
            )
            cost = len({call_key(row) for of_mask in rows for row in of_mask} - asked)
            if cost <= calls:
                calls -= cost
                self.confirming.append(Confirming(one, rows))
        del level.rows[self.leaving(0) :]

    def alone(self, index: int) -> list[Perturbation]:
        """The rows without one segment each of a level, none of which this plans."""
        of, sent = self.levels[index], self.levels[index].perturber
        return [
            Perturbation(kind="leave_one_out", mask=mask, messages=sent.messages(mask), level=index)
            for mask in masks.leave_one_out(of.free, sent.sendable)
        ]

    @property
    def confirming_rows(self) -> list[Perturbation]:
        """The rows that confirm pairs, pair by pair and mask by mask."""
        return [row for one in self.confirming for of_mask in one.rows for row in of_mask]

    @property
    def before_sparse(self) -> int:
        """How many of the last level's rows leave enough calls for its sparse rows."""
        return self.leaving(self._sparse_count)

    def leaving(self, calls: int) -> int:
        """How many of the last level's rows leave so many calls."""
        level, left = self.levels[-1], self.budget - calls
        others = [row for one in self.levels[:-1] for row in one.rows]
        known = {call_key(row) for row in (*others, *self.sparse, *self.confirming_rows)}
        for place, row in enumerate(level.rows):
            known.add(call_key(row))
            if len(known) > left:
                return place
        return len(level.rows)

    @property
    def _sparse_count(self) -> int:
        return min(SPARSE_ROWS, self.budget // 5)

    def _first_level(self) -> Level:
        calls = self._settings.budget - self._replicates
        share = calls
        segments = self._partitioner.coarse(max(self._settings.budget, MIN_LEVEL_CALLS), calls)
        if not all(self._partitioner.is_finest(s) or s.protected for s in segments):
            share = max(calls // 2, min(calls, MIN_LEVEL_CALLS))
            segments = self._partitioner.coarse(max(share, 2), calls)
        level = self._level(segments)
        for replicate in range(self._replicates):
            level.rows.append(
                self._row(level, "baseline", (True,) * len(segments), replicate=replicate)
            )
        self.in_turn = bool(self._beside(level.segments, share))
        self._fill(level, calls, share)
        return level

    def _beside(self, coarse: Sequence[Segment], limit: int) -> tuple[Segment, ...]:
        """The partition of what the first one protects until its turn; () if there is nothing."""
        protected = [segment for segment in coarse if segment.protected]
        found = self._partitioner.refine(protected, limit) if protected else ()
        return found if any(not segment.protected for segment in found) else ()

    def add_beside(self, calls: int, asked: Sequence[Perturbation]) -> bool:
        """Plans the level of what the first one, of which only `asked` stay, protected until its
        turn. False if there is nothing of it, it had its turn, or the calls are too few."""
        had_its_turn, self.in_turn = not self.in_turn, False
        if had_its_turn or calls < MIN_LEVEL_CALLS:
            return False
        share = calls // 2 if calls >= 2 * MIN_LEVEL_CALLS else calls
        self.levels[0].close(asked)
        segments = self._beside(self.levels[0].segments, share)
        return bool(segments) and self._add(segments, calls, share, beside=True)

    @property
    def outermost(self) -> int:
        """How many of the levels are inside no other."""
        return 1 + sum(level.beside for level in self.levels)

    def close(self, keys: Collection[str]) -> int:
        """Plans no finer level: returns the index of the level of the segments with these keys."""
        if self.closing is None:
            known = {s.key: s for level in self.levels for s in level.segments if s.key in keys}
            segments = tuple(sorted(known.values(), key=lambda s: s.places))
            self.closing = Level(segments, Perturber(self._prompted, segments))
        return len(self.levels)

    @property
    def with_closing(self) -> list[Level]:
        """All levels, and the closing one, if there is one."""
        return self.levels if self.closing is None else [*self.levels, self.closing]

    @property
    def finest(self) -> list[Level]:
        """The levels whose segments may be partitioned: the last, or all that are outermost."""
        return self.levels if len(self.levels) == self.outermost else self.levels[-1:]

    def refinable(self, calls: int) -> bool:
        """Whether a finer partition exists and `calls` are enough for it."""
        if self.closing is not None:
            return False
        coarse = [s for level in self.finest for s in level.segments if not s.protected]
        coarse += [segment for _, segment in self._waiting]
        return calls >= MIN_LEVEL_CALLS and not all(map(self._partitioner.is_finest, coarse))

    @property
    def unopened(self) -> set[str]:
        """The keys of the segments that have parts, none of which was removed by itself."""
        asked = [segment for level in self.levels for segment in level.segments]
        return {
            segment.key
            for segment in asked
            if not self._partitioner.is_finest(segment)
            and not any(_is_inside(piece, segment) for piece in asked)
        }

    def refine(
        self,
        effects: Sequence[Array],
        calls: int,
        asked: Sequence[Perturbation],
        certain: Sequence[Sequence[bool]] = (),
    ) -> bool:
        """Plans a finer partition of the segments with an effect; False if there is none.

        Args:
            effects: of the segments of each of the `finest` levels.
            certain: which of them are certain; empty if none is known to be.
            asked: the rows that were asked on the last level; its other rows are dropped.
        """
        chosen = self._promising(effects, certain, calls)
        share, segments = calls, self._partitioner.refine(chosen, calls)
        if len(segments) <= len(chosen):
            return False
        fine = all(self._partitioner.is_finest(s) or s.protected for s in segments)
        if not fine and calls >= 2 * MIN_LEVEL_CALLS:
            share = calls // 2
            segments = self._partitioner.refine(chosen, share)
        self.levels[-1].close(asked)
        return self._add(segments, calls, share)

    def _add(
        self, segments: tuple[Segment, ...], calls: int, share: int, *, beside: bool = False
    ) -> bool:
        if not self._deterministic:
            self._drawn = Counter(row.text_hash for level in self.levels for row in level.rows)
        level = self._level(segments, beside=beside)
        self.levels.append(level)
        self._fill(level, calls, share)
        return bool(level.rows)

    def _level(self, segments: Sequence[Segment], *, beside: bool = False) -> Level:
        coarser = (segment for level in self.levels for segment in level.segments)
        own = with_own_keys(segments, coarser)
        return Level(own, Perturber(self._prompted, own), beside=beside)

    def resume(self, index: int, calls: int) -> bool:
        """Plans more random rows of a fully asked level; False if none would be new. A level closed
        for a finer one is then tested as at its last look."""
        level = self.levels[index]
        known = {call_key(row) for one in self.levels for row in one.rows}
        known |= {call_key(row) for row in (*self.sparse, *self.confirming_rows)}
        seed = [*self._seed, index + 1, 4, len(level.rows)]
        drawn = level.drawn(seed, self._keep_probabilities)
        rows = list(self._random_rows(level, drawn, calls, known))
        if not rows or not rows[-1][1]:
            return False
        level.rows += [row for row, _ in rows]
        if level.closed_at is not None:
            level.closed_at = max(level.closed_at, (1 - LEVEL) / 2)
        return True

    @property
    def _keep_probabilities(self) -> tuple[float, ...]:
        if self._deterministic:
            return masks.DETERMINISTIC_KEEP_PROBABILITIES
        return masks.KEEP_PROBABILITIES

    def _promising(
        self, effects: Sequence[Array], certain: Sequence[Sequence[bool]], calls: int
    ) -> list[Segment]:
        """The segments to partition, the strongest first: passages of several parts or sentences
        before a single sentence and before what the user asked, which tells a reader least."""
        sure = chain.from_iterable(certain) if certain else repeat(False)
        segments = chain.from_iterable(level.segments for level in self.finest)
        every = zip(np.concatenate(effects), segments, sure, strict=False)
        free = [one for one in every if not one[1].protected]
        most = max(effect for effect, _, _ in free)
        enough = min(most, most / 3, self._settings.smallest_effect)
        found = [(effect, one) for effect, one, is_sure in free if is_sure or effect >= enough]
        ranked = sorted([*found, *self._waiting], key=lambda one: -one[0])
        passages = [one for one in ranked if not self._comes_last(one[1])]
        chosen = (passages or ranked)[: max(calls // CALLS_PER_PASSAGE, 1)]
        self._waiting = [one for one in ranked if one not in chosen]
        return sorted((segment for _, segment in chosen), key=lambda s: s.places)

    def _comes_last(self, segment: Segment) -> bool:
        asked = [m for m, message in enumerate(self._prompted.messages) if asks(message)]
        is_asked = segment.unit == "message" and segment.message in asked[-1:]
        return is_asked or self._partitioner.is_sentence(segment)

    def _fill(self, level: Level, calls: int, share: int) -> None:
        """Plans rows for `calls` new calls; a finer level may follow after `share`."""
        free, sendable = level.free, level.perturber.sendable
        if not any(sendable(mask) for mask in masks.leave_one_out(free, sendable)):
            return
        if self._deterministic:
            every = masks.all_masks(free, sendable) if sum(free) <= 12 else []
            if every and len(every) - 1 <= share:
                level.exact = True
                if not level.rows:  # a finer level's: the same call as the first level's
                    level.rows.append(self._row(level, "baseline", every[0]))
                level.rows.extend(self._row(level, "enumerated", mask) for mask in every[1:])
                return
        elif self._looks:
            share = min(share, max(FIRST_LOOK, ROWS_PER_MASK * 2 ** sum(free)))
        self._draw(level, calls if self._looks and not self.in_turn else share, share)

    def _draw(self, level: Level, calls: int, share: int) -> None:
        """Draws random rows; a text drawn twice is one call of a deterministic model."""
        known = {call_key(row) for one in (*self.levels, level) for row in one.rows}
        free, sendable = level.free, level.perturber.sendable
        looks = [look for look in (share, (share + calls) // 2) if calls - look >= MIN_LEVEL_CALLS]
        spent = 0
        if self._deterministic and 3 * sum(free) <= share:
            for mask in masks.leave_one_out(free, sendable):
                row = self._row(level, "leave_one_out", mask)
                spent += call_key(row) not in known
                known.add(call_key(row))
                level.rows.append(row)
        drawn = level.drawn([*self._seed, len(self.levels)], self._keep_probabilities)
        for row, cost in self._random_rows(level, drawn, calls - spent, known):
            if looks and spent + cost > looks[0]:
                level.refining += (len(level.rows),)
                looks.pop(0)
            level.rows.append(row)

    def _random_rows(
        self,
        level: Level,
        drawn: Iterator[tuple[masks.Mask, float]],
        calls: int,
        known: set[CallKey],
    ) -> Iterator[tuple[Perturbation, int]]:
        """Rows up to a total cost of `calls`, each with the cost so far; `known` cost nothing."""
        spent = 0
        for mask, keep in islice(drawn, 4 * calls):
            row = self._row(level, "random", mask, keep=keep)
            spent += call_key(row) not in known
            if spent > calls:
                return
            known.add(call_key(row))
            yield row, spent

    def _row(
        self,
        level: Level,
        kind: PerturbationKind,
        mask: masks.Mask,
        *,
        keep: float | None = None,
        replicate: int = 0,
    ) -> Perturbation:
        index = self.levels.index(level) if level in self.levels else len(self.levels)
        row = level.row(kind, mask, index, keep)
        if not (self._deterministic or kind == "baseline"):
            return next_replicate(row, self._drawn)
        self._drawn[row.text_hash] = max(self._drawn[row.text_hash], replicate + 1)
        return row.model_copy(update={"replicate": replicate})


def _is_inside(piece: Segment, segment: Segment) -> bool:
    return piece.places != segment.places and any(
        message == at and start <= begin and stop <= end
        for message, begin, stop in piece.places
        for at, start, end in segment.places
    )
