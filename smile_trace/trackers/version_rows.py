"""Prompt versions as columns of a table, for backends that compare runs over the same examples."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from smile_trace.records import JSON
from smile_trace.records.comparison import Comparison, Influence
from smile_trace.render.comparison.layout import (
    edit_phrase,
    edit_verdict,
    open_parts,
    part_text,
    safe_name,
    to_tell_more,
    unmeasured,
)
from smile_trace.render.text import signed, visible

INFLUENCE, CHANGE, EDIT = "influence", "answer change", "effect of the edit"
ABSENT = "not in this version"
MADE_BY = {"made_by": "smile-trace"}
"""Metadata that marks our columns, which may be overwritten."""


@dataclass
class Cell:
    """One version's entry in a row; `score` is the evaluation of that name."""

    output: dict[str, JSON]
    name: str
    label: str | None = None
    score: float | None = None


@dataclass
class Row:
    """An example, with its cells by the index of the version. `key`: what a row keeps its id by
    where its text changes; by default the text."""

    shown: dict[str, JSON]
    cells: dict[int, Cell] = field(default_factory=dict)
    key: str = ""

    @property
    def id(self) -> str:
        """A hash of the example, so that a table that is overwritten keeps it, and its order."""
        text = self.key or json.dumps(self.shown, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def comparison_rows(comparison: Comparison) -> list[Row]:
    """Return all rows, each once: what changed, each edit, the inputs, then the parts of the
    templates."""
    rows = (*change_rows(comparison), *answer_rows(comparison), *part_rows(comparison))
    return list({row.id: row for row in rows}.values())


def table_name(prompt: str) -> str:
    """Return the name of a prompt's table, by which it is found again."""
    safe = safe_name(prompt)
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{safe if safe == prompt else f'{safe} {digest}'}: prompt versions"


def about_version(comparison: Comparison, place: int) -> dict[str, JSON]:
    """Return a version's facts besides its rows and figures."""
    version = comparison.versions[place]
    return {
        "prompt_version": version.version,
        "model": version.model,
        "template": version.template,
        "calls": version.calls,
        "explained": version.explained,
    }


def said_of(comparison: Comparison, place: int) -> str:
    """Return the sentences about a version's changes from earlier ones; empty if there are none."""
    said = (change.summary for change in comparison.changes if change.after == place)
    return " ".join(filter(None, said))


def made_by_us(metadata: Mapping[str, JSON] | None) -> bool:
    """Whether this is the metadata of one of our columns."""
    return dict(metadata or {}).items() >= MADE_BY.items()


def change_rows(comparison: Comparison) -> list[Row]:
    """Return a row per change of version, what it did above the new template, and then a row for
    each of its edits."""
    rows: list[Row] = []
    versions, limit = comparison.versions, comparison.settings.smallest_effect
    for number, change in enumerate(comparison.changes):
        before, after = versions[change.before], versions[change.after]
        said = f"{change.summary}\n\n{after.template}".strip()
        row = Row({"change": visible(f"{before.label} → {after.label}")}, key=f"change {number}")
        row.cells[change.before] = _text(before.template, CHANGE)
        row.cells[change.after] = _text(said, CHANGE)
        rows.append(row)
        for place, edit in enumerate(change.edits):
            label, told = edit_verdict(change, place, limit)
            row = Row({"edit": visible(edit_phrase(edit))}, key=f"edit {number} {place}")
            row.cells[change.before] = _text(edit.before.strip() or ABSENT, EDIT)
            row.cells[change.after] = _text(f"{edit.after.strip() or ABSENT}\n\n{told}", EDIT)
            row.cells[change.after].label = label
            rows.append(row)
    return rows


def _text(text: str, name: str) -> Cell:
    """Return a cell of one text, which needs no reading of JSON."""
    return Cell({"text": visible(text)}, name)


def part_rows(comparison: Comparison) -> list[Row]:
    """Return a row per part of the templates that is settled in a version, and one that counts the
    others; a part that was edited or moved is the same row."""
    rows = [row for row in _all_parts(comparison) if row.cells.keys() - _open(row)]
    others = Row({"parts": "the others"}, key="other parts")
    for place, version in enumerate(comparison.versions):
        more = to_tell_more(comparison.prompt, version)
        if told := "\n".join(filter(None, (open_parts(version), unmeasured(version), more))):
            others.cells[place] = _text(told, INFLUENCE)
    return [*rows, others] if others.cells else rows


def _open(row: Row) -> set[int]:
    return {place for place, cell in row.cells.items() if cell.label == "open"}


def _all_parts(comparison: Comparison) -> list[Row]:
    rows: list[Row] = []
    row_of: dict[tuple[int, int], Row] = {}
    for place, version in enumerate(comparison.versions):
        earlier = _earlier(comparison, place)
        for index, influence in enumerate(version.segments):
            row = row_of.get(earlier.get(index, (-1, -1)))
            if row is None or place in row.cells:
                row = Row({"part": f"{len(rows) + 1}. {part_text(influence.segment)}"})
                rows.append(row)
            row.cells[place] = _part(influence)
            row_of[place, index] = row
    return rows


def _earlier(comparison: Comparison, place: int) -> dict[int, tuple[int, int]]:
    """Find where a version's parts stood before, by their index in it: as its change says, or else
    the part of the same text in the version before."""
    found: dict[int, tuple[int, int]] = {}
    for change in comparison.changes:
        if change.after == place and change.before < place:
            for segment in change.segments:
                if segment.after is not None and segment.before is not None:
                    found.setdefault(segment.after, (change.before, segment.before))
    if not found and place > 0:
        before = comparison.versions[place - 1].segments
        texts = {item.segment.text: index for index, item in enumerate(before)}
        for index, item in enumerate(comparison.versions[place].segments):
            if item.segment.text in texts:
                found[index] = (place - 1, texts[item.segment.text])
    return found


def _part(item: Influence) -> Cell:
    output: dict[str, JSON] = {
        "part": part_text(item.segment),
        "verdict": item.verdict.replace("_", " "),
        "influence": f"{signed(item.influence)} [{signed(item.ci_low)}, {signed(item.ci_high)}]",
    }
    if item.tokens_saved:
        output["tokens saved per 1,000 calls"] = round(item.tokens_saved)
    return Cell(output, INFLUENCE, item.verdict, round(item.influence, 4))


def answer_rows(comparison: Comparison) -> list[Row]:
    """Return a row per input that both versions of a change were asked, with their answers."""
    rows: dict[str, Row] = {}
    for change in comparison.changes:
        for example in change.examples:
            new = Row({"input": {k: visible(v) for k, v in example.variables.items()}})
            row = rows.setdefault(new.id, new)
            before, after = visible(example.before), visible(example.after)
            row.cells.setdefault(change.before, Cell({"answer": before}, CHANGE))
            row.cells[change.after] = Cell(
                {"answer": after}, CHANGE, score=round(example.distance, 4)
            )
    return list(rows.values())
