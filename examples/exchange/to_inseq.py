"""An explanation as inseq's output: the answer is one target token, and intervals have no place."""

import inseq
import torch
from inseq.data.attribution import CoarseFeatureAttributionSequenceOutput
from inseq.utils.typing import TokenWithId

from smile_trace import Explanation


def to_inseq(explanation: Explanation) -> inseq.FeatureAttributionOutput:
    free = [segment for segment in explanation.segments if not segment.protected]
    sequence = CoarseFeatureAttributionSequenceOutput(
        source=[TokenWithId(s.text, k) for k, s in enumerate(free)],
        target=[TokenWithId(explanation.answer, 0)],
        source_attributions=torch.tensor([[s.attribution] for s in free]),
        step_scores={},
        sequence_scores={},
    )
    return inseq.FeatureAttributionOutput(
        sequence_attributions=[sequence],
        info={
            "attribution_method": "smile_trace",
            "constrained_decoding": True,
            "input_texts": ["\n".join(m.content for m in explanation.messages)],
            "generated_texts": [explanation.answer],
        },
    )
