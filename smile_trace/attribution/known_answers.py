"""The responses of a study so far, and what follows: answer changes, and findings per level."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from itertools import chain, takewhile
from typing import NamedTuple

import numpy as np

from smile_trace.attribution.answer_change.response_scores import (
    ResponseScores,
    Row,
    score_responses,
)
from smile_trace.attribution.answer_change.text_comparison import (
    Stated,
    TextComparison,
    compared,
)
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.design.narrowing import Parts, losses, next_removals
from smile_trace.attribution.design.planner import CallKey, Level, Planner, call_key
from smile_trace.attribution.estimation.findings import (
    REPEATS,
    LevelFindings,
    find,
    precise,
    times_of,
)
from smile_trace.attribution.estimation.first_place import nearness
from smile_trace.attribution.estimation.fit import Fits
from smile_trace.attribution.estimation.gaussian_process import WarpedProcessSolver
from smile_trace.attribution.estimation.inference import DEFAULT_SOLVER, at_most
from smile_trace.attribution.estimation.interactions import Pair
from smile_trace.attribution.estimation.solver import Array, Solver
from smile_trace.attribution.greyed import Greyed, keys_without
from smile_trace.attribution.one_thread import one_thread
from smile_trace.attribution.reporting.moved_fields import changed_fields
from smile_trace.attribution.reporting.segments import join, observations
from smile_trace.attribution.reporting.verdict import levels_shown, status_of
from smile_trace.attribution.word_vectors import Embed
from smile_trace.records import (
    ExplanationSettings,
    FidelityStatus,
    Observation,
    Perturbation,
    Response,
    Signal,
)

NEARLY_ALWAYS = 0.8
"""Share of the answers without a segment that lost a part, from which the part needs it."""


_Answered = tuple[list[list[Row]], list[Row], list[Row]]
"""The rows of each level, the sparse and the confirming ones, with their responses."""


class OfPart(NamedTuple):
    """What the first level tells of a part of the answer; `needed`: the segments without which
    nearly every answer lost it, while of two that say the same either is enough; `lost`: as
    `KnownAnswers.least_lost_in_its_words`."""

    found: LevelFindings
    status: FidelityStatus
    needed: tuple[bool, ...]
    lost: Mapping[str, float]


class KnownAnswers:
    """The responses of one model to the rows of a plan, scored and judged level by level;
    `explained` is the logged answer, or the `part` of it that is explained."""

    def __init__(
        self,
        planner: Planner,
        settings: ExplanationSettings,
        *,
        explained: str,
        text_change: TextComparison,
        signal: Signal,
        part: AnswerSpan | None,
        deterministic: bool,
        embed: Embed,
        solver: Solver | None,
    ) -> None:
        self.planner = planner
        self.asked: dict[CallKey, None] = {}
        self.responses: dict[CallKey, Response] = {}
        self.deterministic = deterministic
        self._settings = settings
        self._explained = explained
        self._text_change = text_change
        self._signal = signal
        self._part = part
        self._embed = embed
        self._ranks_by_nearness = solver is None and signal == "text"
        without_noise = signal == "probability" and deterministic
        self._solver = solver or (WarpedProcessSolver() if without_noise else DEFAULT_SOLVER)
        self._found: dict[tuple[int, int, float], LevelFindings] = {}
        self._fits = Fits()
        self._near: dict[int, Array] = {}
        self._scored: tuple[_Answered, ResponseScores] | None = None

    def of_part(
        self, part: AnswerSpan | None, text_change: TextComparison, of: str
    ) -> "KnownAnswers":
        """The same responses, of which a part of the answer, `of`, alone counts."""
        other = copy(self)
        other._part, other._text_change, other._explained = part, text_change, of
        other._found, other._fits, other._near, other._scored = {}, Fits(), {}, None
        return other

    def first_level(self) -> OfPart:
        """What the first level tells."""
        rows, scores = self.rows(self.planner.levels[0]), self.scores()
        own = scores.of_level(0)
        found = self._estimated(0, rows, scores, own.only_sparse_moved)
        known = *zip(rows, own.changes[0], strict=True), *self._answered_beside(0, scores)
        needed = (self._needed(k, known) for k in range(len(found.segments)))
        lost = self.least_lost_in_its_words()
        return OfPart(found, status_of(found, own), tuple(needed), lost)

    def _needed(self, part: int, known: Sequence[tuple[Perturbation, float | None]]) -> bool:
        lost = [
            y >= self._settings.smallest_effect
            for row, y in known
            if y is not None and not row.mask[part]
        ]
        return bool(lost) and sum(lost) >= NEARLY_ALWAYS * len(lost)

    def take(self, row: Perturbation, response: Response) -> None:
        """Take a response, and discard earlier findings. Raises ValueError if the row was not
        asked."""
        if call_key(row) not in self.asked:
            raise ValueError("tell() accepts only perturbations that ask() returned.")
        self.responses[call_key(row)] = response
        self._found.clear()

    def rows(self, level: Level) -> list[Perturbation]:
        """The level's rows that count: up to the first that was not asked. A later row may have its
        answer from a row with the same text; counting it would select rows by their masks."""
        if level.exact:
            return level.rows
        return list(takewhile(lambda row: call_key(row) in self.asked, level.rows))

    def ended(self, level: Level) -> bool:
        """Whether all rows of a level were asked."""
        return len(self.rows(level)) == len(level.rows)

    def answered(self, level: Level) -> list[Row]:
        """The level's rows that count, with their responses."""
        return self._with_responses(self.rows(level))

    def beside(self, index: int) -> list[Row]:
        """The rows of a level that no estimate uses, with their responses; of a model that repeats
        itself also those without one segment, if a row of any level had the same text."""
        rows = *self.planner.sparse, *self.planner.confirming_rows
        own = [row for row in rows if row.level == index]
        if self.deterministic:
            known = {row.mask for row in (*self.rows(self.planner.levels[index]), *own)}
            own += [row for row in self.planner.alone(index) if row.mask not in known]
        return self._with_responses(own)

    def scores(self) -> ResponseScores:
        """The answer changes of all levels; kept until rows or responses are others."""
        levels = [self.answered(level) for level in self.planner.levels]
        beside = self.planner.sparse, self.planner.confirming_rows
        sparse, confirming = map(self._with_responses, beside)
        answered = levels, sparse, confirming
        if self._scored is None or self._scored[0] != answered:
            scores = score_responses(
                levels,
                self._signal,
                self._text_change,
                deterministic=self.deterministic,
                part=self._part,
                sparse=sparse,
                confirming=confirming,
            )
            self._scored = answered, scores
        return self._scored[1]

    def find(self, level: Level) -> LevelFindings:
        """The findings about a level; kept until the next response."""
        index, rows = self.planner.levels.index(level), self.rows(level)
        what = index, len(rows), level.error_rate
        if what not in self._found:
            scores = self.scores()
            self._found[what] = self._estimated(index, rows, scores, scores.only_sparse_moved)
        return self._found[what]

    def settled(self, level: Level) -> bool:
        """Whether more rows would add nothing: narrow intervals, and a reliable level."""
        scores, index = self.scores(), self.planner.levels.index(level)
        rows = self.rows(level)
        known = [change for change in scores.changes[index] if change is not None]
        with one_thread():
            narrow = precise(
                level.segments,
                rows,
                known,
                self.seed(index),
                self._fits,
                self._solver,
                deterministic=self.deterministic,
            )
        if not narrow or status_of(self.find(level), scores) != "reliable":
            return False
        return not (self.reduced(index) and any(self.find(level).untold))

    @property
    def times(self) -> int:
        """How often a mask is asked to tell what is lost without its parts."""
        return times_of(self.deterministic, self.scores().noise_floor)

    def reduced(self, index: int) -> bool:
        """Whether the reduced prompts of a level tell no more: they were asked, or are not, since
        answers differ."""
        return self.times > 1 or any(row.level == index for row in self.planner.sparse)

    def removals(self, index: int) -> list[Parts]:
        """The groups of excluded parts to remove together next, to tell whether some of them stand
        in for each other; [] if none is in doubt, or nothing is left to ask."""
        level = self.planner.levels[index]
        found = self.find(level)
        in_doubt = np.array(found.suspected) | np.array(found.uncleared)
        if level.exact or not in_doubt.any():
            return []
        excluded = (at_most(found.low, found.high) < found.limit) & ~np.array(found.significant)
        parts = np.flatnonzero(np.array(level.free) & (excluded | in_doubt))
        scores = self.scores()
        own = zip(self.rows(level), scores.changes[index], strict=True)
        removed = (
            (frozenset(k for k, kept in enumerate(row.mask) if not kept), change)
            for row, change in (*own, *self._answered_beside(index, scores))
            if change is not None
        )
        lost = losses(removed, self.times)
        return next_removals(frozenset(map(int, parts)), lost, found.limit)

    def greyed(self) -> Greyed:
        """The excluded segments of all levels, and what was lost without some of them alone."""
        plan, scores = self.planner, self.scores()
        found = [self.find(level) for level in plan.levels]
        shown, _ = levels_shown(found, scores, plan.outermost)
        segments, _ = join([of.attributions() for of in found[:shown]])
        rows = self._every_row()
        changes = *chain.from_iterable(scores.changes), *scores.sparse, *scores.confirming
        removals = [
            (plan.with_closing[row.level].segments, (row, change))
            for row, change in zip(rows, changes, strict=True)
            if change is not None
        ]
        times = 1 if self.deterministic else REPEATS
        return Greyed.of(segments, removals, self._settings.smallest_effect, times)

    def least_lost_in_its_words(self) -> dict[str, float]:
        """What was lost at least without each segment, in [0, 1], beyond the most that the
        unperturbed prompt's answers lose, where nothing that a response says in other words counts
        as said. By the segment's key; empty for probabilities."""
        if self._signal == "probability":
            return {}
        rows = [
            (row, response.text)
            for row, response in self._with_responses(self._every_row())
            if response is not None and response.ok and response.text is not None
        ]
        texts = list(dict.fromkeys(text for _, text in rows))
        comparison = self._text_change
        found = compared(comparison, texts)
        lost = {text: of.change + of.reworded for text, of in zip(texts, found, strict=True)}
        usual = max((lost[text] for row, text in rows if row.kind == "baseline"), default=0.0)
        least: dict[str, float] = {}
        for row, text in rows:
            for key in keys_without(self.planner.with_closing[row.level].segments, row):
                least[key] = min(least.get(key, 1.0), max(lost[text] - usual, 0.0))
        return least

    def reworded(self, levels: int) -> frozenset[str]:
        """The keys of segments that matter for certain, of the first so many levels, and no longer
        do where the answers that may say the same in other words count as unchanged."""
        texts = {r.text for r in self.responses.values() if r.ok and r.text is not None}
        comparison = Stated(self._text_change)
        if self._signal == "probability" or not comparison.excuses(texts):
            return frozenset()
        stated = self.of_part(self._part, comparison, self._explained)
        return frozenset(
            key
            for level in self.planner.levels[:levels]
            for key in self._certain(level) - stated._certain(level)
        )

    def _certain(self, level: Level) -> set[str]:
        limit, found = self._settings.smallest_effect, self.find(level).attributions()
        return {s.key for s in found if s.significant and abs(s.attribution) >= limit}

    def _every_row(self) -> list[Perturbation]:
        plan = self.planner
        rows = [row for level in plan.levels for row in self.rows(level)]
        return [*rows, *plan.sparse, *plan.confirming_rows]

    def confirmed(self, scores: ResponseScores, index: int) -> list[Pair]:
        """The pairs of a level that fresh masks have confirmed."""
        answered = iter(scores.confirming)
        changes = [
            (one, [[next(answered) for _ in of_mask] for of_mask in one.rows])
            for one in self.planner.confirming
        ]
        own = [(one, of) for one, of in changes if one.rows[0][0].level == index]
        return [one.planned.pair for one, of in own if one.planned.holds(of)]

    def seed(self, index: int) -> list[int]:
        """The seed of a level's draws."""
        return [self._settings.seed, index]

    def observations(
        self, scores: ResponseScores, found: Sequence[LevelFindings]
    ) -> tuple[Observation, ...]:
        """One record per answered row; rows that are in no estimate come last."""
        levels = self.planner.levels
        groups = [
            (self.answered(level), changes, findings.locality)
            for level, changes, findings in zip(levels, scores.changes, found, strict=True)
        ]
        beside = (
            (self.planner.sparse, scores.sparse),
            (self.planner.confirming_rows, scores.confirming),
        )
        groups += [
            (self._with_responses(rows), changes, (None,) * len(rows)) for rows, changes in beside
        ]
        scored, of_part = self._signal == "probability", self._part is not None
        return tuple(
            chain.from_iterable(
                observations(*group, scored=scored, of_part=of_part) for group in groups
            )
        )

    def _with_responses(self, rows: Iterable[Perturbation]) -> list[Row]:
        return [(row, self.responses.get(call_key(row))) for row in rows]

    def _estimated(
        self, index: int, rows: list[Perturbation], scores: ResponseScores, unseen: bool
    ) -> LevelFindings:
        level = self.planner.levels[index]
        if self._ranks_by_nearness and index not in self._near:
            texts = [segment.text for segment in level.segments]
            self._near[index] = nearness(texts, self._explained)
        with one_thread():
            return find(
                level.segments,
                rows,
                scores.changes[index],
                floor=scores.noise_floor,
                exact=level.exact,
                deterministic=self.deterministic,
                embed=self._embed,
                seed=self.seed(index),
                fits=self._fits,
                failed=scores.failed[index],
                unseen=unseen,
                beside=self._answered_beside(index, scores),
                solver=self._solver,
                rate=level.error_rate,
                near=self._near.get(index),
                limit=self._settings.smallest_effect,
                fields=self._changed_fields(rows),
            )

    def _changed_fields(self, rows: Sequence[Perturbation]) -> Array | None:
        """Which fields of a JSON answer each row changed; None if fewer than two ever did."""
        if self._signal != "text" or self._part is not None:
            return None
        changed = changed_fields(self._explained, self._with_responses(rows))
        return np.array(list(changed.values())).T if len(changed) > 1 else None

    def _answered_beside(
        self, index: int, scores: ResponseScores
    ) -> list[tuple[Perturbation, float]]:
        rows = *self.planner.sparse, *self.planner.confirming_rows
        changes = *scores.sparse, *scores.confirming
        known = zip(rows, changes, strict=True)
        return [(row, y) for row, y in known if row.level == index and y is not None]
