"""The daily run: every explanation of a UTC day as a table, a page for each heatmap and path."""

import datetime
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records import JSON, Explanation, Trace
from smile_trace.records.call import trace_id_of
from smile_trace.records.path import ExplanationPath
from smile_trace.render import driver_text, path_to_html, to_html
from smile_trace.render.html import Entry, index_to_html
from smile_trace.render.text import short
from smile_trace.trackers import ExplainedCall, ForgottenTrace, Receipt
from smile_trace.trackers.fields import call_label, model_label
from smile_trace.trackers.presentation import PATH_NAME, view_keys
from smile_trace_mlflow.spans import shown_in

if TYPE_CHECKING:
    from smile_trace_mlflow.server import Server

DAY_TAG = "smile.day"
TABLE, INDEX, PAGES, PATHS = "explanations.json", "index.html", "heatmaps", "paths"
PICTURES = "pictures"
COLUMNS = (
    "function",
    "driver",
    "status",
    "answer",
    "summary",
    "prompt",
    "version",
    "model",
    "page",
    "trace",
    "r2_heldout",
    "noise_floor",
    "target_calls",
    "tokens",
    "usd",
    "explained_at",
    "call",
)
EVALUATION_RUN = {"mlflow.runType": "genai_evaluate"}
"""The tag of a run that MLflow's menu shows among the evaluation runs, with its traces."""
NOTE = (
    "Explanations of logged calls by smile-trace: index.html lists them, explanations.json is the "
    "table, heatmaps/ has a page each, paths/ one for each path of a trace; pictures/ are drawn in "
    "the traces."
)
NOTE_TAG = "mlflow.note.content"
"""The tag of a run's description, which is Markdown."""
_RUN_TAGS = {
    **EVALUATION_RUN,
    # What makes MLflow draw the file as a table.
    "mlflow.loggedArtifacts": json.dumps([{"path": TABLE, "type": "table"}]),
}
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")

Rows = dict[str, dict[str, JSON]]
"""The rows of the table by call; each by column."""


def deliver_day(server: "Server", day: str, items: Sequence[ExplainedCall]) -> Receipt:
    """Put explanations into the run of their day; delivering again changes nothing."""
    run_id = server.find_or_make_run(DAY_TAG, day, f"smile-trace {day}", NOTE)
    for item in items:
        page = to_html(item.explanation, title=call_label(item.call))
        server.write_artifact(run_id, page_path(item), page)
    rows = _read(server.read_artifact(run_id, TABLE))
    rows |= {item.call.id: _row(item) for item in items}
    _write(server, run_id, day, rows)
    server.tag_run(run_id, _RUN_TAGS)
    server.link_traces(run_id, sorted({shown_in(item) for item in items}))
    return Receipt(external_id=run_id)


class Pictures:
    """Writes pictures into the runs of their days, and draws them in the traces.

    MLflow draws an image that is attached to a trace at most 200 pixels high, and one in a Markdown
    text in its own size, if its address is absolute and the text is below 400 characters.
    """

    def __init__(self, server: "Server", ui_url: str) -> None:
        self._server, self._ui_url = server, ui_url

    def put(self, of: str, explanation: Explanation, svg: str) -> str:
        """Write the picture of a call, a step or a path's trace; return the Markdown."""
        day, path = day_of(explanation), picture_path(of)
        run_id = self._server.find_or_make_run(DAY_TAG, day, f"smile-trace {day}", NOTE)
        self._server.write_artifact(run_id, path, svg)
        query = urlencode({"path": path, "run_uuid": run_id})
        told = f"{path} of the run smile-trace {day}"
        return f"![{told}]({self._ui_url}/get-artifact?{query})"


def write_path_page(server: "Server", trace: Trace, path: ExplanationPath) -> None:
    """Put the page of a trace's path into the run of its day."""
    day = day_of(path.steps[0].explanation)
    run_id = server.find_or_make_run(DAY_TAG, day, f"smile-trace {day}", NOTE)
    title = short(f"{PATH_NAME} {trace.span(trace.root_span_id).name}")
    server.write_artifact(run_id, path_page(path.trace_id), path_to_html(path, title=title))


def forget_in_days(server: "Server", item: ForgottenTrace) -> None:
    """Take the pages and rows of a trace's calls out of the runs of their days."""
    call_ids = {call.id for call in item.calls}
    for day in sorted({day for call in item.calls for day in call.days}):
        if run := server.find_run(DAY_TAG, day):
            _forget_in_day(server, str(run.info.run_id), day, call_ids)


def _forget_in_day(server: "Server", run_id: str, day: str, call_ids: set[str]) -> None:
    endings = tuple(f"-{_short_hash(call_id)}.html" for call_id in call_ids)
    for path in server.artifacts(run_id, PAGES):
        if path.endswith(endings):
            server.delete_artifact(run_id, path)
    traces = {trace_id_of(call_id) for call_id in call_ids}
    drawn = {
        picture_path(of)
        for one in (*call_ids, *traces)
        for of in (*view_keys(one), step_picture(one))
    }
    pages = {path_page(trace_id) for trace_id in traces}
    for folder, ours in ((PATHS, pages), (PICTURES, drawn)):
        for path in ours.intersection(server.artifacts(run_id, folder)):
            server.delete_artifact(run_id, path)
    rows = _read(server.read_artifact(run_id, TABLE))
    left = {key: row for key, row in rows.items() if key not in call_ids}
    if left != rows:
        _write(server, run_id, day, left)


def day_of(explanation: Explanation) -> str:
    """Return the UTC day of the explanation, `YYYY-MM-DD`; today if that is unknown."""
    try:
        at = datetime.datetime.fromisoformat(explanation.explained_at or "")
    except ValueError:
        at = datetime.datetime.now(datetime.UTC)
    return at.astimezone(datetime.UTC).date().isoformat()


def page_path(item: ExplainedCall) -> str:
    """Return the path of a call's page: its prompt and version, else its function, and a hash."""
    use = item.call.prompts[0] if item.call.prompts else None
    group = f"{use.name}-v{use.version}" if use else item.call.name
    name = _UNSAFE.sub("-", group).strip("-.")[:60] or "call"
    return f"{PAGES}/{name}-{_short_hash(item.call.id)}.html"


def path_page(trace_id: str) -> str:
    """Return the artifact path of the page of a trace's path."""
    return f"{PATHS}/path-{_short_hash(trace_id)}.html"


def picture_path(of: str) -> str:
    """Return the artifact path of the picture of a call, a path's trace or step."""
    return f"{PICTURES}/{_short_hash(of)}.svg"


def step_picture(call_id: str) -> str:
    """Return what the picture of a path's step is of."""
    return f"step {call_id}"


def _short_hash(call_id: str) -> str:
    return hashlib.sha256(call_id.encode()).hexdigest()[:12]


def _row(item: ExplainedCall) -> dict[str, JSON]:
    call, explanation = item.call, item.explanation
    prompt = call.prompts[0] if call.prompts else None
    return {
        "prompt": prompt.name if prompt else "",
        "version": prompt.version if prompt else "",
        "function": call.name,
        "model": model_label(call.model or explanation.settings.model),
        "driver": driver_text(explanation),
        "status": explanation.fidelity.status,
        "answer": explanation.answer[:500],
        "summary": explanation.summary,
        "page": page_path(item),
        "trace": shown_in(item),
        "r2_heldout": explanation.fidelity.r2_heldout,
        "noise_floor": explanation.fidelity.noise_floor,
        "target_calls": explanation.cost.target_calls,
        "tokens": explanation.cost.tokens,
        "usd": explanation.cost.usd,
        "explained_at": explanation.explained_at,
        "call": call.id,
    }


def _write(server: "Server", run_id: str, day: str, rows: Rows) -> None:
    """Write the table and the index, the newest first, and the metrics."""
    ordered = sorted(rows.values(), key=lambda row: (str(row["explained_at"]), row["call"]))[::-1]
    table = {"columns": list(COLUMNS), "data": [[row[name] for name in COLUMNS] for row in ordered]}
    server.write_artifact(run_id, TABLE, json.dumps(table, ensure_ascii=False))
    entries = [Entry.model_validate(row) for row in ordered]
    server.write_artifact(run_id, INDEX, index_to_html(f"Explanations of {day}", entries))
    server.write_metrics(run_id, _metrics(list(rows.values())))


def _read(text: str | None) -> Rows:
    """Read the rows by call. A table that cannot be read is begun anew; rows that are not ours are
    left out. Columns that another release did not write are None."""
    try:
        table = foreign.decode(text or "{}")
        rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
        found = [{name: row.get(name) for name in COLUMNS} for row in rows]
    except (ForeignDataError, KeyError, TypeError, ValueError):
        return {}
    return {str(row["call"]): row for row in found if _is_ours(row)}


def _is_ours(row: Mapping[str, JSON]) -> bool:
    """Whether a row has the values that are summed up and shown, as we write them."""
    texts = ("prompt", "version", "function", "model", "driver", "answer", "summary", "page")
    return (
        isinstance(row["call"], str)
        and isinstance(row["status"], str)
        and all(row[name] is None or isinstance(row[name], str) for name in texts)
        and isinstance(row["target_calls"], int)
        and (row["usd"] is None or isinstance(row["usd"], int | float))
    )


def _metrics(rows: Sequence[Mapping[str, JSON]]) -> dict[str, float]:
    column = {name: [row[name] for row in rows] for name in COLUMNS}
    known = [r for r in column["r2_heldout"] if isinstance(r, float) and math.isfinite(r)]
    metrics = {
        "smile.explained": float(len(rows)),
        "smile.reliable": float(column["status"].count("reliable")),
        "smile.partial": float(column["status"].count("partial")),
        "smile.no_effect": float(column["status"].count("no_effect")),
        "smile.inconclusive": float(column["status"].count("inconclusive")),
        "smile.target_calls": float(sum(column["target_calls"])),
    }
    prices = [usd for usd in column["usd"] if usd is not None]
    metrics |= {"smile.usd": float(sum(prices))} if prices else {}
    return metrics | ({"smile.fidelity_r2_mean": sum(known) / len(known)} if known else {})
