"""The study of an answer that has a target: what its error depends on, and what makes it right."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from smile_trace._stats.intervals import wilson
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.attribution.correction.search import SUSPECTS, CorrectionSearch, Removal, in_order
from smile_trace.attribution.correction.sentences import (
    CONFIRMED,
    CUT_SHORT,
    ERROR,
    RIGHTNESS,
    Searched,
    by_chance,
    what_corrects,
)
from smile_trace.attribution.correction.target import Target
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.design.planner import CallKey, call_key
from smile_trace.attribution.estimation.inference import LEVEL
from smile_trace.attribution.perturbation_study import ROUND, PerturbationStudy
from smile_trace.attribution.reporting.segments import is_within, observations
from smile_trace.attribution.segmentation.keys import with_own_keys
from smile_trace.attribution.segmentation.selections import asks
from smile_trace.attribution.study import Answered
from smile_trace.attribution.word_vectors import Embed
from smile_trace.records import (
    Correction,
    Explanation,
    ExplanationSettings,
    Perturbation,
    Prompted,
    Response,
    Segment,
    SegmentAttribution,
    Signal,
)
from smile_trace.records.verdicts import outermost_drivers

ATTRIBUTING = 1 / 3
"""Share of the calls that measures what the error depends on; the search has what is left."""

MOST_PIECES = 12
"""Pieces of a part that are removed one by one."""


class CorrectionStudy:
    """A `Study` of an answer that has a target: first by a `PerturbationStudy`, whose answer
    changes are the target's, with ATTRIBUTING of the calls; then, if the answer is wrong, by a
    `CorrectionSearch`.

    Args:
        target: what the answer should have been.
        prompted, settings, answer, deterministic, embed, others: as for `PerturbationStudy`.

    Raises:
        CannotExplain: nothing can be removed from this prompt.
    """

    def __init__(
        self,
        prompted: Prompted,
        settings: ExplanationSettings,
        target: Target,
        *,
        answer: str,
        deterministic: bool,
        embed: Embed | None = None,
        **others: Any,
    ) -> None:
        self.prompted = prompted
        self.answer = answer
        self.signal: Signal = "text"
        self.proxy_signal: Signal = "text"
        self._settings = settings
        self._repeats = deterministic
        self._target = target.comparison(answer, embed)
        self._words = text_comparison(answer, embed, "words")
        budget = math.ceil(ATTRIBUTING * settings.budget)
        self._attribution = PerturbationStudy(
            prompted,
            settings.model_copy(update={"budget": budget}),
            answer=answer,
            signal="text",
            deterministic=deterministic,
            embed=embed,
            target=self._target,
            **others,
        )
        self._drawn: Counter[str] = Counter()
        self._responses: dict[CallKey, Response] = {}
        self._removals: dict[Removal, list[Perturbation]] = {}
        self._waiting: list[Perturbation] = []
        self._steps: Iterator[list[Removal]] | None = None
        self._cut_short = False

    def texts(self, pairs: Sequence[Answered] = ()) -> list[str]:
        """See `Study.texts`."""
        return self._attribution.texts(pairs)

    def ask(self) -> list[Perturbation]:
        """See `Study.ask`."""
        rows = self._attribution.ask()
        if not rows and self._is_wrong:
            while not self._waiting and self._plan():
                pass
            rows, self._waiting = self._waiting[:ROUND], self._waiting[ROUND:]
        for row in rows:
            self._drawn[row.text_hash] = max(self._drawn[row.text_hash], row.replicate + 1)
        return rows

    def tell(self, pairs: Iterable[Answered]) -> None:
        """See `Study.tell`."""
        known = list(pairs)
        self._attribution.tell(pair for pair in known if pair[0].kind != "correcting")
        self._responses |= {call_key(row): response for row, response in known}

    def result(self) -> Explanation:
        """See `Study.result`."""
        attributed = self._attribution.result(subject=ERROR if self._is_wrong else RIGHTNESS)
        attributed = attributed.model_copy(update={"settings": self._settings})
        summary, found = attributed.summary, list[Correction]()
        if self._is_wrong:
            found = self._search.found
            summary = what_corrects(attributed, self._searched(attributed))
        rows = [row for rows in self._removals.values() for row in rows]
        answered = [(row, self._responses.get(call_key(row))) for row in rows]
        texts = [r.text or "" for _, r in answered if r is not None and r.ok]
        changes = iter(self._target.changes(texts))
        moved = [next(changes) if r is not None and r.ok else None for _, r in answered]
        keys = (tuple(part.key for part in in_order(removal)) for removal in self._removals)
        return attributed.model_copy(
            update={
                "met": self._target.is_right,
                "control": self._control,
                "corrections": tuple(found),
                **_beside(found, attributed, cut_short=self._cut_short),
                "cost": attributed.cost.model_copy(update={"target_calls": len(self._responses)}),
                "summary": summary,
                "perturbations": (
                    *attributed.perturbations,
                    *observations(answered, moved, [None] * len(rows)),
                ),
                "partitions": (*attributed.partitions, *keys),
            }
        )

    def _searched(self, attributed: Explanation) -> Searched:
        drivers = outermost_drivers(attributed.segments, attributed.coarser)
        return Searched(
            found=self._search.found,
            control=self._control,
            tried=len({text for text, _ in self._responses} - self._whole),
            unhelpful=self._search.unhelpful,
            nearer=[one for one in drivers if not self._ends_question(one)],
            promising=self._search.promising,
            cut_short=self._cut_short,
        )

    # -- searching ------------------------------------------------------------------------------

    @property
    def _is_wrong(self) -> bool:
        return bool(self._responses) and not self._target.is_right

    @property
    def _whole(self) -> set[str]:
        return {row.text_hash for row in self._attribution.first_level.rows if all(row.mask)}

    @property
    def _control(self) -> tuple[int, int]:
        """How many answers to the whole prompt were right, of how many."""
        whole = self._whole
        answers = [r for (text, _), r in self._responses.items() if text in whole]
        right = self._target.right([r.text or "" for r in answers if r.ok])
        return sum(right), len(right)

    @cached_property
    def _search(self) -> CorrectionSearch:
        _, high = (0.0, 0.0) if self._repeats else wilson(*self._control, LEVEL)
        return CorrectionSearch(
            self._suspects(),
            self._pieces,
            repeats=self._repeats,
            control=high,
            seed=[self._settings.seed],
            hints=self._hints(),
        )

    def _hints(self) -> list[Removal]:
        """The smallest of the removals at random with which an answer was right."""
        level = self._attribution.first_level
        found = [
            frozenset(part for part, kept in zip(level.segments, row.mask, strict=True) if not kept)
            for row in level.rows
            if not all(row.mask) and any(self._right([row]))
        ]
        hints = [one for one in found if not any(map(self._ends_question, one))]
        return sorted(dict.fromkeys(hints), key=len)[:SUSPECTS]

    def _suspects(self) -> list[Segment]:
        """The outermost parts, those that the error depends on most first, but for the end of what
        was asked last: no answer is right without it."""
        of_effect = self._attribution.outermost_effects()
        ranked = sorted(of_effect, key=lambda one: -one[1])
        parts = [part for part, _ in ranked if not self._ends_question(part)]
        asked = [part for part, _ in ranked if self._ends_question(part)]
        return [*parts, *(piece for part in asked for piece in self._pieces(part))]

    def _ends_question(self, part: Segment | SegmentAttribution) -> bool:
        messages = self.prompted.messages
        asked = max((m for m, message in enumerate(messages) if asks(message)), default=-1)
        end = len(messages[asked].content.rstrip())
        return any(m == asked and stop >= end for m, _, stop in part.places)

    def _pieces(self, part: Segment) -> list[Segment]:
        if self._attribution.partitioner.is_sentence(part):
            return []
        pieces = self._attribution.partitioner.refine([part], MOST_PIECES)
        own = with_own_keys(pieces, [one for removal in self._removals for one in removal])
        return [piece for piece in own if not piece.protected and not self._ends_question(piece)]

    def _plan(self) -> bool:
        """Plan the next removals; False at the end."""
        if not self._attribution.reproduced or by_chance(*self._control):
            return False
        right = {of: self._right(rows) for of, rows in self._removals.items()}
        self._search.right = right
        self._search.changed = {
            of: self._changed(rows, right[of]) for of, rows in self._removals.items()
        }
        self._steps = self._steps or self._search.steps()
        removals = next(self._steps, [])
        for removal in removals:
            left = self._settings.budget - len(self._responses) - len(self._waiting)
            self._removals.setdefault(removal, [])
            if left <= 0:
                self._cut_short = True
                return bool(self._waiting)
            if (row := self._row(removal)) is not None:
                self._removals[removal].append(row)
                if call_key(row) not in self._responses:
                    self._waiting.append(row)
        return bool(removals)

    def _row(self, removal: Removal) -> Perturbation | None:
        parts = in_order(removal)
        perturber, mask = Perturber(self.prompted, parts), (False,) * len(parts)
        if not perturber.sendable(mask):
            return None
        row = Perturbation(
            kind="correcting",
            mask=mask,
            messages=perturber.messages(mask),
            level=self._attribution.partitions + list(self._removals).index(removal),
        )
        again = 0 if self._repeats else self._drawn[row.text_hash]
        self._drawn[row.text_hash] += 1
        return row.model_copy(update={"replicate": again})

    def _right(self, rows: Sequence[Perturbation]) -> list[bool]:
        texts = self._texts(rows)
        right = self._target.right(texts)
        return [bool(text.strip()) and met for text, met in zip(texts, right, strict=True)]

    def _changed(self, rows: Sequence[Perturbation], met: Sequence[bool]) -> float:
        texts = self._texts(rows)
        right = [text for text, is_right in zip(texts, met, strict=True) if is_right]
        changes = self._words.changes(right or texts)
        return sum(changes) / len(changes) if changes else 0.0

    def _texts(self, rows: Sequence[Perturbation]) -> list[str]:
        responses = [self._responses.get(call_key(row)) for row in rows]
        return [r.text or "" for r in responses if r is not None and r.ok]


def _beside(
    found: Sequence[Correction], attributed: Explanation, *, cut_short: bool
) -> dict[str, Any]:
    """What is said of the parts beside what corrects: none of it is without effect, and the
    explanation tells something. Where nothing was found in a search that had no end, anything may
    have one."""
    if not found and not cut_short:
        return {}
    parts = [part for one in found for part in one.parts]

    def allowed(segment: SegmentAttribution) -> SegmentAttribution:
        blamed = any(is_within(part, segment) or is_within(segment, part) for part in parts)
        excluded = (blamed or not found) and segment.verdict == "excluded"
        return segment.model_copy(update={"verdict": "open"}) if excluded else segment

    told = {
        "segments": tuple(map(allowed, attributed.segments)),
        "coarser": tuple(map(allowed, attributed.coarser)),
    }
    status = attributed.fidelity.status
    if status in ("reliable", "partial") or (status == "inconclusive" and not found):
        return told
    sure = (
        {"status": "partial", "reason": CONFIRMED}
        if found
        else {"status": "inconclusive", "reason": CUT_SHORT}
    )
    update = {**sure, "further_calls": None}
    return {**told, "fidelity": attributed.fidelity.model_copy(update=update)}
