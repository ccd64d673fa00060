"""The study of a target with a proxy, a cheaper model that answers most perturbations."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, takewhile
from typing import Any

import numpy as np

from smile_trace.attribution.answer_change.distances import Distance
from smile_trace.attribution.answer_change.response_scores import (
    ResponseScores,
    Row,
    answer_words,
    score_responses,
)
from smile_trace.attribution.answer_change.text_comparison import TextComparison, text_comparison
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.design.planner import Planner
from smile_trace.attribution.design.target_design import paired_row, target_rows
from smile_trace.attribution.estimation.findings import locality_of
from smile_trace.attribution.estimation.proxy_findings import (
    MIN_TRUST,
    ProxyFindings,
    ProxyRows,
    find_with_proxy,
)
from smile_trace.attribution.one_thread import one_thread
from smile_trace.attribution.perturbation_study import ROUND, PerturbationStudy
from smile_trace.attribution.reporting.segments import join, observations
from smile_trace.attribution.reporting.summary import Subject, summarize
from smile_trace.attribution.reporting.verdict import final_fidelity, levels_shown
from smile_trace.attribution.study import Answered
from smile_trace.attribution.word_vectors import Embed, embed_words
from smile_trace.records import (
    Asked,
    Cost,
    Explanation,
    ExplanationSettings,
    Fidelity,
    Observation,
    Perturbation,
    Prompted,
    ProxyUse,
    Response,
    Signal,
)

PROXY_ROUND = 64
"""The largest round of a proxy, whose server takes perturbations as lists."""

MIN_TARGET_ANSWERS = 8
"""Answers of the target below which nothing is called reliable, whatever the proxy says."""

_FEW, _SURE = 12, 0.99
"""Below _FEW answers, *reliable* takes a trust above _SURE, or a significant segment."""

_MIN_PROBABILITY = 0.01
"""Unperturbed probability of the logged answer below which a scoring proxy cannot show a loss."""

_Key = tuple[Asked, str, int]
"""A call: (which model, hash of the text, replicate)."""


@dataclass(frozen=True)
class Proxy:
    """A cheaper model that answers perturbations in the target's place: at most `calls`, besides
    those at the target's masks. `signal` is `probability` if it can score the logged answer."""

    name: str
    signal: Signal
    deterministic: bool
    calls: int


class ProxyStudy:
    """A `Study` of one logged answer that asks a proxy most perturbations.

    Every Perturbation says which model is asked (`asked`); `settings.budget` counts the target's
    calls. Both models are asked the unperturbed prompt first. If the proxy does not answer it, or
    the budget lets the target be asked every mask, the proxy is dropped, and the study is the
    target's PerturbationStudy. `proxy`: the cheaper model. `prompted`, `settings`, `answer`,
    `deterministic`, `embed`, `distance`, `part` and the `others`: as for `PerturbationStudy`, but
    for its `target` and `solver`; they are the target's. Raises CannotExplain if nothing can be
    removed from this prompt; ValueError if the settings name an unknown unit or distance.
    """

    def __init__(
        self,
        prompted: Prompted,
        settings: ExplanationSettings,
        *,
        proxy: Proxy,
        answer: str,
        deterministic: bool,
        embed: Embed | None = None,
        distance: Distance | None = None,
        part: AnswerSpan | None = None,
        **others: Any,
    ) -> None:
        self._target_alone = PerturbationStudy(
            prompted,
            settings,
            answer=answer,
            deterministic=deterministic,
            embed=embed,
            distance=distance,
            part=part,
            **others,
        )
        partitioner = self._target_alone.partitioner
        self.prompted = prompted
        self.answer = answer
        self.signal = self._target_alone.signal
        self.proxy_signal: Signal = proxy.signal if answer.strip() else "text"
        self._settings = settings
        self._proxy = proxy
        self._deterministic = deterministic
        self._part = part
        self._own_vectors, self._embed = embed, embed or embed_words
        self._distance = distance or settings.distance
        self._text_change = text_comparison(
            answer, embed, self._distance, part, cut=prompted.answer_cut
        )
        self._planner = Planner(
            prompted,
            partitioner,
            settings.model_copy(update={"budget": max(proxy.calls, 2)}),
            replicates=1 if proxy.deterministic else 2,
            deterministic=proxy.deterministic,
            looks=False,
        )
        self._baselines: list[Perturbation] = []  # the target's
        self._target_rows: list[list[Perturbation]] = []  # per level
        self._paired_rows: list[list[Perturbation]] = []  # per level the proxy's, at these masks
        self._asked: dict[_Key, None] = {}
        self._responses: dict[_Key, Response] = {}
        self._rounds = 0
        self._why_unused: str | None = None
        first, finest = self._planner.levels[0].segments, partitioner.segments
        self._shares_plan = first == finest == self._target_alone.first_level.segments
        """Whether the target is asked what it would be asked alone (the same segments): then a
        mistrusted proxy costs nothing."""
        free = sum(not segment.protected for segment in finest)
        if deterministic and 2**free <= settings.budget:
            self._why_unused = "the target could be asked about every combination of parts"

    # -- asking ---------------------------------------------------------------------------------

    def ask(self) -> list[Perturbation]:
        """The next round, at most PROXY_ROUND perturbations; [] when the study is finished."""
        if self._why_unused is not None:
            return self._target_alone.ask()
        if not self._rounds:
            self._baselines = self._target_alone.ask()
            return self._next([*self._baselines, *map(_of_proxy, self._planner.baselines)])
        if self._target_scores().baseline_failed:
            return []
        if (why := self._why_useless()) is not None:
            self._why_unused = why
            return self._target_alone.ask()
        waiting = self._waiting(map(_of_proxy, self._planner.levels[-1].rows))
        if not waiting and not self._target_rows and self._next_level():
            waiting = self._waiting(map(_of_proxy, self._planner.levels[-1].rows))
        if waiting:
            return self._next(waiting[:PROXY_ROUND])
        if not self._target_rows:
            self._plan_target()
        if self._shares_plan:
            paired = self._waiting(chain(*self._paired_rows))
            return self._next([*self._target_alone.ask(), *paired])
        pairs = zip(chain(*self._target_rows), chain(*self._paired_rows), strict=True)
        return self._next(self._waiting(row for pair in pairs for row in pair)[: 2 * ROUND])

    def texts(self, pairs: Sequence[Answered] = ()) -> list[str]:
        """The texts of all segments and, if texts are compared, the words of the answers."""
        of_target = [pair for pair in pairs if pair[0].asked == "target"]
        of_proxy = [pair for pair in pairs if pair[0].asked == "proxy"]
        return [
            *self._target_alone.texts(of_target),
            *(segment.text for level in self._planner.levels for segment in level.segments),
            *answer_words(self._proxy_comparison(of_proxy), self.proxy_signal, of_proxy),
        ]

    def tell(self, pairs: Iterable[Answered]) -> None:
        """See `Study.tell`."""
        pairs = list(pairs)
        if self._why_unused is not None:
            self._target_alone.tell(pairs)
            return
        for perturbation, response in pairs:
            if _key(perturbation) not in self._asked:
                raise ValueError("tell() accepts only perturbations that ask() returned.")
            self._responses[_key(perturbation)] = response
        baselines = {_key(row) for row in self._baselines}
        self._target_alone.tell(
            (row, response)
            for row, response in pairs
            if _key(row) in baselines or (self._shares_plan and row.asked == "target")
        )

    def _next(self, chosen: list[Perturbation]) -> list[Perturbation]:
        self._asked.update(dict.fromkeys(map(_key, chosen)))
        chosen = [row.model_copy(update={"round": self._rounds}) for row in chosen]
        self._rounds += bool(chosen)
        return chosen

    def _waiting(self, rows: Iterable[Perturbation]) -> list[Perturbation]:
        return list({_key(row): row for row in rows if _key(row) not in self._asked}.values())

    def _why_useless(self) -> str | None:
        """Why the proxy cannot help, judged by its unperturbed prompt; None if it can."""
        scores = self._proxy_scores()
        if scores.baseline is None:
            return "it gave no answer to the unperturbed prompt"
        if self.proxy_signal == "probability" and 1 - scores.baseline < _MIN_PROBABILITY:
            return "it gives the logged answer next to no probability"
        if self.proxy_signal == "text" and self._part is not None and scores.baseline_failed:
            return "its own answer does not contain the part that is explained"
        return None

    def _next_level(self) -> bool:
        asked = sum(model == "proxy" for model, _, _ in self._asked)
        calls = self._proxy.calls - asked
        levels = self._planner.levels
        if self._planner.add_beside(calls, levels[0].rows):
            return True
        if not self._planner.refinable(calls):
            return False
        finest = self._planner.finest
        effects = [self._proxy_effects(levels.index(level)) for level in finest]
        return self._planner.refine(effects, calls, levels[-1].rows)

    def _plan_target(self) -> None:
        """Plans the target's rows, equally many per level, and the proxy's at the same masks."""
        levels = self._planner.levels
        calls = self._settings.budget - len(self._baselines)
        of_target = Counter(row.text_hash for row in self._baselines)
        of_proxy = Counter(row.text_hash for level in levels for row in level.rows)
        effects = [self._proxy_effects(index) for index in range(len(levels))]
        alone = [row for row in self._target_alone.first_level.rows if row.kind != "baseline"]
        for index, level in enumerate(levels):
            share = calls // len(levels) + (index < calls % len(levels))
            rows = (
                alone
                if self._shares_plan
                else target_rows(
                    level,
                    index,
                    effects[index],
                    share,
                    seed=self._settings.seed,
                    drawn=of_target,
                    deterministic=self._deterministic,
                )
            )
            deterministic = self._proxy.deterministic
            paired = [paired_row(row, of_proxy, deterministic=deterministic) for row in rows]
            self._target_rows.append(rows)
            self._paired_rows.append(paired)

    # -- scoring --------------------------------------------------------------------------------

    def _counted(self, rows: Sequence[Perturbation]) -> list[Perturbation]:
        """The target's rows that count: up to the first not asked (see `KnownAnswers.rows`)."""
        if not self._shares_plan:
            return list(rows)
        return list(takewhile(lambda row: _key(row) in self._asked, rows))

    def _with_responses(self, rows: Iterable[Perturbation]) -> list[Row]:
        return [(row, self._responses.get(_key(row))) for row in rows]

    def _target_scores(self) -> ResponseScores:
        levels = [self._baselines, *map(self._counted, self._target_rows)]
        return score_responses(
            [self._with_responses(rows) for rows in levels],
            self.signal,
            self._text_change,
            deterministic=self._deterministic,
            part=self._part,
        )

    def _proxy_rows(self) -> list[list[Perturbation]]:
        paired = self._paired_rows or [[] for _ in self._planner.levels]
        return [
            [*map(_of_proxy, level.rows), *more]
            for level, more in zip(self._planner.levels, paired, strict=True)
        ]

    def _proxy_scores(self) -> ResponseScores:
        return score_responses(
            [self._with_responses(rows) for rows in self._proxy_rows()],
            self.proxy_signal,
            self._proxy_comparison(),
            deterministic=self._proxy.deterministic,
            part=self._part if self.proxy_signal == "probability" else None,
        )

    def _proxy_comparison(self, told: Iterable[Answered] = ()) -> TextComparison:
        """Compares texts with the proxy's own unperturbed answer, maybe among those just `told`."""
        baselines = [
            *self._with_responses(map(_of_proxy, self._planner.baselines)),
            *(pair for pair in told if pair[0].kind == "baseline"),
        ]
        answers = [response.text or "" for _, response in baselines if response and response.ok]
        if self.proxy_signal != "text" or self._part is not None or not answers:
            return self._text_change
        cut = self.prompted.answer_cut
        return text_comparison(answers[0], self._own_vectors, self._distance, cut=cut)

    def _proxy_data(self, index: int, scores: ResponseScores) -> ProxyRows:
        rows = list(zip(self._proxy_rows()[index], scores.changes[index], strict=True))
        free = np.array(self._planner.levels[index].free)
        return ProxyRows.of(rows, free, baseline=index > 0)

    def _proxy_effects(self, index: int) -> np.ndarray:
        free = np.array(self._planner.levels[index].free)
        return self._proxy_data(index, self._proxy_scores()).effects(free)

    # -- solving --------------------------------------------------------------------------------

    def result(self) -> Explanation:
        """The Explanation from the responses so far; `cost` counts them."""
        alone = self._target_alone.result()
        if self._why_unused is not None or not self._target_rows:
            use = ProxyUse(
                name=self._proxy.name, signal=self.proxy_signal, dropped=self._why_unused
            )
            return alone.model_copy(update={"proxy": use, "cost": self._cost(alone.cost)})
        with one_thread():
            return self._result(alone)

    def _result(self, alone: Explanation) -> Explanation:
        target, proxy = self._target_scores(), self._proxy_scores()
        levels = [self._find(k, target, proxy) for k in range(len(self._target_rows))]
        if self._shares_plan and levels[0].trust <= MIN_TRUST:
            return alone.model_copy(
                update={
                    "perturbations": self._observations(target, proxy),
                    "cost": self._cost(Cost()),
                    "proxy": self._use(levels, levels[0].trust),
                }
            )
        outermost = self._planner.outermost
        finer = takewhile(lambda level: level.backed, levels[outermost:])
        found = [level.findings for level in (*levels[:outermost], *finer)]
        shown, fidelity = levels_shown(found, _of_levels(target), outermost)
        fidelity = self._with_minimum(fidelity, levels[:outermost])
        segments, coarser = join([of.attributions() for of in found[:shown]])
        limit = self._settings.smallest_effect
        subject = Subject.of_part(self.answer, self._part)
        another = bool(self.prompted.left_out) and not target.as_logged
        fidelity = final_fidelity(
            fidelity, segments, coarser, limit=limit, of=subject.of, another=another
        )
        of_proxy = {
            "segments": segments,
            "coarser": coarser,
            "interactions": (),
            "fields": (),
            "fidelity": fidelity,
            "summary": summarize(
                segments,
                fidelity,
                messages=alone.messages,
                coarser=coarser,
                unopened=self._planner.unopened,
                subject=subject,
                by_content=self._target_alone.by_content,
                limit=limit,
            ),
            "perturbations": self._observations(target, proxy),
            "partitions": tuple(
                tuple(s.key for s in level.segments) for level in self._planner.levels
            ),
            "cost": self._cost(Cost()),
            "proxy": self._use(levels, levels[shown - 1].trust),
            "proxy_scored": self.proxy_signal == "probability",
        }
        return Explanation(**{**dict(alone), **of_proxy})

    def _use(self, levels: Sequence[ProxyFindings], trust: float) -> ProxyUse:
        agreements = [level.agreement for level in levels if level.agreement is not None]
        return ProxyUse(
            name=self._proxy.name,
            signal=self.proxy_signal,
            trust=trust,
            agreement=float(np.mean(agreements)) if agreements else None,
        )

    def _find(self, index: int, target: ResponseScores, proxy: ResponseScores) -> ProxyFindings:
        rows = self._counted(self._target_rows[index])
        paired = proxy.changes[index][len(self._planner.levels[index].rows) :]
        return find_with_proxy(
            self._planner.levels[index].segments,
            list(zip(rows, target.changes[index + 1], strict=True)),
            [change for change in target.changes[0] if change is not None],
            paired[: len(rows)],
            self._proxy_data(index, proxy),
            [self._settings.seed, index],
        )

    def _with_minimum(self, fidelity: Fidelity, outermost: Sequence[ProxyFindings]) -> Fidelity:
        """Inconclusive if the target answered too little, or only the fit supports the findings."""
        answered = sum(r.ok for (model, _, _), r in self._responses.items() if model == "target")
        if answered < MIN_TARGET_ANSWERS:
            reason = (
                f"only {answered} answers of the model itself, and {MIN_TARGET_ANSWERS} are needed."
            )
        elif fidelity.status == "reliable" and not all(_backed(of, answered) for of in outermost):
            reason = f"{answered} answers of the model itself leave too much to chance."
        else:
            return fidelity
        return fidelity.model_copy(update={"status": "inconclusive", "reason": reason})

    def _cost(self, alone: Cost) -> Cost:
        calls = Counter(model for model, _, _ in self._responses)
        target = max(alone.target_calls, calls["target"])
        return Cost(target_calls=target, proxy_calls=calls["proxy"])

    def _observations(
        self, target: ResponseScores, proxy: ResponseScores
    ) -> tuple[Observation, ...]:
        levels = self._planner.levels
        of_target = [
            (levels[0], self._baselines, target.changes[0]),
            *zip(levels, map(self._counted, self._target_rows), target.changes[1:], strict=True),
        ]
        of_proxy = zip(levels, self._proxy_rows(), proxy.changes, strict=True)
        return tuple(
            observation
            for signal, groups in ((self.signal, of_target), (self.proxy_signal, of_proxy))
            for level, rows, changes in groups
            for observation in observations(
                self._with_responses(rows),
                changes,
                locality_of(rows, level.segments, self._embed),
                scored=signal == "probability",
                of_part=self._part is not None,
            )
        )


def _of_levels(target: ResponseScores) -> ResponseScores:
    """The scores with the unperturbed prompt's among those of the first level's rows."""
    (baselines, first, *changes), (unperturbed, failed, *others) = target.changes, target.failed
    return replace(
        target,
        changes=((*baselines, *first), *changes),
        failed=((*unperturbed, *failed), *others),
    )


def _backed(level: ProxyFindings, answered: int) -> bool:
    sure = answered >= _FEW or level.trust > _SURE or any(level.findings.significant)
    return level.backed and sure


def _of_proxy(row: Perturbation) -> Perturbation:
    return row.model_copy(update={"asked": "proxy"})


def _key(row: Perturbation) -> _Key:
    return row.asked, row.text_hash, row.replicate
