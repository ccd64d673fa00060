"""Prompt iterations: one Comet experiment per prompt version, for its diff and its panels.

The content is built here, without a network; `CometTracker` writes it to a server and
`CometArchiveTracker` into Comet's offline archives.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from smile_trace._guards import foreign
from smile_trace.records import JSON, Explanation, PromptUse
from smile_trace.records.comparison import Comparison
from smile_trace.render import STATUS_WORDS, comparison_to_html, to_html
from smile_trace.trackers import ExplainedCall, ForgottenTrace
from smile_trace.trackers.fields import strict_json
from smile_trace_comet.contents import Row, page, row_of, summary_metrics, table_csv

ROWS = "calls.json"
"""The asset that holds a row per explained call: what the numbers are counted from."""
TABLE = "calls.csv"
TEMPLATE = "prompt.txt"
LATEST = 10
"""How many heatmaps the HTML panel shows, the newest first; all of them are assets."""
COLUMNS = tuple(Row.model_fields)


@dataclass(frozen=True)
class VersionKey:
    """A prompt version within a workspace and a project."""

    workspace: str
    project: str
    name: str
    version: str

    @property
    def key(self) -> str:
        """The experiment's key: 32 hex digits, the same wherever and whenever it is made.

        Keys are unique in all of Comet, so the workspace, which is, too, is part of it.
        """
        parts = json.dumps(["smile-trace", self.workspace, self.project, self.name, self.version])
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class VersionReport:
    """Everything that an experiment shows of its prompt version."""

    name: str
    parameters: dict[str, JSON]
    metrics: dict[str, float]
    others: dict[str, JSON]
    html: str
    assets: dict[str, bytes] = field(default_factory=dict)
    tags: tuple[str, ...] = ("smile-trace", "prompt-version")


def versions_of(items: Iterable[ExplainedCall]) -> dict[tuple[str, str], list[ExplainedCall]]:
    """Explained calls by prompt name and version; a call without a Prompt is in none."""
    groups: dict[tuple[str, str], list[ExplainedCall]] = {}
    for item in items:
        for name, version in sorted({(use.name, use.version) for use in item.call.prompts}):
            groups.setdefault((name, version), []).append(item)
    return groups


def version_keys(item: ForgottenTrace, workspace: str, project: str) -> Iterable[VersionKey]:
    """The experiments that may hold something of the trace's calls.

    Where several models answer a version, its comparison has an experiment for each of them.
    """
    for call in item.calls:
        for name, version in call.prompts:
            labels = (version, *(f"{version} · {model}" for model in call.models))
            yield from (VersionKey(workspace, project, name, label) for label in labels)


def use_of(item: ExplainedCall, name: str, version: str) -> PromptUse:
    """The rendering of that prompt version in the call."""
    return next(u for u in item.call.prompts if (u.name, u.version) == (name, version))


def page_name(call_id: str) -> str:
    """The asset with a call's heatmap; its ids are hex."""
    return f"heatmaps/{call_id.replace(':', '-')}.html"


def explanation_name(call_id: str) -> str:
    """The asset with a call's whole explanation."""
    return f"explanations/{call_id.replace(':', '-')}.json"


def merge_rows(content: bytes | None, items: Iterable[ExplainedCall]) -> list[Row]:
    """The rows that were there and those of `items`, one per call, oldest first.

    A document that nobody can read any more is begun anew.
    """
    rows: dict[str, Row] = {}
    with contextlib.suppress(ValueError, TypeError, KeyError):
        rows = {
            row["call"]: Row.model_validate(row)
            for row in foreign.decode(content or b"[]", lenient=True)
        }
    rows |= {item.call.id: row_of(item.call, item.explanation) for item in items}
    return sorted(rows.values(), key=lambda row: (row.explained_at or "", row.call))


def rows_document(rows: Sequence[Row]) -> bytes:
    """The asset `ROWS`."""
    return json.dumps([strict_json(row.model_dump()) for row in rows]).encode()


def latest(rows: Sequence[Row]) -> list[str]:
    """The ids of the calls that the HTML panel shows, the newest first."""
    return [row.call for row in reversed(rows[-LATEST:])]


def report(
    version: VersionKey,
    use: PromptUse,
    rows: Sequence[Row],
    shown: Mapping[str, Explanation],
    items: Iterable[ExplainedCall],
    comparison: Comparison | None = None,
) -> VersionReport:
    """The report of one prompt version.

    Args:
        rows: every explained call of the version.
        shown: explanations by call id, in the order of the HTML panel.
        items: the calls whose own files are to be written.
        comparison: the version beside others, where it was compared.
    """
    title = f"{version.name} v{version.version}"
    assets = {
        ROWS: rows_document(rows),
        TABLE: table_csv(COLUMNS, ([getattr(row, name) for name in COLUMNS] for row in rows)),
        TEMPLATE: str(strict_json(use.template)).encode(),
    }
    for item in items:
        assets[page_name(item.call.id)] = to_html(item.explanation, title=item.call.name).encode()
        assets[explanation_name(item.call.id)] = item.explanation.model_dump_json().encode()
    return VersionReport(
        name=str(strict_json(title)),
        parameters=strict_json(
            {
                "prompt_name": version.name,
                "prompt_version": version.version,
                "prompt_variables": ", ".join(sorted(use.variables)),
                "model": ", ".join(sorted({row.model for row in rows})),
            }
        ),
        metrics=summary_metrics(rows),
        others=strict_json({"Name": title, "prompt_template": use.template}),
        html=version_page(title, use.template, rows, shown, comparison),
        assets=assets,
    )


def version_page(
    title: str,
    template: str,
    rows: Sequence[Row],
    shown: Mapping[str, Explanation],
    comparison: Comparison | None,
) -> str:
    """What the HTML panel shows: the version beside others, where compared, and its heatmaps."""
    head = comparison_to_html(comparison, fragment=True) if comparison is not None else ""
    if rows or comparison is None:
        head += _head(template, rows)
    heatmaps = [(f"Trace {call.partition(':')[0]}", shown[call]) for call in shown]
    return str(strict_json(page(title, heatmaps, head=head)))


def _head(template: str, rows: Sequence[Row]) -> str:
    counts = [
        f"{number} {STATUS_WORDS[status]}"
        for status in STATUS_WORDS
        if (number := sum(row.status == status for row in rows))
    ]
    more = (
        f" The newest {LATEST} are below; all are among the assets." if len(rows) > LATEST else ""
    )
    return (
        f"<p>{len(rows)} explained calls: {escape(', '.join(counts))}.{more}</p>"
        f'<pre style="white-space: pre-wrap">{escape(template)}</pre>'
    )
