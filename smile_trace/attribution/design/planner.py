"""The plan of a study: the partitions of the prompt, coarse to fine, and the rows of each."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from smile_trace.attribution.design import masks
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.estimation.inference import Array
from smile_trace.attribution.segmentation.partitioner import Partitioner
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
"""Random rows after which a study tests whether to stop early, and again whenever they have
doubled. By then a segment without which the answer is lost has been removed in 999 of 1,000
studies, and two of which either is enough have been removed together in nine of ten."""

MORE_BASELINES = 2
"""How often the unperturbed prompt is asked again where it got no answer."""

CallKey = tuple[str, int]
"""Identifies a call: (hash of the text, replicate)."""


def call_key(row: Perturbation) -> CallKey:
    """The call that a row needs; rows of the same text and replicate share one."""
    return row.text_hash, row.replicate


def repeats(prompted: Prompted, deterministic: bool, remote: bool) -> int:
    """How often the unperturbed prompt is asked: of a model that may vary, to measure its noise."""
    if deterministic:
        return 2 if remote else 1
    return 2 if prompted.parameters.get("temperature") == 0 else 3


@dataclass
class Level:
    """One partition of the prompt and its rows, in the order in which they are asked."""

    segments: tuple[Segment, ...]
    perturber: Perturber
    rows: list[Perturbation] = field(default_factory=list)
    exact: bool = False
    looks: int = 0

    @property
    def before_look(self) -> int:
        """How many rows are asked before the next test whether to stop early."""
        random = [k for k, row in enumerate(self.rows) if row.kind == "random"]
        count = FIRST_LOOK * 2**self.looks
        return random[count - 1] + 1 if len(random) > count else len(self.rows)

    @property
    def free(self) -> tuple[bool, ...]:
        """Which segments may be removed."""
        return tuple(not segment.protected for segment in self.segments)


class Planner:
    """Plans the levels of a study; `levels` holds the first from the beginning.

    Args:
        prompted: the exact messages.
        partitioner: their segments, of every size.
        settings: budget (calls, the baselines included) and seed.
        replicates: how often the unperturbed prompt is asked.
        deterministic: whether the same text gives the same answer, so that it is asked once.
    """

    def __init__(
        self,
        prompted: Prompted,
        partitioner: Partitioner,
        settings: ExplanationSettings,
        *,
        replicates: int,
        deterministic: bool,
    ) -> None:
        self._prompted = prompted
        self._partitioner = partitioner
        self._settings = settings
        self._replicates = replicates
        self._deterministic = deterministic
        self._drawn: Counter[str] = Counter()
        self.levels: list[Level] = []
        self.levels.append(self._first_level())

    @property
    def baselines(self) -> list[Perturbation]:
        """The rows of the unperturbed prompt."""
        return [row for row in self.levels[0].rows if row.kind == "baseline"]

    def add_baseline(self) -> bool:
        """Plans one more row of the unperturbed prompt; False where that is enough, or the budget.

        A random row makes room for it.
        """
        level, count = self.levels[0], len(self.baselines)
        full = len(set(map(call_key, level.rows))) >= self._settings.budget
        if count >= self._replicates + MORE_BASELINES or (full and level.exact):
            return False
        if full:
            level.rows.pop()
        row = self._row(level, "baseline", (True,) * len(level.segments), replicate=count)
        level.rows.insert(count, row)
        return True

    def _first_level(self) -> Level:
        calls = self._settings.budget - self._replicates
        segments = self._partitioner.segments
        if sum(not s.protected for s in segments) > max(self._settings.budget, MIN_LEVEL_CALLS):
            calls = max(calls // 2, min(calls, MIN_LEVEL_CALLS))
            segments = self._partitioner.coarse(max(calls, 2))
        level = Level(segments, Perturber(self._prompted, segments))
        for replicate in range(self._replicates):
            level.rows.append(
                self._row(level, "baseline", (True,) * len(segments), replicate=replicate)
            )
        self._fill(level, calls)
        return level

    def refinable(self, calls: int) -> bool:
        """Whether a finer partition exists and `calls` are enough for it."""
        coarse = (s for s in self.levels[-1].segments if not s.protected)
        return calls >= MIN_LEVEL_CALLS and not all(map(self._partitioner.is_finest, coarse))

    def refine(self, effects: Array, calls: int) -> bool:
        """Plans a finer partition of the segments with an effect; False where there is none.

        Args:
            effects: of the last level's segments.
            calls: how many may still be asked.
        """
        chosen = self._promising(effects, calls)
        segments = self._partitioner.refine(chosen, calls)
        if len(segments) <= len(chosen):
            return False
        fine = all(self._partitioner.is_finest(s) or s.protected for s in segments)
        if not fine and calls >= 2 * MIN_LEVEL_CALLS:
            calls //= 2
            segments = self._partitioner.refine(chosen, calls)
        level = Level(segments, Perturber(self._prompted, segments))
        self.levels.append(level)
        self._fill(level, calls)
        return bool(level.rows)

    def _promising(self, effects: Array, calls: int) -> list[Segment]:
        """The segments with the largest effect, as many as leave two calls for each piece."""
        level = self.levels[-1]
        free = [k for k, is_free in enumerate(level.free) if is_free]
        ranked = sorted(free, key=lambda k: -effects[k])
        largest = max(effects[ranked[0]], 0.0)
        chosen = ranked[:1]
        for k in ranked[1:]:
            more = [level.segments[j] for j in sorted([*chosen, k])]
            fits = 2 * self._partitioner.size(more) <= calls
            if effects[k] < largest / 3 or not fits:
                break
            chosen.append(k)
        return [level.segments[k] for k in sorted(chosen)]

    def _fill(self, level: Level, calls: int) -> None:
        """Plans rows that cost at most `calls` new calls."""
        free, sendable = level.free, level.perturber.sendable
        if not any(sendable(mask) for mask in masks.leave_one_out(free, sendable)):
            return
        if self._deterministic:
            every = masks.all_masks(free, sendable) if sum(free) <= 12 else []
            if every and len(every) - 1 <= calls:
                level.exact = True
                level.rows.extend(self._row(level, "enumerated", mask) for mask in every[1:])
                return
        self._draw(level, calls)

    def _draw(self, level: Level, calls: int) -> None:
        """Random rows; for a deterministic model a text drawn twice is one call and two rows."""
        known = set(map(call_key, (row for level in self.levels for row in level.rows)))
        known |= set(map(call_key, level.rows))
        free, sendable = level.free, level.perturber.sendable
        if self._deterministic and 3 * sum(free) <= calls:
            for mask in masks.leave_one_out(free, sendable):
                row = self._row(level, "leave_one_out", mask)
                calls -= call_key(row) not in known
                known.add(call_key(row))
                level.rows.append(row)
        generator = np.random.default_rng([self._settings.seed, len(self.levels)])
        draws_left = 4 * calls
        for mask, keep in masks.random_masks(
            free, sendable, generator, deterministic=self._deterministic
        ):
            row = self._row(level, "random", mask, keep=keep)
            calls -= call_key(row) not in known
            draws_left -= 1
            if calls < 0 or draws_left < 0:
                return
            known.add(call_key(row))
            level.rows.append(row)

    def _row(
        self,
        level: Level,
        kind: PerturbationKind,
        mask: masks.Mask,
        *,
        keep: float | None = None,
        replicate: int = 0,
    ) -> Perturbation:
        row = Perturbation(
            kind=kind,
            mask=mask,
            messages=level.perturber.messages(mask),
            keep_probability=keep,
            replicate=replicate,
            level=self.levels.index(level) if level in self.levels else len(self.levels),
            fixed=masks.fixed(mask, level.free, level.perturber.sendable),
        )
        if self._deterministic or kind == "baseline":
            self._drawn[row.text_hash] = max(self._drawn[row.text_hash], replicate + 1)
            return row
        again = self._drawn[row.text_hash]
        self._drawn[row.text_hash] += 1
        return row.model_copy(update={"replicate": again})
