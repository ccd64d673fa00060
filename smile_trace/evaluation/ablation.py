"""Ablation: how much of an explained answer remains when segments of its prompt are removed."""

from collections.abc import Iterable, Sequence

import numpy as np

from smile_trace.attribution import Answered, Embed
from smile_trace.attribution.answer_change.response_scores import answer_words, score_responses
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.explaining.driver import StudyVectors, ask_model, run_in_thread
from smile_trace.models import Model
from smile_trace.records import (
    JSON,
    Explanation,
    Perturbation,
    Prompted,
    Response,
    Segment,
)

Mask = tuple[bool, ...]
"""Which segments are retained."""


class Ablation:
    """Measures how much of an explanation's answer remains under masks over its segments.

    Args:
        explanation: its segments are removed; its signal and its part of the answer count.
        model: the model that is asked.
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
            messages=explanation.messages, form=explanation.form, parameters=parameters
        )
        self._answer, self._signal = explanation.answer, explanation.signal
        fields = set(Segment.model_fields) - {"parent"}
        segments = [Segment(**s.model_dump(include=fields)) for s in explanation.segments]
        self._model = model
        self._perturber = Perturber(self._prompted, segments)
        self._unperturbed: Mask = (True,) * len(segments)
        self._part = explanation.part
        self._vectors = StudyVectors(embed)
        self._text_change = text_comparison(
            explanation.answer,
            self._vectors.table,
            explanation.settings.distance,
            explanation.part,
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
        """The share of the answer that remains, in [0, 1], mean over the replicates.

        None where every call failed; 0 where a mask leaves nothing to send, which is not asked.
        """
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
