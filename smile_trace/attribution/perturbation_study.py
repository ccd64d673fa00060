"""The study of one model: the default one."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain, takewhile

import numpy as np

from smile_trace.attribution.answer_change.distances import Distance
from smile_trace.attribution.answer_change.response_scores import (
    ResponseScores,
    Row,
    answer_words,
    score_responses,
    unseen_share,
)
from smile_trace.attribution.answer_change.text_comparison import scorable, text_comparison
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.design.masks import MOST_CALLS, confirmation_of
from smile_trace.attribution.design.planner import (
    MIN_LEVEL_CALLS,
    CallKey,
    Level,
    Planner,
    call_key,
    repeats,
)
from smile_trace.attribution.estimation.findings import LevelFindings, find, precise
from smile_trace.attribution.estimation.first_place import nearness
from smile_trace.attribution.estimation.further_calls import further_calls, further_rows
from smile_trace.attribution.estimation.gaussian_process import WarpedProcessSolver
from smile_trace.attribution.estimation.inference import DEFAULT_SOLVER, at_most
from smile_trace.attribution.estimation.interactions import Pair
from smile_trace.attribution.estimation.solver import Array, Solver
from smile_trace.attribution.one_thread import one_thread
from smile_trace.attribution.reporting.moved_fields import moved_fields
from smile_trace.attribution.reporting.segments import join, observations
from smile_trace.attribution.reporting.summary import summarize
from smile_trace.attribution.reporting.verdict import (
    CONVINCING,
    first_place,
    judge,
    settled,
    status_of,
    unchanged,
)
from smile_trace.attribution.segmentation.partitioner import Partitioner, Segmentation
from smile_trace.attribution.segmentation.units import AnyUnit
from smile_trace.attribution.study import Answered
from smile_trace.attribution.word_vectors import Embed, embed_words
from smile_trace.records import (
    Cost,
    Explanation,
    ExplanationSettings,
    FieldChange,
    Note,
    Observation,
    Perturbation,
    Prompted,
    Response,
    Signal,
)
from smile_trace.records.formats.answers import read_tool_calls

ROUND = 16
"""Perturbations of one round, at most: small enough to show progress and to run in parallel."""

NEARLY = 1.5
"""What so many times the calls that are left would settle comes before what is finer."""

REDUCED = 2
"""Calls that are kept back for the prompt reduced to what matters."""


class PerturbationStudy:
    """The attributions of one logged answer, by asking the same prompt with segments removed.

    A `Study`. More segments than the budget allows are asked coarse to fine.

    Args:
        prompted: the exact messages, and the templates rendered into them.
        settings: unit, budget (perturbations asked, the baselines included), distance and seed.
        answer: the logged answer.
        signal: compare texts, or the probability of the logged answer (`Response.logprobs`
            from `ScoringModel.score`). An empty answer, and one that is calls of tools, is always
            compared as text.
        protect: role names, exact texts or patterns that are never removed.
        deterministic: whether the same request gives the same answer.
        remote: whether the model is on another machine.
        embed: word vectors, by default the packaged ones; a `VectorTable` for those of an
            embedding model.
        distance: of the word vectors of two answers, by default that of `settings.distance`.
        part: the characters of the answer that are explained (`find_answer_span`); None for all.
        unit: a pattern or own spans, in place of the settings' unit.
        partitioner: partitions the prompt, by default by `unit` and `protect`.
        notes: what is known of the request and is said beside the explanation.
        solver: fits the attributions and is scored on held-out rows; by default a Gaussian
            process of the answer change, of probabilities without noise a warped one.

    Raises:
        CannotExplain: nothing can be removed from this prompt.
        ValueError: the settings name an unknown unit or distance.
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
        partitioner: Partitioner | None = None,
        notes: Sequence[Note] = (),
        solver: Solver | None = None,
    ) -> None:
        self.prompted = prompted
        self.answer = answer
        self.signal: Signal = signal if scorable(answer) else "text"
        self._settings = settings
        self._deterministic = deterministic
        self._embed = embed or embed_words
        self._part = part
        self._notes = tuple(notes)
        self._ranks_by_nearness = solver is None and self.signal == "text"
        without_noise = self.signal == "probability" and deterministic
        self._solver = solver or (WarpedProcessSolver() if without_noise else DEFAULT_SOLVER)
        self._text_change = text_comparison(
            answer, embed, distance or settings.distance, part, cut=prompted.answer_cut
        )
        self._planner = Planner(
            prompted,
            partitioner or Segmentation(prompted, settings.unit if unit is None else unit, protect),
            settings,
            replicates=min(repeats(prompted, deterministic, remote), settings.budget),
            deterministic=deterministic,
        )
        self._asked: dict[CallKey, None] = {}
        self._responses: dict[CallKey, Response] = {}
        self._rounds = 0
        reduced = REDUCED if deterministic else 0
        self._kept_back = min(MOST_CALLS + reduced, settings.budget // 5)
        self._found: dict[tuple[int, int, float], LevelFindings] = {}

    @property
    def proxy_signal(self) -> Signal:
        """The same: no proxy is asked."""
        return self.signal

    # -- asking ---------------------------------------------------------------------------------

    def ask(self) -> list[Perturbation]:
        """The next round, at most ROUND perturbations; [] when the study is finished."""
        if self._baseline_failed() and not self._ask_baseline_again():
            return []
        waiting = self._waiting()
        while not waiting and (self._goes_on() or self._confirms() or self._goes_beyond()):
            waiting = self._waiting()
        unperturbed = [row for row in waiting if row.kind == "baseline"]
        chosen = unperturbed or waiting[:ROUND]
        self._asked.update(dict.fromkeys(map(call_key, chosen)))
        self._rounds += bool(chosen)
        return chosen

    def texts(self, pairs: Sequence[Answered] = ()) -> list[str]:
        """The texts of all segments; comparing texts, the words of the answers."""
        segments = [segment.text for level in self._levels for segment in level.segments]
        return [*segments, *answer_words(self._text_change, self.signal, pairs)]

    def tell(self, pairs: Iterable[Answered]) -> None:
        """See `Study.tell`."""
        for perturbation, response in pairs:
            if call_key(perturbation) not in self._asked:
                raise ValueError("tell() takes only the perturbations that ask() gave.")
            self._responses[call_key(perturbation)] = response
        self._found.clear()

    def _waiting(self) -> list[Perturbation]:
        """The rows of the current level that have to be asked, each text and replicate once."""
        level = self._levels[-1]
        rows: dict[CallKey, Perturbation] = {}
        beside = *self._planner.sparse, *self._planner.confirming_rows
        coarser = [row for one in self._levels[:-1] for row in one.rows]
        for row in (*coarser, *level.rows[: self._before_look], *beside):
            if call_key(row) not in self._asked:
                rows.setdefault(call_key(row), row)
        return [row.model_copy(update={"round": self._rounds}) for row in rows.values()]

    @property
    def _before_look(self) -> int:
        """How many rows of the current level are asked before the next look: no more than leave
        calls for what may have to be asked besides."""
        level = self._levels[-1]
        if self._may_need_sparse:
            return min(level.before_look, self._planner.before_sparse)
        if self._kept_back and not level.exact:
            return min(level.before_look, self._planner.leaving(self._kept_back))
        return level.before_look

    @property
    def _may_need_sparse(self) -> bool:
        """Whether nothing moved or failed so far, and sparse rows would tell more."""
        planned = self._levels[-1].exact or self._planner.sparse
        return not planned and unchanged(self._scores())

    def _goes_on(self) -> bool:
        """Whether there is more to ask: on a finer level, or on this one."""
        level = self._levels[-1]
        scores, index = self._scores(), self._levels.index(level)
        complete = None not in scores.changes[index]
        if complete and scores.no_variation:
            return self._planner.add_sparse()
        if self._may_need_sparse and self._planner.before_sparse < level.before_look:
            return self._planner.add_sparse()
        if scores.only_sparse_moved:
            self._planner.halve_rest(self._rows(level), self._calls_left)
        ends = level.before_look == len(level.rows)
        settled = ends or (complete and self._settled(level))
        if (settled or level.may_refine) and (self._settles_open() or self._next_level()):
            return True
        if ends and self._spends_rest():
            return True
        level.looks += not settled
        return not settled

    @property
    def _calls_left(self) -> int:
        return self._planner.budget - len(self._asked)

    def _settles_open(self) -> bool:
        """Plans more rows of the coarsest level that was ended with a part open which the calls
        that are left may settle."""
        calls = self._calls_left - self._kept_back
        for index, level in enumerate(self._levels):
            if not self._ended(level) or calls <= 0:
                continue
            wanted = self._to_settle(index, calls, round(NEARLY * calls))
            if wanted and self._planner.resume(index, wanted):
                return True
            if self._asks_for_untold(index, calls):
                return True
        return False

    def _spends_rest(self) -> bool:
        """Plans the calls that are left on the coarsest level with an open part."""
        calls = self._calls_left - self._kept_back
        return calls > 0 and any(
            self._ended(level)
            and further_rows(self._find(level))
            and self._planner.resume(index, calls)
            for index, level in enumerate(self._levels)
        )

    def _ended(self, level: Level) -> bool:
        """Whether all of its rows were asked."""
        return len(self._rows(level)) == len(level.rows)

    def _to_settle(self, index: int, calls: int, within: int) -> int:
        """How many of these calls would settle, or help to, what open parts of a level can be
        settled `within` so many; 0 for none."""
        if calls <= 0:
            return 0
        found = self._find(self._levels[index])
        rows = further_rows(found, told=self._told(index))
        return min(max((wanted for wanted in rows if wanted <= within), default=0), calls)

    def _goes_beyond(self) -> bool:
        """Plans as many further calls as would settle what is open, where more are allowed; no
        more than were asked, after which it is known better."""
        most = self._settings.until_settled or 0
        wanted = [max(further_rows(self._find(level)), default=0) for level in self._levels]
        calls = min(max(wanted), len(self._asked), most - len(self._asked))
        if calls <= 0:
            return False
        self._planner.budget = len(self._asked) + calls
        return self._planner.resume(wanted.index(max(wanted)), calls)

    def _confirms(self) -> bool:
        """Whether calls were kept back until all else is asked: for masks that confirm pairs, for
        those that tell what no other could, and for the level's last rows where none needs them."""
        if not self._kept_back:
            return False
        kept_back, self._kept_back = self._kept_back, 0
        level = self._levels[-1]
        if not level.exact:
            known = zip(self._rows(level), self._scores().changes[-1], strict=True)
            rows = [(row, change) for row, change in known if change is not None]
            pairs = sorted(self._find(level).pairs, key=lambda pair: -abs(pair.value))
            wanted = (confirmation_of(pair, level.free, rows) for pair in pairs)
            confirming = min(kept_back, MOST_CALLS)
            self._planner.add_confirming(filter(None, wanted), self._asked.keys(), confirming)
            kept_back -= len(self._planner.confirming_rows)
        for index in reversed(range(len(self._levels))):
            kept_back -= self._asks_for_untold(index, kept_back)
        return True

    def _asks_for_untold(self, index: int, calls: int) -> int:
        """Plans rows that tell what no mask could, in so many calls; how many calls.

        Where an effect is excluded but for parts that no mask removed together: the prompt
        reduced to what is named and what is open, and to what is named. If all of the rest is not
        needed, no two of it are. Where answers vary, random masks say more in two calls.
        """
        found = self._find(self._levels[index])
        if not (self._deterministic and any(found.untold)) or calls < 1:
            return 0
        free = np.array(self._levels[index].free)
        named = ~free | found.significant | np.array(found.fails_without or ~free)
        inside = at_most(found.low, found.high) < found.limit
        also_open = named | ~(inside | np.array(found.untold))
        masks = [tuple(map(bool, retained)) for retained in (also_open, named)]
        return self._planner.add_reduced(index, masks, calls)

    def _confirmed(self, scores: ResponseScores) -> list[Pair]:
        """The pairs of the last level that fresh masks have confirmed."""
        answered = iter(scores.confirming)
        changes = [
            (one.confirmation, [[next(answered) for _ in of_mask] for of_mask in one.rows])
            for one in self._planner.confirming
        ]
        return [confirmation.pair for confirmation, of in changes if confirmation.holds(of)]

    def _settled(self, level: Level) -> bool:
        """Whether more rows would add nothing: every interval is narrow, and it is reliable."""
        scores, index = self._scores(), self._levels.index(level)
        rows = self._rows(level)
        known = [change for change in scores.changes[index] if change is not None]
        with one_thread():
            narrow = precise(level.segments, rows, known, self._seed(index), self._solver)
        if not narrow or status_of(self._find(level), scores) != "reliable":
            return False
        return not (self._told(index) and any(self._find(level).untold))

    def _told(self, index: int) -> bool:
        """Whether the reduced prompts of a level were asked, which tell no more."""
        return any(row.level == index for row in self._planner.sparse)

    def _rows(self, level: Level) -> list[Perturbation]:
        """The level's rows that count: up to the first that was not asked.

        A later row may have its answer from a row with the same text; counting it would select
        rows by their masks.
        """
        if level.exact:
            return level.rows
        return list(takewhile(lambda row: call_key(row) in self._asked, level.rows))

    def _seed(self, index: int) -> list[int]:
        return [self._settings.seed, index]

    def _baseline_failed(self) -> bool:
        """Whether the unperturbed prompt failed, or gives another answer than was logged."""
        if any(call_key(row) not in self._responses for row in self._planner.baselines):
            return False
        return self._scores().baseline_failed

    def _ask_baseline_again(self) -> bool:
        """Plans it once more where its calls failed, as any other call is retried."""
        unanswered = self._scores().baseline is None
        return unanswered and self._planner.add_baseline()

    def _next_level(self) -> bool:
        """Plans a finer partition of the segments with an effect.

        Only where the level is reliable or has a sure part, and enough calls are left. Of a model
        that varies it needs a significant segment: fewer rows would have to find what its own
        have not.
        """
        level, calls = self._levels[-1], self._calls_left
        if not self._planner.refinable(calls) or self._scores().no_variation:
            return False
        found = self._find(level)
        if wanted := self._to_settle(len(self._levels) - 1, calls, calls):
            if len(self._levels) > 1:
                return False
            calls = max(calls - wanted, calls // 2, min(calls, 2 * MIN_LEVEL_CALLS))
        if status_of(found, self._scores()) not in CONVINCING:
            return False
        if not self._deterministic and not any(found.significant):
            return False
        return self._planner.refine(found.effects, calls, self._rows(level))

    @property
    def _levels(self) -> list[Level]:
        return self._planner.levels

    @property
    def first_level(self) -> Level:
        """The coarsest partition, with all rows that are planned for it."""
        return self._levels[0]

    @property
    def perturbed_rows(self) -> list[Perturbation]:
        """The rows of the first level without the unperturbed prompt's."""
        return [row for row in self.first_level.rows if row.kind != "baseline"]

    # -- solving --------------------------------------------------------------------------------

    def result(self) -> Explanation:
        """The Explanation from the responses so far; `cost.target_calls` counts them."""
        scores = self._scores()
        found = [self._find(level) for level in self._levels]
        shown, fidelity = judge(found, scores)
        segments, coarser = join([of.attributions() for of in found[:shown]])
        finest = found[shown - 1]
        reliable = fidelity.status == status_of(finest, scores) == "reliable"
        confirmed = self._confirmed(scores) if shown == len(found) else ()
        interactions = finest.interactions(confirmed) if reliable else ()
        fields = self._moved_fields(found[:shown])
        limit = self._settings.smallest_effect
        fidelity = fidelity.model_copy(
            update={
                "further_calls": further_calls(found[:shown], len(self._responses))
                if fidelity.reproduced
                else None,
                "unseen": self._unseen(),
            }
        )
        fidelity = settled(fidelity, segments, coarser, interactions, limit=limit)
        first = first_place(finest, fidelity)
        return Explanation(
            messages=self.prompted.messages,
            form=self.prompted.form,
            answer=self.answer,
            answer_cut=self.prompted.answer_cut,
            part=self._part,
            signal=self.signal,
            segments=segments,
            coarser=coarser,
            interactions=interactions,
            fields=fields,
            first=first,
            fidelity=fidelity,
            cost=Cost(target_calls=len(self._responses)),
            summary=summarize(
                segments,
                fidelity,
                coarser=coarser,
                interactions=interactions,
                fields=fields,
                first=first,
                same_texts=scores.same_texts,
                part=self._part and self.answer[slice(*self._part)],
                limit=limit,
            ),
            perturbations=self._observations(scores, found),
            partitions=tuple(tuple(s.key for s in level.segments) for level in self._levels),
            settings=self._settings,
            notes=self._notes,
        )

    def _unseen(self) -> float:
        """The share of the distinct answers that count as unchanged although their words differ;
        0 where only a part is compared, or not as a text."""
        if self._part is not None or self.signal != "text" or read_tool_calls(self.answer):
            return 0.0
        texts = [r.text for r in self._responses.values() if r.ok and r.text]
        return unseen_share(self.answer, texts, self._text_change.changes(texts))

    def _moved_fields(self, shown: Sequence[LevelFindings]) -> tuple[FieldChange, ...]:
        """Of a JSON answer that is compared as text and as a whole."""
        if self._part is not None or self.signal != "text":
            return ()
        with one_thread():
            return tuple(
                change
                for index, (level, found) in enumerate(zip(self._levels, shown, strict=False))
                for change in moved_fields(
                    self.answer, self._level_rows(level), found, self._seed(index)
                )
            )

    def _level_rows(self, level: Level) -> list[Row]:
        return self._with_responses(self._rows(level))

    @property
    def _sparse_rows(self) -> list[Row]:
        return self._with_responses(self._planner.sparse)

    @property
    def _confirming_rows(self) -> list[Row]:
        return self._with_responses(self._planner.confirming_rows)

    def _with_responses(self, rows: Iterable[Perturbation]) -> list[Row]:
        return [(row, self._responses.get(call_key(row))) for row in rows]

    def _scores(self) -> ResponseScores:
        return score_responses(
            [self._level_rows(level) for level in self._levels],
            self.signal,
            self._text_change,
            deterministic=self._deterministic,
            part=self._part,
            sparse=self._sparse_rows,
            confirming=self._confirming_rows,
        )

    def _find(self, level: Level) -> LevelFindings:
        index, rows = self._levels.index(level), self._rows(level)
        what = index, len(rows), level.error_rate
        if what not in self._found:
            self._found[what] = self._estimated(index, rows)
        return self._found[what]

    def _estimated(self, index: int, rows: list[Perturbation]) -> LevelFindings:
        level, scores = self._levels[index], self._scores()
        with one_thread():
            return find(
                level.segments,
                rows,
                scores.changes[index],
                floor=scores.noise_floor,
                exact=level.exact,
                deterministic=self._deterministic,
                embed=self._embed,
                seed=self._seed(index),
                failed=scores.failed[index],
                unseen=scores.only_sparse_moved,
                beside=self._answered_beside(index, scores),
                solver=self._solver,
                rate=level.error_rate,
                near=self._nearness(level) if self._ranks_by_nearness else None,
                limit=self._settings.smallest_effect,
            )

    def _nearness(self, level: Level) -> Array:
        explained = self.answer if self._part is None else self.answer[slice(*self._part)]
        return nearness([segment.text for segment in level.segments], explained)

    def _answered_beside(
        self, index: int, scores: ResponseScores
    ) -> list[tuple[Perturbation, float]]:
        """The answered rows of a level that are in no estimate, with their changes."""
        rows = *self._planner.sparse, *self._planner.confirming_rows
        changes = *scores.sparse, *scores.confirming
        known = zip(rows, changes, strict=True)
        return [(row, y) for row, y in known if row.level == index and y is not None]

    def _observations(
        self, scores: ResponseScores, found: Sequence[LevelFindings]
    ) -> tuple[Observation, ...]:
        groups = [
            (self._level_rows(level), changes, findings.locality)
            for level, changes, findings in zip(self._levels, scores.changes, found, strict=True)
        ]
        groups += [
            (rows, changes, (None,) * len(rows))
            for rows, changes in (
                (self._sparse_rows, scores.sparse),
                (self._confirming_rows, scores.confirming),
            )
        ]
        scored, of_part = self.signal == "probability", self._part is not None
        return tuple(
            chain.from_iterable(
                observations(*group, scored=scored, of_part=of_part) for group in groups
            )
        )
