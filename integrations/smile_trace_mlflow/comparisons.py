"""Prompt versions side by side: a run per version, with metrics, traces, prompt and the page."""

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from smile_trace.records import JSON
from smile_trace.records.comparison import Comparison, VersionReport
from smile_trace.render.comparison.layout import (
    edit_phrase,
    figures,
    is_settled,
    open_parts,
    part_text,
    safe_name,
    to_tell_more,
    unmeasured,
)
from smile_trace.render.markdown import escape
from smile_trace.render.text import short, signed, visible
from smile_trace.trackers import ComparedPrompt, Receipt
from smile_trace_mlflow.runs import EVALUATION_RUN, NOTE_TAG

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion

    from smile_trace_mlflow.server import Server

    Registered = Callable[[str, str, str], PromptVersion | None]

Rows = list[dict[str, JSON]]

VERSION_TAG = "smile.prompt_version"
PAGE = "comparison.html"
PARTS, EDITS, TRAFFIC = "parts.json", "edits.json", "traffic.json"
PROBES = "probes.json"
"""Tables of a version: influences, edits that led to it, its calls' figures, its probes."""
PAGE_TAG = "smile.comparison"
MAX_TRACES = 100
"""Most traces that MLflow links to a run in one request."""
LONGEST_PARAMETER = 5000
MOST_ROWS = 12
"""Most parts in a run's description."""


def deliver_comparison(
    server: "Server", item: ComparedPrompt, ui_url: str, registered: "Registered"
) -> Receipt:
    """Overwrite every version's run; return the receipt of the last, with its page. `registered`
    maps (name, version, template) to the registry's version with that very template. Raises
    `TrackerUnavailable` and `RequestRejected`."""
    comparison = item.comparison
    page = comparison.to_html()
    receipts = []
    for index, version in enumerate(comparison.versions):
        key = _key(comparison.prompt, version)
        name = safe_name(f"{comparison.prompt} {version.label}")
        run_id = server.find_or_make_run(VERSION_TAG, key, name, _NOTE)
        server.write_parameters(run_id, _parameters(comparison.prompt, version))
        url = f"{ui_url}/#/experiments/{server.experiment_id}/runs/{run_id}/artifacts/{PAGE}"
        server.write_metrics(run_id, figures(comparison, index))
        server.write_artifact(run_id, PAGE, page)
        server.write_artifact(run_id, "comparison.json", comparison.model_dump_json())
        tables = {
            PARTS: _parts(version),
            EDITS: _edits(comparison, index),
            TRAFFIC: _traffic(version),
            PROBES: _probes(comparison, index),
        }
        for path, rows in tables.items():
            server.write_artifact(run_id, path, as_table(rows))
        tags = {
            **EVALUATION_RUN,
            NOTE_TAG: _description(comparison, index, url),
            "smile.calls": str(version.calls),
            "smile.explained": str(version.explained),
            "mlflow.loggedArtifacts": shown_as_tables(tables),
        }
        server.tag_run(run_id, tags)
        if traces := item.traced_as.get(version.label, ())[:MAX_TRACES]:
            server.link_traces(run_id, traces)
        if held := registered(comparison.prompt, version.version, version.template):
            server.show_run_at_prompt(run_id, held)
            server.tag_prompt(held, PAGE_TAG, url)
        receipts.append(Receipt(external_id=run_id, url=url))
    return receipts[-1]


def _description(comparison: Comparison, place: int, page: str) -> str:
    """Describe the findings, the version's settled influences and why others are not, on the run's
    page."""
    version = comparison.versions[place]
    rows = sorted(filter(is_settled, version.segments), key=lambda item: -abs(item.influence))
    lines = [
        f"| {escape(short(part_text(item.segment), 80))} | {signed(item.influence)} "
        f"| {signed(item.ci_low)} to {signed(item.ci_high)} | {item.verdict.replace('_', ' ')} |"
        for item in rows[:MOST_ROWS]
    ]
    if len(rows) > MOST_ROWS:
        lines.append(f"| and {len(rows) - MOST_ROWS:,} more | | | |")
    if lines:
        head = ["| part of the template | influence | interval | verdict |"]
        lines = ["", *head, "| --- | --: | --- | --- |", *lines, ""]
    said = f"{escape(short(comparison.summary, 1000))} [The page]({page})"
    unused = (f"Not used: {why}" for why in version.dropped)
    rest = (open_parts(version), unmeasured(version), to_tell_more(comparison.prompt, version))
    told = filter(None, (*unused, *rest))
    return "\n".join([said, *lines, *(f"\n{escape(why)}." for why in told)])


def _parameters(prompt: str, version: VersionReport) -> dict[str, str]:
    return {
        "prompt": prompt[:LONGEST_PARAMETER],
        "prompt_version": version.version[:LONGEST_PARAMETER],
        "model": version.model or "",
        "template": version.template[:LONGEST_PARAMETER].replace("\0", "\u2400"),
    }


def _parts(version: VersionReport) -> Rows:
    return [
        {
            "part": part_text(item.segment),
            "influence": item.influence,
            "low": item.ci_low,
            "high": item.ci_high,
            "verdict": item.verdict,
            "calls that may need it": item.may_need,
            "tokens saved per 1,000 calls": item.tokens_saved,
        }
        for item in sorted(version.segments, key=lambda item: -item.influence)
        if item.standard_error is not None
    ]


def _edits(comparison: Comparison, place: int) -> Rows:
    """Return the edits that led to a version, and their effects; empty for the first."""
    return [
        {
            "edit": visible(edit_phrase(change.edits[edit])),
            "answers changed": effect.changed,
            "changed a little": effect.changed_little,
            "of inputs": effect.inputs,
            "moved by": effect.distance,
            "share": effect.share,
            "changed the answers": effect.named,
            "tried with": len(effect.edits) - 1,
        }
        for change in comparison.changes
        if change.after == place
        for effect in change.effects
        for edit in effect.edits
    ]


def _traffic(version: VersionReport) -> Rows:
    return [
        {"figure": m.name, "mean": m.mean, "low": m.ci_low, "high": m.ci_high, "calls": m.count}
        for m in version.measures
    ]


def _probes(comparison: Comparison, place: int) -> Rows:
    """Return the rates of a version's probes, and their change from the version before."""
    changed = {
        probe.name: probe
        for change in comparison.changes
        if change.after == place
        for probe in change.probes
    }
    rows = Rows()
    for one in comparison.versions[place].probes:
        change = changed[one.name].change if one.name in changed else None
        rows.append(
            {
                "probe": visible(one.title),
                "answers changed": one.rate.value,
                "low": one.rate.ci_low,
                "high": one.rate.ci_high,
                "calls": one.calls,
                "found in": one.found,
                "change": None if change is None else change.value,
                "change low": None if change is None else change.ci_low,
                "change high": None if change is None else change.ci_high,
            }
        )
    return rows


def as_table(rows: Rows) -> str:
    """Return rows as the file that MLflow draws as a table."""
    columns = list(rows[0]) if rows else []
    data = [[_rounded(value) for value in row.values()] for row in rows]
    table = {"columns": columns, "data": data}
    return json.dumps(table, ensure_ascii=False)


def _rounded(value: JSON) -> JSON:
    """Round a number to four significant digits, as a person reads it in a table."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def shown_as_tables(tables: dict[str, Rows]) -> str:
    """Return the tag that makes MLflow draw these files as tables."""
    return json.dumps([{"path": path, "type": "table"} for path, rows in tables.items() if rows])


def _key(prompt: str, version: VersionReport) -> str:
    """Return the key that finds a run; a hash, because names may hold anything."""
    text = "\0".join([prompt, version.label, version.model or "", version.template])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


_NOTE = "A version of a prompt, compared with others by smile-trace: see the artifact " + PAGE
