"""The result: attributions with intervals, fidelity, cost, and the perturbations asked."""

import re
import warnings
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from smile_trace._guards.presentable import presentable, unpunctuated
from smile_trace._options import RENAMED, OldName, StoredOptions
from smile_trace._text.titles import document_name
from smile_trace.errors import ReasonCode
from smile_trace.records.base import JSON, Record, Shown, view
from smile_trace.records.call import Form, PromptUse
from smile_trace.records.citation import USE, Found, Use
from smile_trace.records.formats.reasoning import untagged
from smile_trace.records.message import Message
from smile_trace.records.perturbation import Asked, PerturbationKind, Place, Segment, Unit
from smile_trace.records.upgrades import hash_settings, older_explanation, renamed, versioned
from smile_trace.records.verdicts import (
    SMALLEST_EFFECT,
    Verdict,
    decided,
    effect,
    finest_drivers,
    most_of,
    outermost_drivers,
    verdict_of,
)

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from matplotlib.axes import Axes

SCHEMA_VERSION = 4

METHOD_VERSION = 7
"""Incremented when the same responses would give a different Explanation."""

_LINE = 160

_FIELD_CLAUSE = re.compile(r"; without (?!both ).*? changes?(?=[;.])", re.DOTALL)
"""Of a summary: "; without “Berlin” the field `city` changes"."""

_JSON_METHODS = ("model_dump", "model_dump_json", "model_validate_json")

Signal = Literal["text", "probability"]
FidelityStatus = Literal["reliable", "partial", "no_effect", "inconclusive"]
"""`reliable`: the attributions predict unseen answers, and no open part could be as large as the
smallest named one. `partial`: the significant segments are certain, some others are open.
`no_effect`: an effect of any part is excluded. `inconclusive`: none of these could be shown.
"""


class SegmentAttribution(Record):
    """A segment and how much it supports the answer.

    `attribution`, in units of answer change in [-1, 1], is the estimand of docs/method.md: positive
    if removing the segment takes the answer away. It lies inside `[ci_low, ci_high]`. `own_effect`
    is the surrogate's effect before it was moved into that interval; None: the same.
    `leave_one_out` is the answer change with only this segment removed, None if not measured.
    `fails_without`: without the segment, requests fail significantly more often. A protected
    segment is never removed: its attribution is 0, without an interval, and its `verdict` None.
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
    fails_without: bool = False
    leave_one_out: float | None = None
    own_effect: float | None = None
    protected: bool = False
    verdict: Verdict | None = None
    also: tuple[Place, ...] = ()
    """Further places that are removed together with it."""
    title: str | None = None
    """The name of a retrieved document (`titles.document_name`)."""
    parent: int | None = None
    """The index in `Explanation.coarser` of the segment that this is a piece of."""
    portion: float | None = None
    """The share of the attribution in the prompt's first partition, in units of answer change: the
    portions of a segment's pieces add up to its own, and a segment without a parent has its
    attribution. None if there is only one partition."""

    @model_validator(mode="after")
    def _decide(self) -> "SegmentAttribution":
        if self.verdict is None:  # of release 0.2, or made just now
            object.__setattr__(self, "verdict", verdict_of(self))
        return self

    @property
    def name(self) -> str:
        """The text without the punctuation of the sentence, or the tags, around it."""
        return unpunctuated(untagged(self.text) if self.unit == "reasoning" else self.text)

    @property
    def strength(self) -> float:
        """The key by which segments are ranked, in units of answer change."""
        return self.attribution if self.own_effect is None else self.own_effect

    @property
    def at_most(self) -> float:
        """The largest absolute effect in the interval, or measured with it alone removed, in
        [0, 1]."""
        return max(most_of(self.ci_low, self.ci_high), self.leave_one_out or 0.0)

    @property
    def places(self) -> tuple[Place, ...]:
        """All places that are removed with the segment, in order."""
        return (self.message, self.start, self.end), *self.also


Measured = Literal["alone", "in_pieces", "with_others", "never"]


class DocumentAttribution(Record):
    """A retrieved document that stands in the messages, and how much it supports the answer.

    `measured` says what was removed. `alone`: the document; `attribution`, in units of answer
    change in [-1, 1], lies inside `[ci_low, ci_high]`; `leave_one_out` is the answer change with it
    alone removed, where that was measured. `in_pieces`: its sentences or words, one by one;
    `significant` says whether the answer certainly depends on a piece. `with_others`: only together
    with other text, to all of which `significant` belongs. `never`: it is protected.
    `verdict` covers all that was removed; None if nothing was, and in explanations of release 0.2.
    `span_id` and `retriever` are the id and name of the span that retrieved it, `position` its rank
    there, from 0.
    """

    id: str | None = None
    source: str | None = None
    score: float | None = None
    place: Place
    span_id: str | None = None
    position: int | None = None
    retriever: str | None = None
    measured: Measured
    attribution: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    leave_one_out: float | None = None
    significant: bool = False
    verdict: Verdict | None = None

    @property
    def name(self) -> str | None:
        """The document's name, if it has one (`titles.document_name`)."""
        return document_name(self.source, self.id)


class CitedDocument(Record):
    """A document and a sentence of the answer, characters `[start, end)` of it, which cites the
    document, or depends on it without a citation (`cited` is None).

    `cited` is the citation as written (`[2]`), or the cited passage. `document` is measured on this
    sentence alone; None if the request holds no document of that name. `use` says whether the
    sentence depends on it.
    """

    start: int
    end: int
    cited: str | None = None
    document: DocumentAttribution | None = None

    @property
    def use(self) -> Use:
        """`used`: the sentence certainly depends on the document; `not used`: an effect as large as
        the smallest that matters is excluded, or there is no such document; else `open`."""
        if self.document is None:
            return "not used"
        return USE.get(self.document.verdict, "open")

    @property
    def found(self) -> Found:
        """What is said of the two: `cited and used`, `cited, not used` and the like."""
        if self.use == "used":
            return "used, not cited" if self.cited is None else "cited and used"
        return "open" if self.use == "open" else "cited, not used"

    @property
    def name(self) -> str:
        """The document's name; of a citation that names none, what is written."""
        if self.document is None:
            return self.cited or ""
        return self.document.name or "a document"


class Interaction(Record):
    """An interaction of two segments (their keys).

    `either`: one of them is enough, the answer is lost only without both. `both`: they have an
    effect only together. `value`, inside `[ci_low, ci_high]`, is how much removing one changes the
    effect of removing the other, in units of answer change in [-2, 2]; positive for `either`. The
    interval is simultaneous over all tested pairs.
    """

    kind: Literal["either", "both"]
    first: str
    second: str
    value: float
    ci_low: float
    ci_high: float


class FieldChange(Record):
    """A field of a JSON answer that certainly changes without a segment (its key), all else kept;
    with `also` (another key) only without both, since either is enough. `path` is a JSON path,
    `$.items[0].name`; `share`, in [-1, 1], is how much more often the field has another value, or
    none, without them, on average over what else was removed."""

    key: str
    path: str
    share: float
    also: str | None = None


class Correction(Record):
    """A removal that makes a wrong answer right: without these parts `right` of `of` fresh answers
    met the target, a share inside `[ci_low, ci_high]`."""

    parts: tuple[Segment, ...]
    right: int
    of: int
    ci_low: float
    ci_high: float


class FirstPlace(Record):
    """The segments (keys, of the finest partition) that may have the largest effect, the most
    probable first. There is one key if its `probability` of being first is at least .5, else the
    smallest set with a joint `probability` of at least .8; no key if no small set stands out. A
    segment's nearness to the answer counts, too."""

    keys: tuple[str, ...]
    probability: float


class Fidelity(Record):
    """The trust that the explanation deserves. `r2_heldout` is the surrogate's cross-validated R²
    (at most 1, may be negative) with its interval. `noise_floor` is the answer change, in [0, 1],
    between repeats of the unperturbed prompt, `noise_ceiling` the largest R² attainable under this
    noise. `interval_level` is the nominal coverage of the attributions' intervals."""

    status: FidelityStatus
    reason: str
    r2_heldout: float | None = None
    r2_low: float | None = None
    r2_high: float | None = None
    noise_floor: float = 0.0
    noise_ceiling: float | None = None
    interval_level: float = 0.9
    reproduced: bool = True
    """Whether the unperturbed prompt gave the logged answer again, up to noise."""
    further_calls: int | None = None
    """About how many further calls would settle what is open; None if nothing is, or if it is more
    than ten times the calls already made."""
    unseen: float = 0.0
    """The share of the distinct answers, in [0, 1], that count as unchanged although their words
    differ. If it is large, the comparison may miss real changes."""


class Cost(Record):
    """The cost of the explanation. `usd` is None if a price is unknown."""

    target_calls: int = 0
    proxy_calls: int = 0
    judge_calls: int = 0
    cached_calls: int = 0
    tokens: int = 0
    usd: float | None = None


class ExplanationSettings(Record, StoredOptions):
    """Everything that decides an explanation besides the prompt and the responses."""

    model: str
    unit: Unit = "auto"
    protect: tuple[str, ...] = ()
    """The user's `protect` arguments in readable form."""
    budget: int = 40
    proxy: str | None = None
    pooled: bool = False
    """Whether few masks over the template's own segments are asked, to be pooled over calls."""
    pattern: str | None = None
    """A regular expression whose matches are the units (`unit` is then `span`)."""
    solver: str = "process"
    """The model fitted to the answer changes: `process`, `smile`, or how a regressor was made."""
    scorer: str | None = None
    """What said whether an answer is right: a model, or a function's or scorer's name."""
    smallest_effect: float = Field(SMALLEST_EFFECT, gt=0, lt=1)
    """The smallest effect that matters, in units of answer change: the limit of the verdicts."""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, document: JSON) -> JSON:
        """Take those of release 0.2, which a job's row holds without a version."""
        return renamed(document, RENAMED) if isinstance(document, dict) else document

    if TYPE_CHECKING:  # the options of the second base, which mypy's plugin does not look at

        def __init__(self, *, model: str, **options: Any) -> None: ...

    @property
    def most_calls(self) -> int:
        """The most calls to the model, those until everything is settled included."""
        return max(self.budget, self.until_settled or 0)

    def less(self, calls: int) -> "ExplanationSettings":
        """Return the same for a study before which so many calls were made."""
        most = self.until_settled and self.until_settled - calls
        left = max(self.budget - calls, 1)
        return self.model_copy(update={"budget": left, "until_settled": most})

    @property
    def hash(self) -> str:
        """16 hex digits, the same for equal settings in every release."""
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        return hash_settings(self.model_dump(mode="json"), defaults)


class Observation(Record):
    """One perturbation with its response: a row that can be pooled over calls.

    `shift` is the answer change, in [0, 1] (0: the response says the same as the logged answer);
    None if the call failed. `text_hash` is the SHA-256 of the messages sent, `locality`, in (0, 1],
    a random mask's weight in the linear surrogate, from the prompts alone. `logprobs` are the
    natural log-probabilities of the given answer's tokens if it was scored; `tokens` are these
    tokens if only a part of the answer is explained. With the texts, the same Explanation can be
    computed again.
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
    logprobs: tuple[float, ...] | None = None
    likeliest_by: float | None = None
    tokens: tuple[str, ...] | None = None


class ProxyUse(Record):
    """The part of a proxy (a cheaper model) in an explanation.

    `signal`: "probability" if it scored the target's logged answer, "text" if its own answers were
    compared with its answer to the unperturbed prompt, None if it was not asked. `trust`, in [0,
    1], is its weight in the attributions. `agreement`, in [0, 1], is the concordance: how often, of
    two perturbations, the one with the target's larger answer change has the proxy's larger, too
    (.5: chance); None if the target's do not vary. `dropped` says why the proxy took no part.
    """

    name: str
    signal: Signal | None = None
    trust: float = 0.0
    agreement: float | None = None
    dropped: str | None = None


class Note(Record):
    """Something that a reader of an explanation has to know: a code for programs, and a sentence
    that the summary ends with."""

    code: ReasonCode
    text: str


class Explanation(Shown):
    """One explained answer. JSON in (`model_validate_json`), JSON out (`model_dump_json`)."""

    schema_version: int = SCHEMA_VERSION
    messages: tuple[Message, ...]
    form: Form = "chat"
    answer: str
    answer_cut: bool = False
    """Whether the answer ends at its token limit; the beginning then counts more."""
    answer_part: tuple[int, int] | None = None
    """The characters `[start, end)` of the answer that are explained; None for all."""
    signal: Signal
    segments: tuple[SegmentAttribution, ...]
    coarser: tuple[SegmentAttribution, ...] = ()
    """The segments that were partitioned again; their pieces in `segments` name them as
    `parent`."""
    interactions: tuple[Interaction, ...] = ()
    """The significant pairs, of significant segments if the model varies; none unless the status is
    `reliable`, and none with a proxy."""
    fields: tuple[FieldChange, ...] = ()
    """Changes of a JSON answer that is explained as a whole; none with a proxy."""
    first: FirstPlace | None = None
    """None if nothing is open, or if segments are ranked without their nearness to the answer
    (compared probabilities, a proxy)."""
    met: bool | None = None
    """Whether the logged answer meets the target of the settings; None without one. If it does not,
    attributions are of its error: a part that supports it is a culprit."""
    control: tuple[int, int] | None = None
    """With a target: how many answers to the unchanged request met it, of how many."""
    corrections: tuple[Correction, ...] = ()
    """The smallest removals found that make a wrong answer right, the smallest first."""
    documents: tuple[DocumentAttribution, ...] = ()
    citations: tuple[CitedDocument, ...] = ()
    """What each sentence cites or depends on, of an answer with citations."""
    fidelity: Fidelity
    cost: Cost
    summary: str
    perturbations: tuple[Observation, ...] = ()
    partitions: tuple[tuple[str, ...], ...] = ()
    """The keys of the units that a level's masks refer to, by level."""
    settings: ExplanationSettings
    notes: tuple[Note, ...] = ()
    proxy: ProxyUse | None = None
    proxy_scored: bool = False
    """Whether a proxy, not the target, scored the target's logged answer."""
    explained_at: str | None = None
    """ISO 8601, UTC; set by the driver, since a Study has no clock."""
    package: str | None = None
    """The release of smile-trace that computed it; set by the driver."""
    method: int | None = None
    parameters: dict[str, JSON] = {}
    """The request's parameters, without which it cannot be asked again."""
    prompts: tuple[PromptUse, ...] = ()
    metadata: dict[str, JSON] = {}

    _check_version = versioned(SCHEMA_VERSION, "explanation", oldest=2, upgrade=older_explanation)

    @model_validator(mode="after")
    def _claim_no_doubtful_field(self) -> "Explanation":
        """Up to method 4 parts of several levels may share a key: no field is then said of it."""
        places = defaultdict(set)
        for segment in (*self.segments, *self.coarser) if self.fields else ():
            places[segment.key].add(segment.places)
        sure = tuple(
            change
            for change in self.fields
            if all(len(places[key]) < 2 for key in (change.key, change.also) if key)
        )
        if len(sure) < len(self.fields):
            object.__setattr__(self, "fields", sure)  # frozen: while it is made
            object.__setattr__(self, "summary", _FIELD_CLAUSE.sub("", self.summary))
        return self

    @model_validator(mode="after")
    def _decide(self) -> "Explanation":
        conclusive, limit = self.status != "inconclusive", self.settings.smallest_effect
        for name in ("segments", "coarser"):
            segments = getattr(self, name)
            of = decided(
                segments, self.interactions, self.fields, conclusive=conclusive, limit=limit
            )
            object.__setattr__(self, name, of)  # frozen: while it is made
        return self

    @property
    def ranked(self) -> tuple[SegmentAttribution, ...]:
        """The unprotected segments, by descending strength."""
        free = (s for s in self.segments if not s.protected)
        return tuple(sorted(free, key=lambda s: -s.strength))

    @property
    def status(self) -> FidelityStatus:
        """The status of the fidelity."""
        return self.fidelity.status

    @property
    def part(self) -> tuple[int, int] | None:
        """The name of `answer_part` in release 0.2."""
        warnings.warn("part is called answer_part now", OldName, stacklevel=2)
        return self.answer_part

    @property
    def of_reasoning(self) -> bool:
        """Whether the model's reasoning is explained in place of its answer."""
        return any(note.code is ReasonCode.OF_REASONING for note in self.notes)

    @property
    def drivers(self) -> tuple[SegmentAttribution, ...]:
        """The parts that the answer certainly depends on, the strongest first: the outermost, which
        may be whole messages and tools' results, and the finest inside of them. Parts of a part
        are removed several at a time: their effects do not add up to its own."""
        free = [s for s in self.segments if not s.protected]
        outermost = outermost_drivers(free, self.coarser)
        inside = [s for one in outermost for s in finest_drivers(one, free, self.coarser)]
        known = {s.places for s in outermost}  # some are measured again among finer parts
        found = [*outermost, *(s for s in inside if s.places not in known)]
        return tuple(sorted(found, key=effect, reverse=True))

    def __repr__(self) -> str:
        return "\n".join(
            (
                f"Explanation: {self.status}, {self.cost.target_calls} calls of "
                f"{presentable(self.settings.model, longest=_LINE)}",
                f"  {presentable(self.summary, longest=_LINE)}",
                f"  answer: {presentable(self.answer, longest=_LINE)!r}",
            )
        )

    __str__ = __repr__

    def __dir__(self) -> list[str]:
        own = [n for n in (*vars(type(self)), *vars(Shown)) if not n.startswith("_")]
        return sorted({*type(self).model_fields, *own, *_JSON_METHODS} - {"model_config", "part"})

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas DataFrame with one row per part of every level, in the order of the
        prompt; `inside` is the key of the part that it is a piece of. Raises ExtraMissing if pandas
        is not installed."""
        return view(self, "frame")

    def to_svg(self) -> str:
        """Draw the heatmap as one SVG document; every text in it is escaped."""
        return str(view(self, "svg"))

    def plot(self, *, most: int = 15, ax: "Axes | None" = None) -> "Axes":
        """Draw the strongest segments as a bar chart with intervals: at most so many, in `ax`, by
        default new axes. Raises ExtraMissing if matplotlib is not installed."""
        axes: Axes = view(self, "chart", most=most, ax=ax)
        return axes
