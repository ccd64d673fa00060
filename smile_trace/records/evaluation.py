"""Checks of explanations: curves, measures and the sanity check."""

from typing import Literal

from smile_trace.records.base import Record, view
from smile_trace.records.explanation import Signal

Order = Literal["attribution", "leave_one_out", "random"]


class OrderCurves(Record):
    """Deletion and insertion curves for one order of the segments.

    Each has the retained share of the answer, in [0, 1], at each of `Faithfulness.steps`, with the
    first k segments removed or only these retained; None if the call failed. A good order has a
    small `deletion_auc` and a large `insertion_auc`, both in [0, 1]. `drops` says how much of the
    answer is lost without the first 1, 3 and 5 segments (fewer if the prompt has no more).
    """

    order: Order
    deletion: tuple[float | None, ...]
    insertion: tuple[float | None, ...]
    deletion_auc: float
    insertion_auc: float
    drops: dict[int, float]


class Faithfulness(Record):
    """Whether the segments that an explanation ranks first are those that the answer needs.
    Measured in the explanation's own signal, beside the leave-one-out order at equal calls and the
    mean of `random_orders` random orders. `steps` are numbers of segments, out of `segments`."""

    signal: Signal
    segments: int
    steps: tuple[int, ...]
    attribution: OrderCurves
    leave_one_out: OrderCurves
    random: OrderCurves
    random_orders: int
    noise_floor: float = 0.0
    calls: int = 0
    cached_calls: int = 0

    @property
    def summary(self) -> str:
        """The areas in a sentence."""
        ours, alone, chance = self.attribution, self.leave_one_out, self.random
        faster = "faster than" if ours.deletion_auc < chance.deletion_auc else "no faster than"
        return (
            f"Leaving the parts out in the order of the explanation takes the answer away {faster} "
            f"in a random order (area {ours.deletion_auc:.2f} against {chance.deletion_auc:.2f}; "
            f"by leave-one-out at equal calls {alone.deletion_auc:.2f})."
        )

    def to_svg(self) -> str:
        """Draw both curves of the three orders as one SVG document."""
        return str(view(self, "svg"))

    def _repr_html_(self) -> str:
        return self.to_svg()


class PromptMeasures(Record):
    """gSMILE's measures of one prompt (arXiv 2505.21657, sec. 4); None if undefined.

    `accuracy`: ROC-AUC of the attributions against the marked words, in [0, 1]. `stability`:
    Jaccard index of the top words before and after a small change of the prompt, in [0, 1].
    `consistency`: variance of the attributions over repeats with fresh draws, mean over the words
    (units of answer change squared). `weighted_r2`, `mse`, `mae`: in-sample fidelity of SMILE's
    weighted linear surrogate; `heldout_r2` is cross-validated. The areas are those of
    `Faithfulness`.
    """

    prompt: str
    accuracy: float | None
    stability: float | None
    consistency: float | None
    weighted_r2: float | None
    mse: float | None
    mae: float | None
    heldout_r2: float | None
    deletion_auc: float
    random_deletion_auc: float
    insertion_auc: float
    random_insertion_auc: float
    calls: int
    seconds: float


class Measures(Record):
    """gSMILE's measures over a list of prompts."""

    prompts: tuple[PromptMeasures, ...]

    def mean(self, measure: str) -> float | None:
        """Return a measure's mean over the prompts that have it; None if none has."""
        found = [getattr(prompt, measure) for prompt in self.prompts]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known else None


class SanityCheck(Record):
    """The result of injecting a text with a known effect into a copy of the prompt.

    `passed`: its segments came out on top, and those of a neutral text did not; otherwise `failed`.
    `inconclusive`: the model ignored the injected text, or answered alike without it, or the copy's
    explanation is inconclusive. Each attribution, in units of answer change, is the largest in its
    text.
    """

    outcome: Literal["passed", "failed", "inconclusive"]
    reason: str
    injected: str = ""
    neutral: str = ""
    injected_attribution: float | None = None
    neutral_attribution: float | None = None
    calls: int = 0
    cached_calls: int = 0
