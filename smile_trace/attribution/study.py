"""One explanation under way: ask and tell, so that paying for calls is apart from solving."""

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.design.planner import Level, Paid, Planner, paid, repeats
from smile_trace.attribution.estimation.answer_change import TextChange
from smile_trace.attribution.estimation.distances import Distance
from smile_trace.attribution.estimation.findings import LevelFindings, find, precise
from smile_trace.attribution.estimation.response_scores import ResponseScores, read
from smile_trace.attribution.reporting.levels import join
from smile_trace.attribution.reporting.summary import summarize
from smile_trace.attribution.reporting.verdict import judge
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import AnyUnit
from smile_trace.attribution.word_vectors import Embed, embed_words
from smile_trace.records import (
    Cost,
    Explanation,
    ExplanationSettings,
    Observation,
    Perturbation,
    Prompted,
    Response,
    Signal,
)

ROUND = 16
"""Perturbations of one round, at most: small enough to show progress and to run in parallel."""

MAX_BASELINE_CHANGE = 0.8
"""Shift of the unperturbed prompt's own answer beyond which asking on is wasted money."""


class Study:
    """The attributions of one logged answer, found by asking the same prompt with parts left out.

    `ask()` gives the next perturbations, `tell(pairs)` takes what came back, `result()` is valid
    after any round. Same seed and same responses give the same Explanation, in whatever order
    they are told. More segments than the budget carries are asked coarse to fine.

    Args:
        prompted: the exact messages, and the templates rendered into them.
        settings: unit, budget (perturbations asked, the baselines included) and seed.
        answer: the logged answer.
        signal: compare texts, or the probability of the logged answer (`Response.logprobs`
            from `ScoringModel.score`). An empty answer is always compared as text.
        protect: role names, exact texts or patterns that are never left out.
        deterministic: whether the same request gives the same answer.
        remote: whether somebody else's machine answers.
        embed: word vectors for the text shift; by default the packaged ones.
        distance: of two sets of word vectors (directions, unit length), in [0, 1], in place of
            the text shift's own.
        part: the characters of the answer that are explained (`find_answer_span`); None for all.
        unit: a pattern or own spans, in place of the settings' unit.

    Raises:
        CannotExplain: nothing can be left out of this prompt.
    """

    def __init__(
        self,
        prompted: Prompted,
        settings: ExplanationSettings,
        *,
        answer: str,
        signal: Signal,
        protect: Sequence[str | re.Pattern[str]] = (),
        deterministic: bool,
        remote: bool,
        embed: Embed | None = None,
        distance: Distance | None = None,
        part: AnswerSpan | None = None,
        unit: AnyUnit | None = None,
    ) -> None:
        self.signal: Signal = signal if answer.strip() else "text"
        self._prompted = prompted
        self._settings = settings
        self._answer = answer
        self._deterministic = deterministic
        self._embed = embed or embed_words
        self._part = part
        self._shift = TextChange(answer, self._embed, distance, part)
        self._planner = Planner(
            prompted,
            Segmentation(prompted, settings.unit if unit is None else unit, protect),
            settings,
            replicates=min(repeats(prompted, deterministic, remote), settings.budget),
            deterministic=deterministic,
        )
        self._asked: dict[Paid, None] = {}
        self._responses: dict[Paid, Response] = {}
        self._rounds = 0

    @property
    def prompted(self) -> Prompted:
        """What is explained: whoever drives the study asks in its form, with its parameters."""
        return self._prompted

    @property
    def answer(self) -> str:
        """The logged answer."""
        return self._answer

    # -- asking ---------------------------------------------------------------------------------

    def ask(self) -> list[Perturbation]:
        """The next round, at most ROUND perturbations; [] when the study is finished."""
        if self._hopeless():
            return []
        waiting = self._waiting()
        if not waiting and (self._go_on() or self._next_level()):
            waiting = self._waiting()
        chosen = waiting[: ROUND if self._rounds else len(self._planner.baselines)]
        self._asked.update(dict.fromkeys(map(paid, chosen)))
        self._rounds += bool(chosen)
        return chosen

    def tell(self, pairs: Iterable[tuple[Perturbation, Response]]) -> None:
        """Takes responses to asked perturbations, in any order; a failure is missing data.

        Raises:
            ValueError: a perturbation that this study did not ask about.
        """
        for perturbation, response in pairs:
            if paid(perturbation) not in self._asked:
                raise ValueError("tell() takes only the perturbations that ask() gave.")
            self._responses[paid(perturbation)] = response

    def _waiting(self) -> list[Perturbation]:
        """The rows of the current level that have to be asked, each text and replicate once."""
        level = self._levels[-1]
        rows: dict[Paid, Perturbation] = {}
        for row in level.rows[: level.before_look]:
            if paid(row) not in self._asked:
                rows.setdefault(paid(row), row)
        return [row.model_copy(update={"round": self._rounds}) for row in rows.values()]

    def _go_on(self) -> bool:
        """Whether the current level has more rows, and they are worth asking."""
        level = self._levels[-1]
        if level.before_look == len(level.rows) or self._settled(level):
            return False
        level.looks += 1
        return True

    def _settled(self, level: Level) -> bool:
        """Whether the rows so far leave nothing to find: no shift, or no interval of any width."""
        reading, index = self._read(), self._levels.index(level)
        known = [shift for shift in reading.changes[index] if shift is not None]
        if len(known) < len(self._rows(level)):
            return False
        if reading.no_variation:
            return True
        with threadpool_limits(limits=1, user_api="blas"):
            return precise(level.segments, self._rows(level), known, self._seed(index))

    def _rows(self, level: Level) -> list[Perturbation]:
        """The level's rows that count: up to the first that was not asked.

        A later row may have its answer from a row with the same text; counting it for that
        would choose rows by what they leave out.
        """
        if level.exact:
            return level.rows
        return list(takewhile(lambda row: paid(row) in self._asked, level.rows))

    def _seed(self, index: int) -> list[int]:
        return [self._settings.seed, index]

    def _hopeless(self) -> bool:
        """Whether the unperturbed prompt failed, or gives something else than was logged."""
        if any(paid(row) not in self._responses for row in self._planner.baselines):
            return False
        reading = self._read()
        return reading.baseline is None or (
            reading.baseline > MAX_BASELINE_CHANGE and not reading.baseline_reproduced
        )

    def _next_level(self) -> bool:
        """Plans a finer partition of what matters, where calls and finer segments are left."""
        calls = self._settings.budget - len(self._asked)
        if not self._planner.refinable(calls) or self._read().no_variation:
            return False
        return self._planner.refine(self._find(self._levels[-1]).effects, calls)

    @property
    def _levels(self) -> list[Level]:
        return self._planner.levels

    # -- solving --------------------------------------------------------------------------------

    def result(self) -> Explanation:
        """The Explanation from what was told so far.

        `cost.target_calls` counts the responses; who drove the study knows the rest.
        """
        reading = self._read()
        found = [self._find(level) for level in self._levels]
        shown, fidelity = judge(found, reading)
        segments, coarser = join([of.attributions() for of in found[:shown]])
        together = found[shown - 1].interactions() if fidelity.status == "reliable" else ()
        return Explanation(
            messages=self._prompted.messages,
            form=self._prompted.form,
            answer=self._answer,
            part=self._part,
            signal=self.signal,
            segments=segments,
            coarser=coarser,
            interactions=together,
            fidelity=fidelity,
            cost=Cost(target_calls=len(self._responses)),
            summary=summarize(
                segments,
                fidelity,
                coarser=coarser,
                together=together,
                part=self._part and self._answer[slice(*self._part)],
            ),
            perturbations=self._observations(reading, found),
            partitions=tuple(tuple(s.key for s in level.segments) for level in self._levels),
            settings=self._settings,
        )

    def _read(self) -> ResponseScores:
        rows = [
            [(row, self._responses.get(paid(row))) for row in self._rows(level)]
            for level in self._levels
        ]
        return read(
            rows, self.signal, self._shift, deterministic=self._deterministic, part=self._part
        )

    def _find(self, level: Level) -> LevelFindings:
        index = self._levels.index(level)
        reading = self._read()
        # One thread: for matrices this small many cost ten times as much, and the order of
        # their sums would decide the last digits.
        with threadpool_limits(limits=1, user_api="blas"):
            return find(
                level.segments,
                self._rows(level),
                reading.changes[index],
                floor=reading.noise_floor,
                exact=level.exact,
                deterministic=self._deterministic,
                embed=self._embed,
                seed=self._seed(index),
            )

    def _observations(
        self, reading: ResponseScores, found: Sequence[LevelFindings]
    ) -> tuple[Observation, ...]:
        return tuple(
            Observation(
                kind=row.kind,
                mask=row.mask,
                keep_probability=row.keep_probability,
                locality=weight,
                replicate=row.replicate,
                level=row.level,
                round=row.round,
                fixed=row.fixed,
                text_hash=row.text_hash,
                response=response.text,
                shift=shift,
                failure=response.failure,
            )
            for level, changes, of in zip(self._levels, reading.changes, found, strict=True)
            for row, shift, weight in zip(self._rows(level), changes, of.locality, strict=True)
            if (response := self._responses.get(paid(row))) is not None
        )
