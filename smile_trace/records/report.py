"""A report over a period: the documents, tools and turns that mattered in its explained calls."""

from typing import Literal

from smile_trace.records.base import Record, Shown, view
from smile_trace.records.upgrades import versioned

REPORT_SCHEMA_VERSION = 1

PartKind = Literal["instruction", "variable", "document", "tool_result", "tool", "turn", "message"]
"""`instruction`: a sentence of a template. `tool`: a definition; `tool_result`: what it
returned."""
GroupKind = Literal["prompt", "function", "retriever", "tool"]


class Share(Record):
    """A share of calls, in [0, 1]: `count` of `of`. A further `open` calls are undecided and not
    among `of`; `[low, high]` holds the share of all, whatever these are (Wilson's intervals)."""

    count: int
    of: int
    open: int = 0
    share: float
    low: float
    high: float


class CitedShares(Record):
    """The citations of this many `answers`. `unused`: those that name a document without a
    measurable effect on the sentence that cites it, or none of the request. `uncited`: of the
    documents that a sentence certainly depends on, those that it does not cite. The intervals count
    an answer as one trial, however many citations it has."""

    answers: int
    unused: Share
    uncited: Share


class Change(Record):
    """The growth of a share since the period before: `grown`, in [-1, 1], inside `[low, high]`
    (Newcombe's interval of the difference of two shares)."""

    before: Share
    grown: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether the share has certainly grown or shrunk."""
        return self.low > 0 or self.high < 0


class ReportedPart(Record):
    """A part of a prompt, document, tool or turn, by name, in the explained calls that hold it.

    `mattered`: calls whose answer certainly depended on it, or in which it certainly worked against
    the answer (`against` of them). `change` is since the period before, None if unknown there.
    `drove`: calls whose answer depended on it most. `attribution` is the mean over the `measured`
    calls in which it was removed alone, in units of answer change, inside `[ci_low, ci_high]`; None
    without any.
    """

    kind: PartKind
    name: str
    mattered: Share
    against: int = 0
    change: Change | None = None
    drove: Share | None = None
    examples: tuple[str, ...] = ()
    measured: int = 0
    attribution: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None


class ReportGroup(Record):
    """The calls of one prompt or function, or those with documents of one retriever or with one
    tool. `inconclusive` of the `explained` calls have an inconclusive explanation. `no_document` is
    the share of calls with retrieved documents in which none mattered; None if no call has any, or
    nothing can be said. `parts` has those that mattered most often first; `more` are not listed."""

    kind: GroupKind
    name: str
    calls: int | None = None
    """All calls of the period, explained or not; None for a retriever or tool."""
    explained: int = 0
    inconclusive: int = 0
    no_document: Share | None = None
    parts: tuple[ReportedPart, ...] = ()
    more: int = 0


class BlamedPart(Record):
    """A part, by name, of calls with wrong answers.

    `behind`: of the explained wrong answers, those that would be right without it, or a piece of
    it, alone or with others. `in_wrong`, `in_others`: calls that hold it. `q_value`, of Fisher's
    exact test after Benjamini and Hochberg: whether wrong ones hold it more often; None where no
    counts could tell, or if it has no name but its text. `examples`: wrong calls.
    """

    kind: PartKind
    name: str
    behind: Share
    in_wrong: int
    in_others: int
    q_value: float | None = None
    more_often: bool = False
    examples: tuple[str, ...] = ()


class WrongAnswers(Record):
    """What stands behind the wrong answers of a prompt or function since then (ISO 8601).

    `wrong` and `others`: calls of the period. Of the wrong ones `explained` have an explanation
    with a target, `nothing_found` of which blame no part, and `by_chance` of which find the answer
    right when it is asked for again; `untold`: nobody wrote what is right, people disagree, or the
    answer says it. `drawn_from`: of how many calls these were drawn; 0 if they are all.
    """

    schema_version: int = 1
    name: str
    since: str
    wrong: int
    others: int
    explained: int
    nothing_found: int = 0
    by_chance: int = 0
    untold: int = 0
    drawn_from: int = 0
    parts: tuple[BlamedPart, ...] = ()
    summary: str = ""
    """A sentence a line."""


class Report(Shown):
    """The parts that mattered in the explained calls of a period."""

    schema_version: int = REPORT_SCHEMA_VERSION
    since: str
    until: str
    """The period, ISO 8601, UTC: calls that began from `since` on, before `until`."""
    name: str | None = None
    """The prompt or function that it is about; None for all."""
    explained: int = 0
    inconclusive: int = 0
    no_document: Share | None = None
    citations: CitedShares | None = None
    groups: tuple[ReportGroup, ...] = ()
    level: float = 0.9
    """Nominal coverage of the intervals."""
    templates: dict[str, str] = {}
    """The templates of the explained calls by version, if it is about one prompt."""
    rolling: bool = False
    """Whether it replaces the previous report of the same name, whatever its days."""
    links: dict[str, str] = {}
    """The address at which a tracker shows a call, by the call's id."""
    summary: str = ""

    _check_version = versioned(REPORT_SCHEMA_VERSION, "report")

    def to_svg(self) -> str:
        """Draw the report as one SVG document; every text in it is escaped."""
        return str(view(self, "svg"))
