"""An explanation as inseq's, for its displays and its files."""

from typing import TYPE_CHECKING

from smile_trace.errors import ExtraMissing
from smile_trace.records import Explanation

if TYPE_CHECKING:
    import inseq  # type: ignore[import-not-found]

METHOD = "smile_trace"
"""inseq's name of the attribution method."""


def to_inseq(explanation: Explanation) -> "inseq.FeatureAttributionOutput":
    """The segments that could be removed as inseq's source, the whole answer as one target token.

    `source_attributions` has shape (segments, 1), in units of answer change; inseq has no place
    for intervals. Its `save` writes the file that inseq's `load` reads.

    Raises:
        ExtraMissing: inseq is not installed.
    """
    try:
        import torch  # type: ignore[import-not-found]
        from inseq import FeatureAttributionOutput
        from inseq.data.attribution import (  # type: ignore[import-not-found]
            CoarseFeatureAttributionSequenceOutput,
        )
        from inseq.utils.typing import TokenWithId  # type: ignore[import-not-found]
    except ModuleNotFoundError as error:
        raise ExtraMissing("inseq's output needs inseq: pip install inseq") from error
    free = [segment for segment in explanation.segments if not segment.protected]
    sequence = CoarseFeatureAttributionSequenceOutput(
        source=[TokenWithId(segment.text, k) for k, segment in enumerate(free)],
        target=[TokenWithId(explanation.answer, 0)],
        source_attributions=torch.tensor([[segment.attribution] for segment in free]),
        step_scores={},
        sequence_scores={},
    )
    prompt = "\n".join(message.content for message in explanation.messages)
    return FeatureAttributionOutput(
        sequence_attributions=[sequence],
        info={
            "attribution_method": METHOD,
            "model_name": explanation.settings.model,
            "input_texts": [prompt],
            "generated_texts": [explanation.answer],
            "constrained_decoding": True,
        },
    )
