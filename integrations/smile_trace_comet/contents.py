"""The contents shown in Comet, built without a network: pages, tables, figures and summaries of
explanations, and one experiment per prompt version, for Comet's diff and its panels."""

import contextlib
import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import fmean
from typing import ClassVar, TypeVar

from smile_trace._guards import foreign
from smile_trace.records import JSON, Call, Explanation, FidelityStatus, PromptUse, Record
from smile_trace.records.comparison import Comparison
from smile_trace.render import STATUS_WORDS, comparison_to_html, driver_text, finest_driver, to_html
from smile_trace.trackers import ExplainedCall, ForgottenTrace
from smile_trace.trackers.fields import strict_json
from smile_trace.trackers.presentation import FIDELITY

SUMMARY = "smile"
"""The key of the compact summaries in a trace's metadata."""

TOP = 5
"""Segments that the compact summary names."""
NOTHING = "none significant"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; background: #fff; color: #1a1f27; font: 15px/1.5 system-ui, sans-serif; }}
body > * {{ max-width: 46rem; margin: 0 auto 2rem; padding: 0 1.5rem; }}
body:has(> .smile-comparison) > * {{ max-width: 76rem; }}
body > h1 {{ font-size: 1.4rem; margin-top: 2rem; margin-bottom: .6rem; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #11171c; color: #eceff3; }} }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(title: str, explanations: Sequence[tuple[str, Explanation]], *, head: str = "") -> str:
    """Return a page of heatmaps, each under its title, after the HTML `head`, which is escaped."""
    body = [f"<h1>{escape(title)}</h1>", head]
    for own_title, explanation in explanations:
        body.append(to_html(explanation, fragment=True, title=own_title))
    return _PAGE.format(title=escape(title), body="\n".join(body))


def attributions_csv(explanation: Explanation) -> bytes:
    """Return a row per segment, in the order of the prompt, for Comet's data panel."""
    columns = (
        *("text", "role", "unit", "attribution", "ci_low", "ci_high"),
        *("p_value", "significant", "verdict", "leave_one_out", "protected", "key"),
    )
    return table_csv(
        columns, ([getattr(segment, name) for name in columns] for segment in explanation.segments)
    )


def table_csv(columns: Sequence[str], rows: Iterable[Sequence[JSON]]) -> bytes:
    """Return a table in CSV; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([strict_json(value) for value in row] for row in rows)
    return text.getvalue().encode()


def compact(explanation: Explanation) -> dict[str, JSON]:
    """Summarise an explanation in a few lines, for the metadata of its trace."""
    fidelity, cost = explanation.fidelity, explanation.cost
    summary: dict[str, JSON] = {
        "status": STATUS_WORDS[fidelity.status],
        "summary": explanation.summary,
        "reason": fidelity.reason,
        "r2_heldout": _rounded(fidelity.r2_heldout),
        "noise_floor": _rounded(fidelity.noise_floor),
        "top": [
            {
                "text": segment.text[:200],
                "attribution": _rounded(segment.attribution),
                "interval": [_rounded(segment.ci_low), _rounded(segment.ci_high)],
            }
            for segment in explanation.ranked[:TOP]
            if segment.significant
        ],
        "target_calls": cost.target_calls,
        "usd": cost.usd,
        "explained_at": explanation.explained_at,
    }
    compacted: dict[str, JSON] = strict_json(summary)
    return compacted


class Row(Record):
    """One explained call in a line."""

    call: str
    model: str
    status: FidelityStatus
    r2_heldout: float | None = None
    target_calls: int = 0
    tokens: int = 0
    usd: float | None = None
    top_segment: str | None = None
    top_attribution: float | None = None
    summary: str = ""
    explained_at: str | None = None


def row_of(call: Call, explanation: Explanation) -> Row:
    """Make the row of one explained call."""
    top = finest_driver(explanation)
    return Row(
        call=call.id,
        model=call.model or explanation.settings.model,
        status=explanation.fidelity.status,
        r2_heldout=explanation.fidelity.r2_heldout,
        target_calls=explanation.cost.target_calls,
        tokens=explanation.cost.tokens,
        usd=explanation.cost.usd,
        top_segment=driver_text(explanation) if top else None,
        top_attribution=top.attribution if top else None,
        summary=explanation.summary,
        explained_at=explanation.explained_at,
    )


def summary_parameters(rows: Sequence[Row], final: Call | None) -> dict[str, JSON]:
    """Return a trace's columns in the project's list, whose names are always the same: those of its
    final answer if that is explained, else of the last call that is."""
    told = next((row for row in rows if final is not None and row.call == final.id), rows[-1])
    return {
        "smile.status": STATUS_WORDS[told.status],
        "smile.top_segment": strict_json(told.top_segment) or NOTHING,
        "smile.top_attribution": _rounded(told.top_attribution) or 0.0,
        "smile.summary": strict_json(told.summary[:500]),
    }


def summary_metrics(rows: Sequence[Row]) -> dict[str, float]:
    """Return numbers over explained calls: counts by status, mean fidelity, cost. Price and mean
    are over the calls that have one, and left out if there is none."""
    statuses = [row.status for row in rows]
    r2 = [row.r2_heldout for row in rows if row.r2_heldout is not None]
    metrics = {
        "smile.explained_calls": float(len(rows)),
        "smile.reliable_calls": float(statuses.count("reliable")),
        "smile.partial_calls": float(statuses.count("partial")),
        "smile.no_effect_calls": float(statuses.count("no_effect")),
        "smile.inconclusive_calls": float(statuses.count("inconclusive")),
        "smile.target_calls": float(sum(row.target_calls for row in rows)),
        "smile.tokens": float(sum(row.tokens for row in rows)),
    }
    prices = [row.usd for row in rows if row.usd is not None]
    metrics |= {"smile.usd": round(sum(prices), 6)} if prices else {}
    return metrics | ({FIDELITY: round(fmean(r2), 4)} if r2 else {})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


R = TypeVar("R", bound=Record)


def read_document(kind: type[R], content: bytes | None) -> R | None:
    """Read a document of ours; None if there is none, or it cannot be read or is beyond the bounds:
    whoever can write it may have changed it."""
    if content is None:
        return None
    try:
        foreign.decode(content)
        return kind.model_validate_json(content)
    except ValueError:
        return None


ROWS = "calls.json"
"""The asset with a row per explained call, from which the numbers are counted."""
TABLE = "calls.csv"
TEMPLATE = "prompt.txt"
LATEST = 10
"""Heatmaps in the HTML panel, the newest first; all of them are assets."""
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
        """The experiment's key: 32 hex digits, always the same. Keys are unique in all of Comet, so
        the workspace is part of it."""
        parts = json.dumps(["smile-trace", self.workspace, self.project, self.name, self.version])
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class VersionReport:
    """Everything that an experiment shows of its prompt version."""

    parameters: dict[str, JSON]
    metrics: dict[str, float]
    others: dict[str, JSON]
    html: str
    assets: dict[str, bytes]
    tags: ClassVar[list[str]] = ["smile-trace", "prompt-version"]


def versions_of(items: Iterable[ExplainedCall]) -> dict[tuple[str, str], list[ExplainedCall]]:
    """Group explained calls by prompt name and version; calls without a Prompt are left out, and
    explanations that do not say by themselves what the answer depends on."""
    groups: dict[tuple[str, str], list[ExplainedCall]] = {}
    for item in (item for item in items if item.is_of_answer):
        for name, version in sorted({(use.name, use.version) for use in item.call.prompts}):
            groups.setdefault((name, version), []).append(item)
    return groups


def version_keys(item: ForgottenTrace, workspace: str, project: str) -> Iterable[VersionKey]:
    """Yield the experiments that may hold something of the trace's calls. If several models answer
    a version, its comparison has an experiment for each."""
    for call in item.calls:
        for name, version in call.prompts:
            labels = (version, *(f"{version} · {model}" for model in call.models))
            yield from (VersionKey(workspace, project, name, label) for label in labels)


def use_of(item: ExplainedCall, name: str, version: str) -> PromptUse:
    """Return the rendering of that prompt version in the call."""
    return next(u for u in item.call.prompts if (u.name, u.version) == (name, version))


def page_name(call_id: str) -> str:
    """Return the name of the asset with a call's heatmap; call ids are hex."""
    return f"heatmaps/{call_id.replace(':', '-')}.html"


def explanation_name(call_id: str) -> str:
    """Return the name of the asset with a call's whole explanation."""
    return f"explanations/{call_id.replace(':', '-')}.json"


def merge_rows(content: bytes | None, items: Iterable[ExplainedCall]) -> list[Row]:
    """Merge old rows, if readable, with those of `items`, one per call, oldest first."""
    rows: dict[str, Row] = {}
    with contextlib.suppress(ValueError, TypeError, KeyError):
        rows = {
            row["call"]: Row.model_validate(row)
            for row in foreign.decode(content or b"[]", lenient=True)
        }
    rows |= {item.call.id: row_of(item.call, item.explanation) for item in items}
    return sorted(rows.values(), key=lambda row: (row.explained_at or "", row.call))


def latest(
    rows: Sequence[Row],
    read: Callable[[str], Explanation | None],
    new: Mapping[str, Explanation] | None = None,
) -> dict[str, Explanation]:
    """Return the explanations in the HTML panel by call, the newest first: of those at hand, else
    those that `read` finds under their name."""
    calls = [row.call for row in reversed(rows[-LATEST:])]
    found = ((call, (new or {}).get(call) or read(explanation_name(call))) for call in calls)
    return {call: explanation for call, explanation in found if explanation}


def version_parameters(
    name: str, version: str, variables: Iterable[str], models: Iterable[str]
) -> dict[str, JSON]:
    """Return the parameters of a prompt version's experiment."""
    parameters: dict[str, JSON] = strict_json(
        {
            "prompt_name": name,
            "prompt_version": version,
            "prompt_variables": ", ".join(sorted(variables)),
            "model": ", ".join(sorted(models)),
        }
    )
    return parameters


def report(
    version: VersionKey,
    template: str,
    rows: Sequence[Row],
    shown: Mapping[str, Explanation],
    items: Sequence[ExplainedCall] = (),
    comparison: Comparison | None = None,
) -> VersionReport:
    """Make the report of one prompt version from `rows`, all of its explained calls. `shown` holds
    explanations by call id, in the order of the HTML panel; files are written only for `items`."""
    title = f"{version.name} v{version.version}"
    variables = use_of(items[-1], version.name, version.version).variables if items else ()
    assets = {
        ROWS: json.dumps([strict_json(row.model_dump()) for row in rows]).encode(),
        TABLE: table_csv(COLUMNS, ([getattr(row, name) for name in COLUMNS] for row in rows)),
        TEMPLATE: str(strict_json(template)).encode(),
    }
    for item in items:
        assets[page_name(item.call.id)] = to_html(item.explanation, title=item.call.name).encode()
        assets[explanation_name(item.call.id)] = item.explanation.model_dump_json().encode()
    return VersionReport(
        parameters=version_parameters(
            version.name, version.version, variables, {row.model for row in rows}
        ),
        metrics=summary_metrics(rows),
        others=strict_json({"Name": title, "prompt_template": template}),
        html=version_page(title, template, rows, shown, comparison),
        assets=assets,
    )


def version_page(
    title: str,
    template: str,
    rows: Sequence[Row],
    shown: Mapping[str, Explanation],
    comparison: Comparison | None,
) -> str:
    """Return the HTML panel: the comparison, if there is one, and the heatmaps."""
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
