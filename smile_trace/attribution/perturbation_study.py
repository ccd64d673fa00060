"""The default study, which asks one model."""

import re
from collections.abc import Iterable, Mapping, Sequence

from smile_trace._text.json_fields import fields as json_fields
from smile_trace.attribution.answer_change.distances import Distance
from smile_trace.attribution.answer_change.response_scores import (
    ResponseScores,
    answer_words,
    unseen_share,
)
from smile_trace.attribution.answer_change.text_comparison import (
    TextComparison,
    only_content,
    scorable,
    text_comparison,
)
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.design.planner import CallKey, Level, Planner, call_key, repeats
from smile_trace.attribution.estimation.findings import LevelFindings
from smile_trace.attribution.estimation.solver import Solver
from smile_trace.attribution.known_answers import KnownAnswers, OfPart
from smile_trace.attribution.one_thread import one_thread
from smile_trace.attribution.remaining_calls import RemainingCalls, further_calls, why_unsettled
from smile_trace.attribution.reporting.citations import cited_documents
from smile_trace.attribution.reporting.moved_fields import moved_fields
from smile_trace.attribution.reporting.segments import join, open_inside
from smile_trace.attribution.reporting.summary import Subject, summarize
from smile_trace.attribution.reporting.verdict import (
    CONVINCING,
    final_fidelity,
    first_place,
    levels_shown,
    status_of,
)
from smile_trace.attribution.segmentation.citing import Cited, cited_in
from smile_trace.attribution.segmentation.partitioner import Partitioner, Segmentation
from smile_trace.attribution.segmentation.units import AnyUnit
from smile_trace.attribution.study import Answered
from smile_trace.attribution.word_vectors import Embed, embed_words
from smile_trace.records import (
    Cost,
    Explanation,
    ExplanationSettings,
    FieldChange,
    Interaction,
    Note,
    Perturbation,
    Prompted,
    Response,
    Segment,
    SegmentAttribution,
    Signal,
    Verdict,
)
from smile_trace.records.citation import in_sentence
from smile_trace.records.formats.answers import read_tool_calls
from smile_trace.records.verdicts import decided

ROUND = 16
"""The largest round: small enough to show progress and to run in parallel."""


class PerturbationStudy:
    """A `Study` of one logged answer that asks the same prompt with segments removed.

    More segments than the budget allows are asked coarse to fine.

    Args:
        prompted: the exact messages, and the templates rendered into them.
        settings: unit, budget (perturbations asked, the baselines included), distance and seed.
        signal: compare texts, or the probability of the logged answer (`Response.logprobs`). An
            empty answer, or one of tool calls, is always compared as text.
        protect: role names, exact texts or patterns that are never removed.
        deterministic: whether the same request gives the same answer.
        remote: whether the model is on another machine.
        embed: word vectors, by default the packaged ones; a `VectorTable` for an embedding model's.
        distance: of two answers' word vectors, by default that of `settings.distance`.
        part: the characters of the answer that are explained (`find_answer_span`); None for all.
        unit: a pattern or own spans, in place of the settings' unit.
        partitioner: partitions the prompt, by default by `unit` and `protect`.
        notes: facts about the request that accompany the explanation.
        target: measures answers with regard to what they should have been, in place of comparing
            texts; then `signal`, `distance` and `part` do not count.
        solver: fits the attributions and is scored on held-out rows; by default a Gaussian process,
            warped for probabilities without noise.

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
        target: TextComparison | None = None,
        solver: Solver | None = None,
    ) -> None:
        self.prompted = prompted
        self.answer = answer
        self.signal: Signal = signal if scorable(answer) and target is None else "text"
        self.proxy_signal = self.signal  # no proxy is asked
        self._settings = settings
        self._part = part
        self._notes = tuple(notes)
        self._distance = distance or settings.distance
        self._embed = embed
        self._as_logged = self.signal == "text" and target is None
        self.by_content = self._as_logged and only_content(answer, self._distance, part)
        self._text_change = target or self._compared(part)
        unit = settings.unit if unit is None else unit
        self.partitioner = partitioner or Segmentation(prompted, unit, protect)
        self._planner = Planner(
            prompted,
            self.partitioner,
            settings,
            replicates=min(repeats(prompted, deterministic, remote), settings.budget),
            deterministic=deterministic,
        )
        self._known = KnownAnswers(
            self._planner,
            settings,
            explained=answer if part is None else answer[slice(*part)],
            text_change=self._text_change,
            signal=self.signal,
            part=part,
            deterministic=deterministic,
            embed=embed or embed_words,
            solver=solver,
        )
        whole = part is None and target is None
        self._cited = cited_in(prompted) if whole else Cited()
        self._of_sentences: dict[AnswerSpan, KnownAnswers] = {}
        self._remaining = RemainingCalls(
            self._known,
            settings.until_settled or 0,
            lambda: (self._of_part(sentence.span).found for sentence in self._cited.sentences),
        )
        self._rounds = 0

    # -- asking ---------------------------------------------------------------------------------

    def ask(self) -> list[Perturbation]:
        """The next round, at most ROUND perturbations; [] when the study is finished."""
        if self._baseline_failed() and not self._ask_baseline_again():
            return []
        waiting = self._waiting()
        while not waiting and self._remaining.plan_more():
            waiting = self._waiting()
        unperturbed = [row for row in waiting if row.kind == "baseline"]
        chosen = unperturbed or waiting[:ROUND]
        self._known.asked.update(dict.fromkeys(map(call_key, chosen)))
        self._rounds += bool(chosen)
        return chosen

    def texts(self, pairs: Sequence[Answered] = ()) -> list[str]:
        """The texts of all segments and, if texts are compared, the words of the answers."""
        segments = [segment.text for level in self._levels for segment in level.segments]
        return [*segments, *answer_words(self._text_change, self.signal, pairs)]

    def tell(self, pairs: Iterable[Answered]) -> None:
        """See `Study.tell`."""
        for perturbation, response in pairs:
            self._known.take(perturbation, response)

    def compare(self, response: Response) -> None:
        """Compare a response as it arrives, in the time that others take, so that `ask()` need not;
        it counts once it is told."""
        if self.signal == "text" and response.ok:
            self._text_change.changes([response.text or ""])

    def _waiting(self) -> list[Perturbation]:
        level = self._levels[-1]
        rows: dict[CallKey, Perturbation] = {}
        beside = *self._planner.sparse, *self._planner.confirming_rows
        coarser = [row for one in self._levels[:-1] for row in one.rows]
        for row in (*coarser, *level.rows[: self._remaining.before_look], *beside):
            if call_key(row) not in self._known.asked:
                rows.setdefault(call_key(row), row)
        return [row.model_copy(update={"round": self._rounds}) for row in rows.values()]

    def _baseline_failed(self) -> bool:
        if any(call_key(row) not in self._known.responses for row in self._planner.baselines):
            return False
        return self._known.scores().baseline_failed

    def _ask_baseline_again(self) -> bool:
        unanswered = self._known.scores().baseline is None
        return unanswered and self._planner.add_baseline()

    @property
    def _levels(self) -> list[Level]:
        return self._planner.levels

    @property
    def first_level(self) -> Level:
        """The coarsest partition, with all rows that are planned for it."""
        return self._levels[0]

    def _compared(self, part: AnswerSpan | None) -> TextComparison:
        return text_comparison(
            self.answer, self._embed, self._distance, part, cut=self.prompted.answer_cut
        )

    # -- solving --------------------------------------------------------------------------------

    @property
    def partitions(self) -> int:
        """How many partitions of the prompt were planned."""
        return len(self._planner.with_closing)

    @property
    def reproduced(self) -> bool:
        """Whether the unperturbed prompt still gives the logged answer."""
        return self._known.scores().baseline_reproduced

    def outermost_effects(self) -> list[tuple[Segment, float]]:
        """The free segments that are inside no other, each with its effect."""
        found = map(self._known.find, self._levels[: self._planner.outermost])
        return [
            (segment, float(effect))
            for of in found
            for segment, effect in zip(of.segments, of.effects, strict=True)
            if not segment.protected
        ]

    def behind(self, part: AnswerSpan) -> tuple[Sequence[SegmentAttribution], frozenset[str]]:
        """The segments of the first partition, measured by a part of the answer alone, with the
        same rows and responses; and the keys of those that it needs."""
        told, limit = self._of_part(part), self._settings.smallest_effect
        found = told.found.attributions()
        segments = decided(
            _in_doubt(found, _in_other_words(found, told.lost, limit)),
            told.found.interactions(()),
            conclusive=told.status != "inconclusive",
            limit=limit,
        )
        pairs = zip(segments, told.needed, strict=True)
        needed = frozenset(segment.key for segment, is_needed in pairs if is_needed)
        return [_that_matters(segment, limit) for segment in segments], needed

    def _of_part(self, part: AnswerSpan) -> OfPart:
        if part not in self._of_sentences:
            text = self.answer[slice(*part)]
            self._of_sentences[part] = self._known.of_part(part, self._compared(part), text)
        return self._of_sentences[part].first_level()

    def result(self, subject: Subject | None = None) -> Explanation:
        """The Explanation from the responses so far; `cost.target_calls` counts them. `subject`:
        what the summary is about, by default the explained part of the answer."""
        subject = subject or Subject.of_part(self.answer, self._part)
        scores = self._known.scores()
        findings = [self._known.find(level) for level in self._levels]
        outermost = self._planner.outermost
        shown, fidelity = levels_shown(findings, scores, outermost)
        segments, coarser = join([of.attributions() for of in findings[:shown]])
        levels = enumerate(findings[:shown])
        reliable = [(k, level) for k, level in levels if status_of(level, scores) == "reliable"]
        pairs: tuple[Interaction, ...] = ()
        if self._planner.closing is not None:
            greyed = self._known.greyed()
            segments, pairs = greyed.opened(), greyed.pairs()
        limit = self._settings.smallest_effect
        lost = self._known.least_lost_in_its_words()
        doubt = _in_other_words((*segments, *coarser), lost, limit)
        segments, coarser = (_in_doubt(of, doubt) for of in (segments, coarser))
        segments, coarser = (open_inside(of, coarser, limit) for of in (segments, coarser))
        interactions: tuple[Interaction, ...] = ()
        if fidelity.status == "reliable":
            every = (*self._interactions(reliable, scores), *pairs)
            interactions = tuple({(p.kind, p.first, p.second): p for p in every}.values())
        field_count = len(json_fields(self.answer))
        fields = self._moved_fields(findings[:shown]) if field_count > 1 else ()
        fidelity = fidelity.model_copy(
            update={
                "further_calls": further_calls(
                    findings[:shown], len(self._known.responses), self._known.times
                )
                if fidelity.reproduced
                else None,
                "unseen": self._unseen(),
            }
        )
        sure = interactions or any(s.significant for s in (*segments, *coarser))
        if doubt and not sure and fidelity.status in CONVINCING:
            reason = f"{_MAY_TELL_OTHERWISE}; {_WHAT_TELLS}."
            fidelity = fidelity.model_copy(update={"status": "inconclusive", "reason": reason})
        fidelity = final_fidelity(
            fidelity,
            segments,
            coarser,
            interactions,
            limit=limit,
            of=subject.of,
            another=bool(self.prompted.left_out) and not scores.as_logged,
        )
        reworded = self._known.reworded(levels=shown)
        if fidelity.status == "reliable" and _only_drivers(segments, reworded, limit):
            fidelity = fidelity.model_copy(update={"status": "partial"})
        why = [why_unsettled(findings[:shown])] + [_MAY_TELL_OTHERWISE] * bool(doubt)
        why += [_MAY_TELL_THE_SAME] * bool(reworded)
        if fidelity.status in CONVINCING and any(why):
            reason = "; ".join([fidelity.reason[:-1], *filter(None, why)])
            fidelity = fidelity.model_copy(update={"reason": f"{reason}."})
        first = first_place(_finest(findings[:shown], outermost), fidelity)
        citations = tuple(cited_documents(self._cited, self.behind))
        summary = summarize(
            segments,
            fidelity,
            messages=self.prompted.messages,
            coarser=coarser,
            interactions=interactions,
            without_both=[pair for _, level in reliable for pair in level.without_both()],
            fields=fields,
            tools=[call.name for call in read_tool_calls(self.answer) or ()],
            field_count=field_count,
            first=first,
            unopened=self._planner.unopened,
            reworded=reworded,
            same_texts=scores.same_texts,
            by_content=self.by_content,
            subject=subject,
            limit=limit,
        )
        return Explanation(
            messages=self.prompted.messages,
            form=self.prompted.form,
            answer=self.answer,
            answer_cut=self.prompted.answer_cut,
            answer_part=self._part,
            signal=self.signal,
            segments=segments,
            coarser=coarser,
            interactions=interactions,
            fields=fields,
            citations=citations,
            first=first,
            fidelity=fidelity,
            cost=Cost(target_calls=len(self._known.responses)),
            summary=" ".join(filter(None, (summary, in_sentence(citations, self.answer)))),
            perturbations=self._known.observations(scores, findings),
            partitions=tuple(
                tuple(s.key for s in level.segments) for level in self._planner.with_closing
            ),
            settings=self._settings,
            notes=self._notes,
        )

    def _interactions(
        self, levels: Sequence[tuple[int, LevelFindings]], scores: ResponseScores
    ) -> tuple[Interaction, ...]:
        """The pairs of these levels, each with its index."""
        return tuple(
            pair
            for index, level in levels
            for pair in level.interactions(self._known.confirmed(scores, index))
        )

    def _unseen(self) -> float:
        """The share of distinct answers that count as unchanged although their words differ."""
        whole = self._part is None and self._as_logged
        if not whole or read_tool_calls(self.answer):
            return 0.0
        texts = [r.text for r in self._known.responses.values() if r.ok and r.text]
        return unseen_share(self.answer, texts, self._text_change.changes(texts))

    def _moved_fields(self, shown: Sequence[LevelFindings]) -> tuple[FieldChange, ...]:
        """The moved fields of a JSON answer that is compared as text and as a whole."""
        if self._part is not None or not self._as_logged:
            return ()
        with one_thread():
            return tuple(
                change
                for index, (level, found) in enumerate(zip(self._levels, shown, strict=False))
                for change in moved_fields(
                    self.answer,
                    self._known.answered(level),
                    found,
                    self._known.seed(index),
                    beside=self._known.beside(index),
                    deterministic=self._known.deterministic,
                )
            )


_MAY_TELL_OTHERWISE = (
    "without some parts every answer is in other words, which may say the same or something else"
)

_MAY_TELL_THE_SAME = (
    "without some parts that matter every number, name and negation stays, so that the answers may "
    "say the same in other words"
)

_WHAT_TELLS = "explain a part of the answer, or compare in another way"


def _in_other_words(
    segments: Iterable[SegmentAttribution], lost: Mapping[str, float], limit: float
) -> dict[str, float]:
    """What may be lost without the segments that seem to matter less than `limit`, where every
    answer without them is worded otherwise by as much: words near in meaning may tell the opposite.
    """
    return {
        s.key: lost[s.key]
        for s in segments
        if s.at_most < limit <= lost.get(s.key, 0.0) and not s.protected
    }


def _only_drivers(
    segments: Iterable[SegmentAttribution], keys: frozenset[str], limit: float
) -> bool:
    """Whether there are segments that certainly matter, and all of them are among `keys`."""
    drivers = {s.key for s in segments if s.significant and abs(s.attribution) >= limit}
    return bool(drivers) and drivers <= keys


def _in_doubt(
    segments: Iterable[SegmentAttribution], doubt: Mapping[str, float]
) -> tuple[SegmentAttribution, ...]:
    """The segments, with intervals that hold what may be lost: whether it is, is not told."""
    return tuple(
        s.model_copy(update={"ci_high": doubt[s.key], "significant": False})
        if s.key in doubt
        else s
        for s in segments
    )


def _that_matters(segment: SegmentAttribution, limit: float) -> SegmentAttribution:
    """The segment, which a sentence uses only if its effect is as large as the smallest that
    matters."""
    if not segment.significant or segment.attribution >= limit:
        return segment
    verdict: Verdict = "excluded" if segment.at_most < limit else "open"
    return segment.model_copy(update={"significant": False, "verdict": verdict})


def _finest(shown: Sequence[LevelFindings], outermost: int) -> LevelFindings:
    """The finest level; of several that are inside no other, the one with the largest effect."""
    if len(shown) > outermost:
        return shown[-1]
    return max(shown, key=lambda level: float(level.effects.max()))
