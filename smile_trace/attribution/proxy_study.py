"""A study in which a cheaper model, the proxy, is asked the many perturbations."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.design.planner import Level, Planner
from smile_trace.attribution.design.target_design import paired_row, target_rows
from smile_trace.attribution.estimation import gaussian_process, inference, multifidelity
from smile_trace.attribution.estimation.answer_change import TextChange
from smile_trace.attribution.estimation.findings import LevelFindings, dropped, locality_of, spread
from smile_trace.attribution.estimation.inference import Array, Rows
from smile_trace.attribution.estimation.prediction_powered import prediction_powered_estimate
from smile_trace.attribution.estimation.proxy_agreement import concordance
from smile_trace.attribution.estimation.response_scores import ResponseScores, read
from smile_trace.attribution.reporting.levels import join
from smile_trace.attribution.reporting.summary import summarize
from smile_trace.attribution.reporting.verdict import judge
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import AnyUnit
from smile_trace.attribution.study import MAX_BASELINE_CHANGE, ROUND, Study
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
"""Perturbations of the proxy's rounds, at most: its server takes them as lists."""

FLOOR = 8
"""Answers of the target below which nothing is called reliable, whatever the proxy says."""

_NOTHING = 0.01
"""Probability of the logged answer under the unperturbed prompt below which a proxy that scores
it has nothing to lose."""

_Key = tuple[Asked, str, int]
"""What is paid for once: (who is asked, hash of the text, replicate)."""


@dataclass(frozen=True)
class Proxy:
    """A cheaper model that stands in for the target.

    `calls` is how many perturbations it is asked at most, besides those that the target is
    asked, too. `signal` is `probability` where it can score the target's logged answer.
    """

    name: str
    signal: Signal
    deterministic: bool
    calls: int


@dataclass(frozen=True)
class _Part:
    """A level's findings, and what the proxy contributed to them."""

    findings: LevelFindings
    trust: float
    backed: bool
    agreement: float | None


class ProxyStudy:
    """A Study whose many perturbations are asked of a proxy, and few of the target.

    It is driven as a Study is; every Perturbation says of whom it is asked (`asked`), and
    `settings.budget` counts the target's. The unperturbed prompt is asked of both first. Where
    the proxy has no answer to it, or the target can be asked about every mask within the budget,
    the proxy takes no further part, and it is the Study of the target alone.

    Args:
        prompted, settings, answer, signal, protect, deterministic, remote, embed, part, unit: as
            for `Study`; they are the target's.
        proxy: who stands in for it.

    Raises:
        CannotExplain: nothing can be left out of this prompt.
    """

    def __init__(
        self,
        prompted: Prompted,
        settings: ExplanationSettings,
        *,
        proxy: Proxy,
        answer: str,
        signal: Signal,
        protect: Sequence[str | re.Pattern[str]] = (),
        deterministic: bool,
        remote: bool,
        embed: Embed | None = None,
        part: AnswerSpan | None = None,
        unit: AnyUnit | None = None,
    ) -> None:
        self._alone = Study(
            prompted,
            settings,
            answer=answer,
            signal=signal,
            protect=protect,
            deterministic=deterministic,
            remote=remote,
            embed=embed,
            part=part,
            unit=unit,
        )
        self.proxy_signal: Signal = proxy.signal if answer.strip() else "text"
        self._settings = settings
        self._proxy = proxy
        self._deterministic = deterministic
        self._part = part
        self._embed = embed or embed_words
        self._shift = TextChange(answer, self._embed, part=part)
        segmentation = Segmentation(prompted, settings.unit if unit is None else unit, protect)
        self._planner = Planner(
            prompted,
            segmentation,
            settings.model_copy(update={"budget": max(proxy.calls, 2)}),
            replicates=1 if proxy.deterministic else 2,
            deterministic=proxy.deterministic,
        )
        self._own: list[Perturbation] = []  # the target's baselines
        self._target: list[list[Perturbation]] = []  # per level the target's rows
        self._twins: list[list[Perturbation]] = []  # per level the proxy's at the same masks
        self._asked: dict[_Key, None] = {}
        self._responses: dict[_Key, Response] = {}
        self._rounds = 0
        self._dropped: str | None = None
        if deterministic and _every(segmentation, settings.budget):
            self._dropped = "the target could be asked about every combination of segments"

    @property
    def signal(self) -> Signal:
        """How the target's answers are compared."""
        return self._alone.signal

    @property
    def prompted(self) -> Prompted:
        """What is explained."""
        return self._alone.prompted

    @property
    def answer(self) -> str:
        """The logged answer."""
        return self._alone.answer

    # -- asking ---------------------------------------------------------------------------------

    def ask(self) -> list[Perturbation]:
        """The next round; [] when the study is finished."""
        if self._dropped is not None:
            return self._alone.ask()
        if not self._rounds:
            self._own = self._alone.ask()
            return self._next([*self._own, *map(_of_proxy, self._planner.baselines)])
        if self._hopeless():
            return []
        if (why := self._useless()) is not None:
            self._dropped = why
            return self._alone.ask()
        waiting = self._waiting(map(_of_proxy, self._planner.levels[-1].rows))
        if not waiting and not self._target and self._next_level():
            waiting = self._waiting(map(_of_proxy, self._planner.levels[-1].rows))
        if waiting:
            return self._next(waiting[:PROXY_ROUND])
        if not self._target:
            self._plan_target()
        pairs = zip(chain(*self._target), chain(*self._twins), strict=True)
        return self._next(self._waiting(row for pair in pairs for row in pair)[: 2 * ROUND])

    def tell(self, pairs: Iterable[tuple[Perturbation, Response]]) -> None:
        """Takes responses to asked perturbations, in any order; a failure is missing data.

        Raises:
            ValueError: a perturbation that this study did not ask about.
        """
        pairs = list(pairs)
        if self._dropped is not None:
            self._alone.tell(pairs)
            return
        for perturbation, response in pairs:
            if _key(perturbation) not in self._asked:
                raise ValueError("tell() takes only the perturbations that ask() gave.")
            self._responses[_key(perturbation)] = response
        own = {_key(row) for row in self._own}
        self._alone.tell([pair for pair in pairs if _key(pair[0]) in own])

    def _next(self, chosen: list[Perturbation]) -> list[Perturbation]:
        self._asked.update(dict.fromkeys(map(_key, chosen)))
        chosen = [row.model_copy(update={"round": self._rounds}) for row in chosen]
        self._rounds += bool(chosen)
        return chosen

    def _waiting(self, rows: Iterable[Perturbation]) -> list[Perturbation]:
        """Those that were not asked yet, each text and replicate once."""
        return list({_key(row): row for row in rows if _key(row) not in self._asked}.values())

    def _hopeless(self) -> bool:
        reading = self._read_target()
        return reading.baseline is None or (
            reading.baseline > MAX_BASELINE_CHANGE and not reading.baseline_reproduced
        )

    def _useless(self) -> str | None:
        """Why the proxy can say nothing, from its own unperturbed prompt; None where it can."""
        reading = self._read_proxy()
        if reading.baseline is None:
            return "it gave no answer to the unperturbed prompt"
        if self.proxy_signal == "probability" and 1 - reading.baseline < _NOTHING:
            return "the logged answer is as good as impossible for it"
        return None

    def _next_level(self) -> bool:
        """Plans a finer partition of what matters to the proxy."""
        asked = sum(who == "proxy" for who, _, _ in self._asked)
        calls = self._proxy.calls - asked
        if not self._planner.refinable(calls):
            return False
        return self._planner.refine(self._proxy_effects(len(self._planner.levels) - 1), calls)

    def _plan_target(self) -> None:
        """The target's rows, as many on each level, and the proxy's at the same masks."""
        levels = self._planner.levels
        calls = self._settings.budget - len(self._own)
        mine = Counter(row.text_hash for row in self._own)
        its = Counter(row.text_hash for level in levels for row in level.rows)
        effects = [self._proxy_effects(index) for index in range(len(levels))]
        for index, level in enumerate(levels):
            share = calls // len(levels) + (index < calls % len(levels))
            rows = target_rows(
                level,
                index,
                effects[index],
                share,
                seed=self._settings.seed,
                drawn=mine,
                deterministic=self._deterministic,
            )
            self._target.append(rows)
            deterministic = self._proxy.deterministic
            self._twins.append([paired_row(row, its, deterministic=deterministic) for row in rows])

    # -- reading --------------------------------------------------------------------------------

    def _told(self, rows: Iterable[Perturbation]) -> list[tuple[Perturbation, Response | None]]:
        return [(row, self._responses.get(_key(row))) for row in rows]

    def _read_target(self) -> ResponseScores:
        """The baselines, then each level's rows."""
        levels = [self._told(self._own), *map(self._told, self._target)]
        return read(
            levels, self.signal, self._shift, deterministic=self._deterministic, part=self._part
        )

    def _proxy_rows(self) -> list[list[Perturbation]]:
        """Per level what the proxy is asked: its own rows, then the target's masks."""
        twins = self._twins or [[] for _ in self._planner.levels]
        return [
            [*map(_of_proxy, level.rows), *more]
            for level, more in zip(self._planner.levels, twins, strict=True)
        ]

    def _read_proxy(self) -> ResponseScores:
        levels = [self._told(rows) for rows in self._proxy_rows()]
        shift = self._shift
        if self.proxy_signal == "text" and self._part is None:
            baselines = self._told(map(_of_proxy, self._planner.baselines))
            said = [response.text for _, response in baselines if response and response.ok]
            shift = TextChange(said[0] or "", self._embed) if said else shift
        return read(
            levels,
            self.proxy_signal,
            shift,
            deterministic=self._proxy.deterministic,
            part=self._part if self.proxy_signal == "probability" else None,
        )

    def _proxy_effects(self, index: int) -> Array:
        x, y, _ = self._proxy_data(index)
        free = np.array(self._planner.levels[index].free)
        if not len(y):
            return np.zeros(len(free))
        return spread(gaussian_process.fit(x, y).effects(inference.DROP_PROBABILITIES), free)

    def _proxy_data(self, index: int) -> tuple[Array, Array, Array]:
        """Masks, changes and drop probabilities (NaN: not drawn) of the proxy on a level."""
        changes = self._read_proxy().changes[index]
        rows = self._proxy_rows()[index]
        known = [(row, y) for row, y in zip(rows, changes, strict=True) if y is not None]
        free = np.array(self._planner.levels[index].free)
        keep = [np.nan if r.keep_probability is None else r.keep_probability for r, _ in known]
        x, y = dropped([row for row, _ in known], free), np.array([y for _, y in known])
        if index:  # the unperturbed prompt belongs to every partition
            x, y, keep = (
                np.vstack([x, np.zeros((1, x.shape[1]))]),
                np.append(y, 0.0),
                [*keep, np.nan],
            )
        return x, y, 1 - np.array(keep)

    # -- solving --------------------------------------------------------------------------------

    def result(self) -> Explanation:
        """The Explanation from what was told so far; valid after any round.

        `cost` counts the responses; who drove the study knows the rest.
        """
        alone = self._alone.result()
        if self._dropped is not None or not self._target:
            use = ProxyUse(name=self._proxy.name, signal=self.proxy_signal, dropped=self._dropped)
            return alone.model_copy(update={"proxy": use, "cost": self._cost(alone.cost)})
        with threadpool_limits(limits=1, user_api="blas"):
            return self._result(alone)

    def _result(self, alone: Explanation) -> Explanation:
        reading, proxied = self._read_target(), self._read_proxy()
        parts = [self._find(k, reading, proxied) for k in range(len(self._target))]
        finer = takewhile(lambda part: part.backed, parts[1:])
        found = [part.findings for part in (parts[0], *finer)]
        agreements = [part.agreement for part in parts if part.agreement is not None]
        shown, fidelity = judge(found, reading)
        fidelity = self._doubted(fidelity, backed=parts[0].backed)
        segments, coarser = join([of.attributions() for of in found[:shown]])
        part = None if self._part is None else self.answer[slice(*self._part)]
        return alone.model_copy(
            update={
                "segments": segments,
                "coarser": coarser,
                "interactions": (),
                "fidelity": fidelity,
                "summary": summarize(segments, fidelity, coarser=coarser, part=part),
                "perturbations": self._observations(reading, proxied),
                "partitions": tuple(
                    tuple(s.key for s in level.segments) for level in self._planner.levels
                ),
                "cost": self._cost(Cost()),
                "proxy": ProxyUse(
                    name=self._proxy.name,
                    signal=self.proxy_signal,
                    trust=parts[shown - 1].trust,
                    agreement=float(np.mean(agreements)) if agreements else None,
                ),
                "proxy_scored": self.proxy_signal == "probability",
            }
        )

    def _find(self, index: int, reading: ResponseScores, proxied: ResponseScores) -> "_Part":
        level = self._planner.levels[index]
        free = np.array(level.free)
        x, y, q = self._proxy_data(index)
        of_proxy = multifidelity.cheap(x, y, q, [self._settings.seed, index])
        changes = reading.changes[index + 1]
        z = _at_paired_rows(proxied.changes[index], of_proxy, dropped(self._target[index], free))
        known = [k for k, shift in enumerate(changes) if shift is not None]
        drawn = [k for k in known if self._target[index][k].keep_probability is not None]
        chosen = [k for k in known if k not in drawn]
        rows = self._rows(index, drawn, chosen, np.array([s or 0.0 for s in changes]), reading)
        others_z = np.append(np.zeros(len(rows.others_y) - len(chosen)), z[chosen])
        seed = [self._settings.seed, index, 2]
        result = prediction_powered_estimate(rows, z[drawn], others_z, of_proxy, seed)
        found = result.estimate
        assert found.p_value is not None
        findings = LevelFindings(
            segments=level.segments,
            effects=spread(found.effect, free),
            low=spread(found.low, free),
            high=spread(found.high, free),
            p_values=spread(found.p_value, free),
            significant=tuple(bool(s) for s in spread(result.significant.astype(float), free)),
            leave_one_out=(None,) * len(level.segments),
            rows=len(known) + len(y),
            exact=False,
            held_out=result.held_out,
            locality=(),
        )
        return _Part(findings, result.trust, result.backed, concordance(rows.y, z[drawn]))

    def _rows(
        self,
        index: int,
        drawn: list[int],
        chosen: list[int],
        changes: Array,
        reading: ResponseScores,
    ) -> Rows:
        """The target's random rows of a level; its others are the baselines and the chosen."""
        rows = self._target[index]
        free = np.array(self._planner.levels[index].free)
        baseline = [shift for shift in reading.changes[0] if shift is not None]
        others = dropped([rows[k] for k in chosen], free)
        random = [rows[k] for k in drawn]
        varies = [[k not in row.fixed for k in np.flatnonzero(free)] for row in random]
        return Rows(
            x=dropped(random, free),
            y=changes[drawn],
            q=1 - np.array([row.keep_probability for row in random], dtype=float),
            varies=np.array(varies, dtype=bool).reshape(len(random), int(free.sum())),
            weights=np.ones(len(random)),
            others_x=np.vstack([np.zeros((len(baseline), int(free.sum()))), others]),
            others_y=np.append(baseline, changes[chosen]),
        )

    def _doubted(self, fidelity: Fidelity, *, backed: bool) -> Fidelity:
        """Unreliable where the target answered too little, or a fit is all that there is."""
        answered = sum(r.ok for (who, _, _), r in self._responses.items() if who == "target")
        if answered < FLOOR:
            reason = f"only {answered} answers of the model itself, and {FLOOR} are needed."
        elif fidelity.status == "reliable" and not backed:
            reason = f"{answered} answers of the model itself leave too much to chance."
        else:
            return fidelity
        return fidelity.model_copy(update={"status": "inconclusive", "reason": reason})

    def _cost(self, alone: Cost) -> Cost:
        calls = Counter(who for who, _, _ in self._responses)
        target = max(alone.target_calls, calls["target"])
        return Cost(target_calls=target, proxy_calls=calls["proxy"])

    def _observations(
        self, reading: ResponseScores, proxied: ResponseScores
    ) -> tuple[Observation, ...]:
        levels = self._planner.levels
        seen = self._observed(levels[0], self._own, reading.changes[0])
        for rows, changes in (
            (self._target, reading.changes[1:]),
            (self._proxy_rows(), proxied.changes),
        ):
            for level, own, known in zip(levels, rows, changes, strict=True):
                seen += self._observed(level, own, known)
        return tuple(seen)

    def _observed(
        self, level: Level, rows: Sequence[Perturbation], changes: Sequence[float | None]
    ) -> list[Observation]:
        weights = locality_of(rows, level.segments, self._embed)
        return [
            Observation(
                **row.model_dump(exclude={"messages"}),
                locality=weight,
                text_hash=row.text_hash,
                response=response.text,
                shift=shift,
                failure=response.failure,
            )
            for row, shift, weight in zip(rows, changes, weights, strict=True)
            if (response := self._responses.get(_key(row))) is not None
        ]


def _at_paired_rows(
    changes: Sequence[float | None], of: multifidelity.LowFidelityFit, x: Array
) -> Array:
    """The proxy's changes at the target's masks; what its fit says where it gave no answer."""
    measured = changes[len(changes) - len(x) :]
    fitted = np.clip(of.fit.predict(x), 0, 1)
    return np.array([f if z is None else z for z, f in zip(measured, fitted, strict=True)])


def _every(segmentation: Segmentation, budget: int) -> bool:
    """Whether a deterministic target can be asked about every mask."""
    free = sum(not segment.protected for segment in segmentation.segments)
    return bool(2**free <= budget)


def _of_proxy(row: Perturbation) -> Perturbation:
    return row.model_copy(update={"asked": "proxy"})


def _key(row: Perturbation) -> _Key:
    return row.asked, row.text_hash, row.replicate
