"""The records of what was asked and answered."""

from collections.abc import Iterable, Sequence

from smile_trace.records import Observation, Perturbation, Response


def observations(
    rows: Iterable[tuple[Perturbation, Response | None]],
    changes: Sequence[float | None],
    weights: Sequence[float | None],
    *,
    scored: bool = False,
    of_part: bool = False,
) -> list[Observation]:
    """One record per answered row.

    Args:
        rows: perturbations with their responses, None where there is none yet.
        changes: the rows' answer changes, in [0, 1], None where the call failed.
        weights: their locality weights, in (0, 1], None for masks that were not drawn.
        scored: whether the given answer was scored: then its log-probabilities are kept.
        of_part: whether a part of the answer is explained: then its tokens are kept, too.
    """
    return [
        Observation(
            **row.model_dump(exclude={"messages"}),
            locality=weight,
            text_hash=row.text_hash,
            response=response.text,
            shift=change,
            failure=response.failure,
            logprobs=response.logprobs if scored else None,
            likeliest_by=response.likeliest_by if scored else None,
            tokens=response.tokens if scored and of_part else None,
        )
        for (row, response), change, weight in zip(rows, changes, weights, strict=True)
        if response is not None
    ]
