"""One explanation under way: ask and tell, so that paying for calls is apart from solving."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from smile_trace.attribution import masks
from smile_trace.attribution.distances import Distance
from smile_trace.attribution.findings import LevelFindings, find
from smile_trace.attribution.perturbing import Perturber
from smile_trace.attribution.reading import Reading, read
from smile_trace.attribution.segmentation import Segmentation
from smile_trace.attribution.shift import TextShift
from smile_trace.attribution.summary import summarize
from smile_trace.attribution.vectors import Embed, embed_words
from smile_trace.attribution.verdict import judge
from smile_trace.records import (
    Cost,
    Explanation,
    ExplanationSettings,
    Observation,
    Perturbation,
    PerturbationKind,
    Prompted,
    Response,
    Segment,
    SegmentAttribution,
    Signal,
)

ROUND = 16
"""Perturbations of one round, at most: small enough to show progress and to run in parallel."""

SMALLEST_LEVEL = 12
"""Calls below which a partition is not worth asking about."""

UNREPEATABLE = 0.8
"""Shift of the unperturbed prompt's own answer beyond which asking on is wasted money."""

_Key = tuple[str, int]
"""What is paid for once: (hash of the text, replicate)."""


@dataclass
class Level:
    """One partition of the prompt and the rows that are asked about it, in order."""

    segments: tuple[Segment, ...]
    perturber: Perturber
    rows: list[Perturbation] = field(default_factory=list)
    exact: bool = False

    @property
    def free(self) -> tuple[bool, ...]:
        """Which segments may be left out."""
        return tuple(not segment.frozen for segment in self.segments)


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
        freeze: role names, exact texts or patterns that are never left out.
        deterministic: whether the same request gives the same answer.
        remote: whether somebody else's machine answers.
        embed: word vectors for the text shift; by default the packaged ones.
        distance: of two sets of word vectors (directions, unit length), in [0, 1], in place of
            the text shift's own.

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
        freeze: Sequence[str | re.Pattern[str]] = (),
        deterministic: bool,
        remote: bool,
        embed: Embed | None = None,
        distance: Distance | None = None,
    ) -> None:
        self.signal: Signal = signal if answer.strip() else "text"
        self._prompted = prompted
        self._settings = settings
        self._answer = answer
        self._deterministic = deterministic
        self._embed = embed or embed_words
        self._shift = TextShift(answer, self._embed, distance)
        self._segmentation = Segmentation(prompted, settings.unit, freeze)
        self._replicates = min(_baselines(prompted, deterministic, remote), settings.budget)
        self._levels: list[Level] = []
        self._asked: dict[_Key, None] = {}
        self._drawn: Counter[str] = Counter()
        self._responses: dict[_Key, Response] = {}
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
        if not self._levels:
            self._levels.append(self._first_level())
        elif self._hopeless():
            return []
        waiting = self._waiting()
        if not waiting and self._next_level():
            waiting = self._waiting()
        chosen = waiting[: self._replicates if not self._rounds else ROUND]
        self._asked.update(dict.fromkeys(map(_key, chosen)))
        self._rounds += bool(chosen)
        return chosen

    def tell(self, pairs: Iterable[tuple[Perturbation, Response]]) -> None:
        """Takes responses to asked perturbations, in any order; a failure is missing data.

        Raises:
            ValueError: a perturbation that this study did not ask about.
        """
        for perturbation, response in pairs:
            if _key(perturbation) not in self._asked:
                raise ValueError("tell() takes only the perturbations that ask() gave.")
            self._responses[_key(perturbation)] = response

    def _waiting(self) -> list[Perturbation]:
        """The rows of the current level that have to be asked, each text and replicate once."""
        rows = {_key(row): row for row in reversed(self._levels[-1].rows)}
        ordered = dict.fromkeys(map(_key, self._levels[-1].rows))
        return [
            rows[key].model_copy(update={"round": self._rounds})
            for key in ordered
            if key not in self._asked
        ]

    def _hopeless(self) -> bool:
        """Whether the unperturbed prompt failed, or gives something else than was logged."""
        if any(_key(row) not in self._responses for row in self._baselines):
            return False
        reading = self._read()
        return reading.baseline is None or (
            reading.baseline > UNREPEATABLE and not reading.given_back
        )

    @property
    def _baselines(self) -> list[Perturbation]:
        return self._levels[0].rows[: self._replicates]

    # -- planning -------------------------------------------------------------------------------

    def _first_level(self) -> Level:
        calls = self._settings.budget - self._replicates
        segments = self._segmentation.segments
        if sum(not s.frozen for s in segments) > max(self._settings.budget, SMALLEST_LEVEL):
            calls = max(calls // 2, min(calls, SMALLEST_LEVEL))
            segments = self._segmentation.coarse(max(calls, 2))
        level = Level(segments, Perturber(self._prompted, segments))
        for replicate in range(self._replicates):
            level.rows.append(
                self._row(level, "baseline", (True,) * len(segments), replicate=replicate)
            )
        self._fill(level, calls)
        return level

    def _next_level(self) -> bool:
        """Plans a finer partition of what matters, where calls and finer segments are left."""
        calls = self._settings.budget - len(self._asked)
        coarse = self._levels[-1]
        unit = self._segmentation.unit
        if calls < SMALLEST_LEVEL or all(s.unit == unit or s.frozen for s in coarse.segments):
            return False
        if self._read().still:
            return False
        chosen = self._promising(coarse, calls)
        segments = self._segmentation.refine(chosen, calls)
        if len(segments) <= len(chosen):
            return False
        if any(s.unit != unit for s in segments) and calls >= 2 * SMALLEST_LEVEL:
            calls //= 2
            segments = self._segmentation.refine(chosen, calls)
        level = Level(segments, Perturber(self._prompted, segments))
        self._levels.append(level)
        self._fill(level, calls)
        return bool(level.rows)

    def _promising(self, level: Level, calls: int) -> list[Segment]:
        """The segments with the largest effect, as many as can be looked at more finely."""
        found = self._find(level)
        free = [k for k, is_free in enumerate(level.free) if is_free]
        ranked = sorted(free, key=lambda k: -found.effects[k])
        largest = max(found.effects[ranked[0]], 0.0)
        chosen = ranked[:1]
        for k in ranked[1:]:
            more = [level.segments[j] for j in sorted([*chosen, k])]
            fits = self._segmentation.size(more) <= calls
            if found.effects[k] < largest / 3 or not fits:
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
        known = set(map(_key, (row for level in self._levels for row in level.rows)))
        known |= set(map(_key, level.rows))
        free, sendable = level.free, level.perturber.sendable
        if self._deterministic and 3 * sum(free) <= calls:
            for mask in masks.leave_one_out(free, sendable):
                row = self._row(level, "leave_one_out", mask)
                calls -= _key(row) not in known
                known.add(_key(row))
                level.rows.append(row)
        generator = np.random.default_rng([self._settings.seed, len(self._levels)])
        most = 4 * calls
        for mask, keep in masks.random_masks(free, sendable, generator):
            row = self._row(level, "random", mask, keep=keep)
            calls -= _key(row) not in known
            most -= 1
            if calls < 0 or most < 0:
                return
            known.add(_key(row))
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
            level=self._levels.index(level) if level in self._levels else len(self._levels),
            fixed=masks.fixed(mask, level.free, level.perturber.sendable),
        )
        if self._deterministic or kind == "baseline":
            self._drawn[row.text_hash] = max(self._drawn[row.text_hash], replicate + 1)
            return row
        again = self._drawn[row.text_hash]
        self._drawn[row.text_hash] += 1
        return row.model_copy(update={"replicate": again})

    # -- solving --------------------------------------------------------------------------------

    def result(self) -> Explanation:
        """The Explanation from what was told so far.

        `cost.target_calls` counts the responses; who drove the study knows the rest.
        """
        if not self._levels:
            self._levels.append(self._first_level())
        reading = self._read()
        found = [self._find(level) for level in self._levels]
        shown, fidelity = judge(found, reading)
        segments = self._attributions(found[:shown])
        return Explanation(
            messages=self._prompted.messages,
            form=self._prompted.form,
            answer=self._answer,
            signal=self.signal,
            segments=segments,
            fidelity=fidelity,
            cost=Cost(target_calls=len(self._responses)),
            summary=summarize(segments, fidelity),
            perturbations=self._observations(reading, found),
            partitions=tuple(tuple(s.key for s in level.segments) for level in self._levels),
            settings=self._settings,
        )

    def _read(self) -> Reading:
        rows = [
            [(row, self._responses.get(_key(row))) for row in level.rows] for level in self._levels
        ]
        return read(rows, self.signal, self._shift, deterministic=self._deterministic)

    def _find(self, level: Level) -> LevelFindings:
        index = self._levels.index(level)
        reading = self._read()
        # One thread: for matrices this small many cost ten times as much, and the order of
        # their sums would decide the last digits.
        with threadpool_limits(limits=1, user_api="blas"):
            return find(
                level.segments,
                level.rows,
                reading.shifts[index],
                floor=reading.noise_floor,
                exact=level.exact,
                deterministic=self._deterministic,
                embed=self._embed,
                seed=[self._settings.seed, index],
            )

    def _attributions(self, found: Sequence[LevelFindings]) -> tuple[SegmentAttribution, ...]:
        """The segments of the finest level that looked at them, in the order of the prompt."""
        shown: list[SegmentAttribution] = []
        for findings in found:
            inside = [(s.message, s.start, s.end) for s in findings.segments]
            shown = [
                s
                for s in shown
                if not any(m == s.message and s.start <= a and b <= s.end for m, a, b in inside)
            ]
            shown.extend(findings.attributions())
        return tuple(sorted(shown, key=lambda s: (s.message, s.start)))

    def _observations(
        self, reading: Reading, found: Sequence[LevelFindings]
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
            for level, shifts, of in zip(self._levels, reading.shifts, found, strict=True)
            for row, shift, weight in zip(level.rows, shifts, of.locality, strict=True)
            if (response := self._responses.get(_key(row))) is not None
        )


def _key(row: Perturbation) -> _Key:
    return row.text_hash, row.replicate


def _baselines(prompted: Prompted, deterministic: bool, remote: bool) -> int:
    """How often the unperturbed prompt is asked: a model that may vary has to show how much."""
    if deterministic:
        return 2 if remote else 1
    return 2 if prompted.parameters.get("temperature") == 0 else 3
