"""Whether the comparison of answers may not see what changed in them."""

from collections.abc import Sequence

import numpy as np

from smile_trace.attribution.segmentation import boundaries

UNCHANGED = 0.005
"""An answer change that is shown as 0.00."""

REWORDED = 0.2
"""Share of the logged answer's content words that a response has to leave out to differ from it by
more than rewording."""

_SHORT = 3
"""Letters of a word up to which it is taken for one of grammar."""


def unseen_share(answer: str, responses: Sequence[str], changes: Sequence[float]) -> float:
    """The share of the distinct responses that count as unchanged although their words differ.

    Args:
        answer: the logged answer.
        responses: texts, of which some may be the same.
        changes: their answer changes in [0, 1], before those of the unperturbed prompt are taken
            off.
    """
    of_text = dict(zip(responses, changes, strict=True))
    said = _content(answer)
    unseen = [
        change < UNCHANGED and len(said - _content(text)) >= REWORDED * len(said)
        for text, change in of_text.items()
        if text.strip() != answer.strip()
    ]
    return float(np.mean(unseen)) if said and unseen else 0.0


def _content(text: str) -> frozenset[str]:
    """The words that tell something: the longer ones, and numbers; of a text without, all."""
    words = [
        text[start:end].strip(".,;:!?()\"'").casefold() for start, end in boundaries.words(text)
    ]
    telling = [w for w in words if len(w) > _SHORT or any(c.isdigit() for c in w)]
    return frozenset(telling or words) - {""}
