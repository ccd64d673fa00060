"""The result: attributions with their intervals, how far to trust them, and what they cost."""

from typing import Literal

from pydantic import model_validator

from smile_trace.records.base import JSON, Record
from smile_trace.records.call import Form, Message
from smile_trace.records.perturbation import Asked, PerturbationKind, Place, Unit
from smile_trace.records.upgrades import upgrade_explanation, upgrade_settings

SCHEMA_VERSION = 2

Signal = Literal["text", "probability"]
FidelityStatus = Literal["reliable", "no_effect", "inconclusive"]


class SegmentAttribution(Record):
    """A segment and how much it supports the answer.

    `attribution` is in units of shift, in [-1, 1]: the estimand of docs/method.md. Positive =
    leaving the segment out takes the answer away. It lies inside `[ci_low, ci_high]`.
    `leave_one_out` is the measured shift when this segment alone was left out, None where it
    was not measured. A protected segment has attribution 0 and no interval of its own: it was
    never left out.
    """

    text: str
    message: int
    role: str
    start: int
    end: int
    unit: Unit
    key: str
    attribution: float
    ci_low: float
    ci_high: float
    p_value: float | None = None
    significant: bool = False
    leave_one_out: float | None = None
    protected: bool = False
    also: tuple[Place, ...] = ()
    """Further places that are left out together with it: (message, start, end)."""
    parent: int | None = None
    """The place in `Explanation.coarser` of the segment that it was cut out of."""
    portion: float | None = None
    """What falls on it of the prompt's first partition, in units of shift: the portions of the
    pieces of a segment add up to its own, and without a parent it is the attribution. None
    where the prompt was looked at in one size only."""

    @property
    def places(self) -> tuple[Place, ...]:
        """Everything that is left out with it, in order."""
        return (self.message, self.start, self.end), *self.also


class Interaction(Record):
    """Two segments (their keys) that work together.

    "either": one of them is enough, the answer is lost only without both. "both": they do
    something only together, without one the other does little. `value` is how much leaving out
    the one changes the effect of leaving out the other, in units of shift, in [-2, 2]; positive =
    "either". It lies inside `[ci_low, ci_high]`, which is as wide as all pairs that were looked
    at ask for.
    """

    kind: Literal["either", "both"]
    first: str
    second: str
    value: float
    ci_low: float
    ci_high: float


class Fidelity(Record):
    """How far the explanation may be trusted.

    `r2_heldout` is the surrogate's cross-validated R² (never in-sample; at most 1, may be
    negative), with its interval. `noise_floor` is the shift, in [0, 1], that the unperturbed
    prompt shows against itself; `noise_ceiling` the largest R² that this noise leaves
    attainable. `interval_level` is the nominal coverage of the attributions' intervals.
    """

    status: FidelityStatus
    reason: str
    r2_heldout: float | None = None
    r2_low: float | None = None
    r2_high: float | None = None
    noise_floor: float = 0.0
    noise_ceiling: float | None = None
    interval_level: float = 0.9


class Cost(Record):
    """What the explanation cost. `usd` is None where a price is unknown."""

    target_calls: int = 0
    proxy_calls: int = 0
    cached_calls: int = 0
    tokens: int = 0
    usd: float | None = None


class ExplanationSettings(Record):
    """Everything that decides an explanation besides the prompt and the responses."""

    model: str
    unit: Unit = "word"
    protect: tuple[str, ...] = ()
    """The user's protect arguments in readable form; what they froze stands on the segments."""
    budget: int = 40
    signal: Literal["auto", "text", "probability"] = "auto"
    proxy: str | None = None
    seed: int = 0
    pooled: bool = False
    """A few masks over the template's own segments, to be pooled over a prompt version's calls."""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, document: JSON) -> JSON:
        return upgrade_settings(document)


class Observation(Record):
    """One perturbation with its shift: the row that pools over calls later.

    `shift` is None where the call failed (`failure` says how). `mask` and `level` are those
    of the perturbation; `text_hash` is the SHA-256 of the messages that went out. `locality` is
    the weight in (0, 1] of a random mask in the linear surrogate, from the prompts alone.
    `asked` says whose response and shift it is.
    """

    kind: PerturbationKind
    mask: tuple[bool, ...]
    keep_probability: float | None = None
    locality: float | None = None
    replicate: int = 0
    level: int = 0
    round: int = 0
    fixed: tuple[int, ...] = ()
    text_hash: str
    response: str | None = None
    shift: float | None = None
    failure: str | None = None
    asked: Asked = "target"


class ProxyUse(Record):
    """What a cheaper model had to do with an explanation.

    `signal` is how the proxy was asked: "probability" = it scored the target's logged answer,
    "text" = its own answers were compared with its own answer to the unperturbed prompt.
    `trust`, in [0, 1], is how far the attributions follow it; `agreement`, in [0, 1], how often
    of two perturbations the one that moved the target more also moved the proxy more (.5 = as
    often as not), None where the target's changes leave nothing to order. `dropped` says why the
    proxy took no part, None where it did; a `signal` of None = it was not asked.
    """

    name: str
    signal: Signal | None = None
    trust: float = 0.0
    agreement: float | None = None
    dropped: str | None = None


class Explanation(Record):
    """One explained answer. JSON in (`model_validate_json`), JSON out (`model_dump_json`)."""

    schema_version: int = SCHEMA_VERSION
    messages: tuple[Message, ...]
    form: Form = "chat"
    answer: str
    part: tuple[int, int] | None = None
    """Characters `[start, end)` of the answer that are explained; None for all of it."""
    signal: Signal
    segments: tuple[SegmentAttribution, ...]
    coarser: tuple[SegmentAttribution, ...] = ()
    """In a long prompt the segments that were looked at more finely, with their own
    attributions; their pieces are among `segments`, and name them as `parent`."""
    interactions: tuple[Interaction, ...] = ()
    """The pairs of which it is sure how they work together; none where the status is not
    `reliable`, and none from a proxy."""
    fidelity: Fidelity
    cost: Cost
    summary: str
    perturbations: tuple[Observation, ...] = ()
    partitions: tuple[tuple[str, ...], ...] = ()
    """Per level, the keys of the units that the masks of that level refer to."""
    settings: ExplanationSettings
    proxy: ProxyUse | None = None
    """What a proxy had to do with it; None where there was none."""
    proxy_scored: bool = False
    """True where a proxy, not the target, scored the target's logged answer."""
    explained_at: str | None = None
    """ISO 8601, UTC; set by whoever drove the Study, which has no clock."""
    metadata: dict[str, JSON] = {}

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, document: JSON) -> JSON:
        return upgrade_explanation(document, SCHEMA_VERSION)

    @property
    def ranked(self) -> tuple[SegmentAttribution, ...]:
        """The segments that could be left out, by attribution, descending."""
        free = (s for s in self.segments if not s.protected)
        return tuple(sorted(free, key=lambda s: -s.attribution))

    def to_html(self) -> str:
        """The heatmap as one self-contained HTML page; every text in it is escaped."""
        from smile_trace import render

        return render.to_html(self)

    def show(self) -> None:
        """Show the heatmap in the notebook, or print it in the terminal."""
        from smile_trace import render

        render.show(self)

    def _repr_html_(self) -> str:
        from smile_trace import render

        return render.to_html(self, fragment=True)
