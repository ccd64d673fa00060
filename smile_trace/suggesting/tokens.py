"""How many tokens a changed template saves: by the model's tokenizer, or by reported usage."""

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from smile_trace.comparison.input_models import Input, request_of
from smile_trace.models.base import Model, counts_tokens
from smile_trace.records import Response
from smile_trace.suggesting.replays import Replays

Saved = tuple[float, Literal["tokenizer", "usage"]]
"""Input tokens per call, and who counted them."""


async def tokens_saved(
    replays: Replays, model: Model, before: str, after: str, inputs: Sequence[Input]
) -> Saved | None:
    """The input tokens that a call takes less, on average; None where nobody counted them.

    Args:
        model: who answers.
        inputs: that both templates were asked over.
    """
    if counts_tokens(model):
        old, new = ([request_of(item, text) for item in inputs] for text in (before, after))
        counts = await model.count_tokens(old), await model.count_tokens(new)
        return (sum(counts[0]) - sum(counts[1])) / len(inputs), "tokenizer"
    old_used, new_used = [await replays.responses(text, inputs) for text in (before, after)]
    pairs = [
        (one, other)
        for olds, news in zip(old_used, new_used, strict=True)
        if (one := _input(olds[0])) is not None and (other := _input(news[0])) is not None
    ]
    return (fmean(one - other for one, other in pairs), "usage") if pairs else None


def _input(response: Response) -> int | None:
    return None if response.usage is None else response.usage.input_tokens
