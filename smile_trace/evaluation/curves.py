"""Deletion and insertion curves: does the answer depend on what an explanation ranks first?"""

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.attribution import Answered, Embed
from smile_trace.attribution.answer_change.response_scores import answer_words, score_responses
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.explaining.driver import StudyVectors, ask_model, cost_of, run_in_thread, wait_for
from smile_trace.explaining.options import AnyModel
from smile_trace.explaining.preparation import open_any
from smile_trace.explaining.spending import ForegroundSpending
from smile_trace.models import Model
from smile_trace.records import JSON, Explanation, Perturbation, Prompted, Response, Segment
from smile_trace.records.evaluation import Faithfulness, Order, OrderCurves
from smile_trace.settings import Settings

Mask = tuple[bool, ...]
"""The segments that are retained."""


class Ablation:
    """Measures how much of an explanation's answer remains under masks over its segments.

    Args:
        explanation: its segments are removed; its signal and its part of the answer count.
        parameters: the request parameters that were explained.
        embed: word vectors of an embedding model; None for the packaged ones.
    """

    def __init__(
        self,
        explanation: Explanation,
        model: Model,
        parameters: dict[str, JSON],
        embed: Embed | None,
    ) -> None:
        self._prompted = Prompted(
            messages=explanation.messages,
            form=explanation.form,
            parameters=parameters,
            of_reasoning=explanation.of_reasoning,
        )
        self._answer, self._signal = explanation.answer, explanation.signal
        fields = set(Segment.model_fields) - {"parent"}
        segments = [Segment(**s.model_dump(include=fields)) for s in explanation.segments]
        self._model = model
        self._perturber = Perturber(self._prompted, segments)
        self._unperturbed: Mask = (True,) * len(segments)
        self._part = explanation.answer_part
        self._vectors = StudyVectors(embed)
        self._text_change = text_comparison(
            explanation.answer,
            self._vectors.table,
            explanation.settings.distance,
            explanation.answer_part,
            cut=explanation.answer_cut,
        )
        self._answered: list[tuple[Perturbation, Response]] = []
        self.deterministic = model.deterministic(parameters)
        self.noise_floor = 0.0

    @property
    def responses(self) -> list[Response]:
        """All responses so far."""
        return [response for _, response in self._answered]

    def texts(self, pairs: Sequence[Answered] = ()) -> list[str]:
        """The words whose vectors are needed to compare these responses."""
        return answer_words(self._text_change, self._signal, pairs)

    async def ask_baseline(self, replicates: int) -> None:
        """Ask the unperturbed prompt."""
        await self._ask([self._row(self._unperturbed, r) for r in range(replicates)])

    async def remaining(
        self, masks: Iterable[Mask], *, replicates: int = 1
    ) -> dict[Mask, float | None]:
        """The share of the answer that remains, in [0, 1], mean over the replicates. None if every
        call failed; 0 for a mask that leaves nothing to send, which is not asked."""
        distinct = list(dict.fromkeys(masks))
        sendable = [mask for mask in distinct if self._perturber.sendable(mask)]
        await self._ask([self._row(mask, r) for mask in sendable for r in range(replicates)])
        shares: dict[Mask, list[float]] = {mask: [] for mask in distinct}
        changes = await run_in_thread(self._changes)
        for (row, _), change in zip(self._answered, changes, strict=True):
            if row.mask in shares and change is not None:
                shares[row.mask].append(1 - change)
        shares |= {mask: [0.0] for mask in distinct if mask not in sendable}
        return {mask: float(np.mean(found)) if found else None for mask, found in shares.items()}

    async def _ask(self, rows: list[Perturbation]) -> None:
        known = {(row.mask, row.replicate) for row, _ in self._answered}
        new = [row for row in rows if (row.mask, row.replicate) not in known]
        if new:
            responses = await ask_model(
                self._model,
                new,
                prompted=self._prompted,
                answer=self._answer,
                signal=self._signal,
            )
            pairs = list(zip(new, responses, strict=True))
            await self._vectors.ask(self, pairs)
            self._answered.extend(pairs)

    def _row(self, mask: Mask, replicate: int) -> Perturbation:
        unperturbed = mask == self._unperturbed
        return Perturbation(
            kind="baseline" if unperturbed else "leave_one_out",
            mask=mask,
            messages=self._perturber.messages(mask),
            replicate=replicate,
        )

    def _changes(self) -> tuple[float | None, ...]:
        scores = score_responses(
            [self._answered],
            self._signal,
            self._text_change,
            deterministic=self.deterministic,
            part=self._part,
        )
        self.noise_floor = scores.noise_floor
        return scores.changes[0]


logger = logging.getLogger(__name__)

MAX_STEPS = 20
"""The most points of a curve besides its first."""

DROPS = (1, 3, 5)
"""Numbers of first segments whose removal is reported."""

BASELINES = 3
"""How often a model that is not deterministic is asked the unperturbed prompt."""


def most_calls(explanation: Explanation, *, orders: int = 5) -> int:
    """The most calls that `faithfulness` makes; fewer if masks coincide or are known."""
    count = len(explanation.ranked)
    alone = max(_calls_of(explanation), count)
    return BASELINES + alone + 2 * len(_points(count)) * (2 + orders)


def faithfulness(
    explanation: Explanation,
    model: AnyModel,
    *,
    parameters: Mapping[str, JSON] | None = None,
    orders: int = 5,
    seed: int = 0,
    budget: int | None = None,
) -> Faithfulness:
    """Deletion and insertion curves with their areas, beside leave-one-out and random orders.

    The first k segments by attribution are removed (or only they are retained), k = 0 … n in at
    most 20 steps (RISE, Petsiuk et al. 2018, arXiv 1806.07421, sec. 4). If a mask leaves nothing to
    send, nothing of the answer remains. Leave-one-out gets as many calls as the explanation had: a
    model that is not deterministic is asked several times without each segment, and segments beyond
    the number of calls are not tried and rank last.

    Answers in this process's cache are not asked again. Calls count in the caps per day as for
    `explain`. The most calls that may be made is logged before the first.

    Args:
        explanation: the explanation to check, in its own signal.
        model: the model to ask: a name from the settings, a Model, or a function.
        parameters: the request parameters that were explained.
        orders: the number of random orders to compare with.
        seed: decides the random orders.
        budget: raise if more calls than this may be needed.

    Raises:
        ValueError: it may need more calls than `budget`, or nothing could be removed.
        SmileTraceError: the model cannot be asked.
    """
    if not explanation.ranked:
        raise ValueError("nothing of this prompt could be removed, so there is no order")
    most = most_calls(explanation, orders=orders)
    if budget is not None and most > budget:
        raise ValueError(
            f"faithfulness() may ask {most} times, more than the budget of {budget}: raise it, "
            "or compare with fewer random orders"
        )
    logger.info("faithfulness asks %s at most %d times", explanation.settings.model, most)
    conf = Settings()
    with ForegroundSpending(conf, most) as spending:
        paid = spending.metered(open_any(model, conf), model)
        ablation = Ablation(explanation, paid, dict(parameters or {}), spending.embeddings())
        return wait_for(_measure(explanation, ablation, orders, np.random.default_rng(seed)))


async def _measure(
    explanation: Explanation, ablation: Ablation, orders: int, generator: np.random.Generator
) -> Faithfulness:
    segments = explanation.segments
    free = [k for k, segment in enumerate(segments) if not segment.protected]
    await ablation.ask_baseline(1 if ablation.deterministic else BASELINES)
    ours = sorted(free, key=lambda k: -segments[k].strength)
    alone = await _by_leave_one_out(
        free, len(segments), ablation, _calls_of(explanation), generator
    )
    chance = [generator.permutation(free).tolist() for _ in range(orders)]
    points, steps = _points(len(free)), _steps(len(free))
    masks = {
        (tuple(order), k): _masks(order, k, free, len(segments))
        for order in (ours, alone, *chance)
        for k in points
    }
    shares = await ablation.remaining(mask for pair in masks.values() for mask in pair)

    def curves(name: Order, order: list[int]) -> OrderCurves:
        removed, retained = (
            {k: shares[masks[tuple(order), k][which]] for k in points} for which in (0, 1)
        )
        return OrderCurves(
            order=name,
            deletion=tuple(removed[k] for k in steps),
            insertion=tuple(retained[k] for k in steps),
            deletion_auc=_area(steps, [removed[k] for k in steps]),
            insertion_auc=_area(steps, [retained[k] for k in steps]),
            drops={k: 1 - share for k in DROPS if (share := removed.get(k)) is not None},
        )

    cost = cost_of(ablation.responses)
    return Faithfulness(
        signal=explanation.signal,
        segments=len(free),
        steps=steps,
        attribution=curves("attribution", ours),
        leave_one_out=curves("leave_one_out", alone),
        random=_mean([curves("random", order) for order in chance]),
        random_orders=orders,
        noise_floor=ablation.noise_floor,
        calls=cost.target_calls,
        cached_calls=cost.cached_calls,
    )


async def _by_leave_one_out(
    free: list[int], count: int, ablation: Ablation, calls: int, generator: np.random.Generator
) -> list[int]:
    """The order by measured loss; segments that could not be tried come last."""
    tried = free
    if len(free) > calls:
        tried = sorted(generator.choice(free, calls, replace=False).tolist())
    replicates = 1 if ablation.deterministic else max(1, calls // len(tried))
    masks = {k: tuple(place != k for place in range(count)) for k in tried}
    shares = await ablation.remaining(masks.values(), replicates=replicates)
    lost = {k: 1 - share for k, mask in masks.items() if (share := shares[mask]) is not None}
    return sorted(free, key=lambda k: -lost.get(k, -1.0))


def _masks(order: Sequence[int], k: int, free: Sequence[int], count: int) -> tuple[Mask, Mask]:
    """Masks that remove the first k of an order, and that retain only these and the protected."""
    first, movable = set(order[:k]), set(free)
    return (
        tuple(place not in first for place in range(count)),
        tuple(place in first or place not in movable for place in range(count)),
    )


def _steps(count: int) -> tuple[int, ...]:
    even = np.linspace(0, count, min(count, MAX_STEPS) + 1)
    return tuple(np.unique(even.round().astype(int)).tolist())


def _points(count: int) -> list[int]:
    return sorted({*_steps(count), *(k for k in DROPS if k <= count)})


def _calls_of(explanation: Explanation) -> int:
    return max(explanation.cost.target_calls + explanation.cost.cached_calls, 1)


def _area(steps: Sequence[int], shares: Sequence[float | None]) -> float:
    """The area under a curve over the share of segments, in [0, 1]; interpolates failed points."""
    known = [(k, share) for k, share in zip(steps, shares, strict=True) if share is not None]
    if not known:
        return 0.0
    x, y = np.array(known, dtype=float).T
    return float(scipy.integrate.trapezoid(np.interp(steps, x, y), np.array(steps) / steps[-1]))


def _mean(curves: Sequence[OrderCurves]) -> OrderCurves:
    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    return OrderCurves(
        order="random",
        deletion=tuple(map(mean, zip(*(c.deletion for c in curves), strict=True))),
        insertion=tuple(map(mean, zip(*(c.insertion for c in curves), strict=True))),
        deletion_auc=float(np.mean([c.deletion_auc for c in curves])),
        insertion_auc=float(np.mean([c.insertion_auc for c in curves])),
        drops={
            k: float(np.mean([c.drops[k] for c in curves if k in c.drops]))
            for k in DROPS
            if any(k in c.drops for c in curves)
        },
    )
