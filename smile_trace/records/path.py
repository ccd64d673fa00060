"""An explanation path: from the final answer of a trace back to its origins."""

from typing import Literal

from pydantic import Field

from smile_trace._guards.presentable import LONGEST_LINE, presentable
from smile_trace._text.titles import both_ends
from smile_trace.records.base import Record, Shown, view
from smile_trace.records.explanation import Correction, Cost, Explanation, SegmentAttribution
from smile_trace.records.formats.answers import read_tool_calls
from smile_trace.records.perturbation import Segment
from smile_trace.records.tool_results import named_by_tool
from smile_trace.records.upgrades import versioned

PATH_SCHEMA_VERSION = 2

_LONGEST = 60

SourceKind = Literal["tool_result", "output", "document", "tool", "message"]
"""`output`: an earlier call's answer, found verbatim. `tool`: a tool's definition."""


class Source(Record):
    """The place of some drivers of a step, the strongest first, and what follows from there. `name`
    is that of the tool, earlier call or document, or the message's role. `step` is the index in
    `ExplanationPath.steps` of the call that the drivers came from; `not_followed` says why another
    call that they came from has no step. `open`: no driver is certain, and they could matter up to
    so much, in units of answer change."""

    kind: SourceKind
    name: str
    drivers: tuple[SegmentAttribution, ...] = Field(min_length=1)
    step: int | None = None
    not_followed: str | None = None
    open: float | None = Field(None, ge=0, le=1)

    @property
    def where(self) -> str:
        """The place in words, and whether it is open: "in the result of get_order"."""
        at_most = "" if self.open is None else f" (open: could matter up to {self.open:.2f})"
        return self._where + at_most

    @property
    def _where(self) -> str:
        name = presentable(self.name, longest=_LONGEST)
        match self.kind:
            case "tool_result":
                whole = all(d.unit in ("tool_result", "message") for d in self.drivers)
                return "as a whole" if whole else f"in the result of {name}"
            case "output":
                return f"in the output of {name}"
            case "document":
                return f"in {name}" if name.startswith("document ") else f"in the document “{name}”"
            case "tool":
                return "among those offered"
        return f"in the {name} message"


class PathStep(Record):
    """One explained call: `call` is its id (`trace_id:span_id`), `name` that of the function.
    `depth` counts the calls from the final answer (0). A call of a tool has a second explanation,
    `by_tool`, by the tools offered; `note` says which of them is called in its place, or why they
    were not looked at."""

    call: str
    name: str
    depth: int = 0
    explanation: Explanation
    by_tool: Explanation | None = None
    sources: tuple[Source, ...] = ()
    note: str | None = None

    @property
    def keeps_results(self) -> bool:
        """Whether results of tools were protected, so that nothing leads to the calls of them."""
        return any(
            one.protected and slot.result and slot.start <= one.start < slot.end
            for one in self.explanation.segments
            for slot in self.explanation.messages[one.message].slots
        )

    @property
    def remarks(self) -> str:
        """The sentences beside its sources: that results were protected, and the note."""
        kept = "Results of tools were protected, and are not followed." * self.keeps_results
        return f"{kept} {self.note or ''}".strip()

    def named(self, driver: SegmentAttribution) -> str:
        """The driver's text in quotes, of a long one the first and last words; a whole result of a
        tool by its tool."""
        if (result := named_by_tool(driver, self.explanation.messages)) is not None:
            return str(result)
        return f"“{both_ends(presentable(driver.name, longest=LONGEST_LINE))}”"

    @property
    def title(self) -> str:
        """The subject of the explanation: "The call to get_order"."""
        calls = read_tool_calls(self.explanation.answer)
        if calls is not None:
            names = dict.fromkeys(presentable(call.name, longest=_LONGEST) for call in calls)
            return f"The call to {' and '.join(names)}"
        if not self.depth:
            return "The final answer"
        output = f"output of {presentable(self.name, longest=_LONGEST)}"
        part = self.explanation.answer_part
        if part is None:
            return f"The {output}"
        text = presentable(self.explanation.answer[slice(*part)], longest=_LONGEST)
        return f"“{text}” in the {output}"


CulpritKind = Literal["part", "tool", "model"]


class Culprit(Record):
    """Why the end of a trace is wrong, with a target: a *part* of what a call was given (`parts`),
    the result of a *tool* that the call asked for, or the *model* that answered the call, though
    what it was given is right. `correction` says how often the end is right if it is corrected
    there, None if that was not confirmed; `open` names calls of tools whose results nobody knows,
    and `summary` is the sentence."""

    kind: CulpritKind
    call: str
    parts: tuple[Segment, ...] = ()
    correction: Correction | None = None
    open: tuple[str, ...] = ()
    summary: str


class ExplanationPath(Shown):
    """The reasons for the final answer of a trace, call by call. `steps[0]` explains the final
    answer; every other step is named by a source of an earlier one. `budget` is the most calls to
    the models for all steps together. `culprit`: with a target that the final answer does not meet,
    where it went wrong, if that was found."""

    schema_version: int = PATH_SCHEMA_VERSION
    trace_id: str
    steps: tuple[PathStep, ...] = Field(min_length=1)
    summary: str
    budget: int
    cost: Cost
    culprit: Culprit | None = None

    _check_version = versioned(PATH_SCHEMA_VERSION, "path", oldest=1)

    @property
    def ends(self) -> tuple[tuple[int, Source], ...]:
        """The sources at which the path ends, each with the index of its step."""
        return tuple(
            (number, source)
            for number, step in enumerate(self.steps)
            for source in step.sources
            if source.step is None
        )

    def to_svg(self) -> str:
        """Draw the tree of the path as one SVG document; every text in it is escaped."""
        return str(view(self, "svg"))
