"""An explanation's scores as rows (largest first, each passage followed by its segments), as a
pandas DataFrame, and as a bar chart drawn by matplotlib."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smile_trace._guards.presentable import presentable
from smile_trace._text.lists import ordinal
from smile_trace.errors import ExtraMissing
from smile_trace.records import Explanation, Place, SegmentAttribution
from smile_trace.records.tool_results import named_by_tool
from smile_trace.records.verdicts import NO_DIFFERENCE, NOT_MEASURED, STANDS_IN, effect
from smile_trace.render.phrases import enough_beside
from smile_trace.render.text import short

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Row:
    """A segment or passage that can be removed. `depth` counts the passages that contain it;
    `parent` is the innermost. `which` is "the second" if its text occurs more than once in the
    passage of the row `within` (None: in the whole prompt), else empty. `tool`: the name of a
    tool, or of that whose result it is, else empty. `enough`: beside which other part it is not
    needed."""

    segment: SegmentAttribution
    depth: int
    which: str
    within: "Row | None"
    parent: SegmentAttribution | None = None
    tool: str = ""
    enough: str = ""

    @property
    def look(self) -> str:
        """The verdict, or `paired` of an open part that another stands in for."""
        return "paired" if self.enough else str(self.segment.verdict)

    def called(self, text: str) -> str:
        """Return the name of its tool, else the text, after a retrieved document's name."""
        title = self.segment.title
        return self.tool or (text if title is None else f"{short(title, 40)}: {text}")


def rows(explanation: Explanation) -> list[Row]:
    """Return every segment and passage that can be removed, once."""
    pieces: dict[int | None, list[tuple[SegmentAttribution, int | None]]] = {}
    for place, passage in enumerate(explanation.coarser):
        pieces.setdefault(passage.parent, []).append((passage, place))
    for segment in explanation.segments:
        if not segment.protected:
            pieces.setdefault(segment.parent, []).append((segment, None))

    numbers, enough = _numbers(explanation), enough_beside(explanation)
    passages: dict[int | None, Row] = {}

    def below(parent: int | None, depth: int) -> Iterator[Row]:
        for segment, place in sorted(pieces[parent], key=lambda p: _size(p[0]), reverse=True):
            which, scope = numbers[parent, segment.places]
            around = None if parent is None else explanation.coarser[parent]
            tool = named_by_tool(segment, explanation.messages)
            named = "" if tool is None else short(tool.brief)
            within, said = passages.get(scope), enough.get(segment.key, "")
            row = Row(segment, depth, "" if named else which, within, around, named, said)
            yield row
            if place is not None:
                passages[place] = row
                yield from below(place, depth + 1)

    return list(below(None, 0)) if pieces else []


def _size(segment: SegmentAttribution) -> tuple[float, ...]:
    return tuple(map(abs, effect(segment)))


_Scope = int | None
"""The passage in which equal texts are counted; None for the whole prompt."""

_Numbers = dict[tuple[int | None, tuple[Place, ...]], tuple[str, _Scope]]


def _numbers(explanation: Explanation) -> _Numbers:
    """Number equal texts as the summary does: inside a passage that drives the answer, else among
    the segments with the same parent."""
    everything = sorted([*explanation.segments, *explanation.coarser], key=lambda s: s.places)
    inside = [
        (driver, segment)
        for segment in explanation.segments
        if not segment.protected and (driver := _driver_above(segment, explanation)) is not None
    ]
    return _counted((s.parent, s) for s in everything) | _counted(inside)


def _driver_above(segment: SegmentAttribution, explanation: Explanation) -> int | None:
    found = None
    while (parent := segment.parent) is not None:
        segment = explanation.coarser[parent]
        if segment.significant and segment.attribution > 0:
            found = parent
    return found


def _counted(segments: Iterable[tuple[_Scope, SegmentAttribution]]) -> _Numbers:
    equal: dict[tuple[_Scope, str, bool], list[SegmentAttribution]] = {}
    for scope, segment in segments:
        text = " ".join(segment.name.split()), bool(segment.also)
        equal.setdefault((scope, *text), []).append(segment)
    return {
        (segment.parent, segment.places): (
            f"the {ordinal(number)}" if len(same) > 1 and not _has_name(segment) else "",
            scope,
        )
        for (scope, *_), same in equal.items()
        for number, segment in enumerate(same)
    }


def _has_name(segment: SegmentAttribution) -> bool:
    """Whether the summary names it other than by its text: as a message or a variable."""
    return segment.unit == "message" or (segment.unit == "variable" and ":var:" in segment.key)


FRAME_COLUMNS = (
    *("text", "attribution", "ci_low", "ci_high", "p_value", "significant", "verdict"),
    *("fails_without", "leave_one_out", "protected"),
    *("role", "message", "start", "end", "unit", "key", "inside"),
)


def to_frame(explanation: Explanation) -> "pd.DataFrame":
    """Return one row per part of every level, in the order of the prompt, each whole before its
    parts; the columns are `FRAME_COLUMNS`, `inside` is the key of the whole. Raises ExtraMissing if
    pandas is not installed."""
    coarser = explanation.coarser
    parts = sorted(
        (*coarser, *explanation.segments), key=lambda s: (s.message, s.start, -s.end, s.parent or 0)
    )
    return frame(
        [
            [
                *(getattr(part, name) for name in FRAME_COLUMNS[:-1]),
                None if part.parent is None else coarser[part.parent].key,
            ]
            for part in parts
        ],
        FRAME_COLUMNS,
    )


def frame(rows: list[list[object]], columns: Iterable[str]) -> "pd.DataFrame":
    """Return a DataFrame of these rows. Raises ExtraMissing if pandas is not installed."""
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise ExtraMissing("a table needs pandas: pip install pandas") from error
    return pd.DataFrame(rows, columns=list(columns))


_LABEL = 40

_GREY = "#b6bcc4"
_BARS: dict[str, dict[str, Any]] = {
    "supports": {"color": "#4a90f0"},
    "against": {"color": "#f08a2e"},
    "excluded": {"color": _GREY},
    "open": {"facecolor": "none", "edgecolor": _GREY, "hatch": "////"},
    "paired": {"facecolor": "none", "edgecolor": _GREY},
}
LEGEND = {"excluded": NO_DIFFERENCE, "open": NOT_MEASURED, "paired": STANDS_IN}


def plot(explanation: Explanation, *, most: int = 15, ax: "Axes | None" = None) -> "Axes":
    """Draw the strongest segments as horizontal bars with intervals, by default in new axes. Raises
    ExtraMissing if matplotlib is not installed."""
    strongest = sorted(rows(explanation), key=lambda row: _size(row.segment), reverse=True)[:most]
    if ax is None:
        ax = _axes(len(strongest))
    for place, row in enumerate(reversed(strongest)):
        segment = row.segment
        ax.barh(place, segment.attribution, height=0.7, **_BARS[row.look])
        ax.plot([segment.ci_low, segment.ci_high], [place, place], color="#444444", linewidth=1.5)
    shown = {row.look for row in strongest}
    from matplotlib.patches import Patch

    if keys := [Patch(label=said, **_BARS[look]) for look, said in LEGEND.items() if look in shown]:
        ax.legend(handles=keys, loc="lower right", fontsize="small", frameon=False)
    ax.axvline(0, color="#444444", linewidth=0.8)
    # A dollar would begin a formula.
    labels = [
        presentable(row.tool or row.segment.text, longest=_LABEL).replace("$", r"\$")
        for row in reversed(strongest)
    ]
    ax.set_yticks(range(len(labels)), labels)
    level = round(100 * explanation.fidelity.interval_level)
    ax.set_xlabel(f"attribution (answer change without it), {level} % interval")
    ax.set_title(f"{explanation.settings.model}: {explanation.status}".replace("$", r"\$"))
    return ax


def _axes(bars: int) -> "Axes":
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError as error:
        raise ExtraMissing("a chart needs matplotlib: pip install matplotlib") from error
    _, ax = plt.subplots(figsize=(8, 1.2 + 0.32 * bars), layout="constrained")
    return ax
