"""The daily run: every explanation of a UTC day as a table, with a page for each heatmap."""

import datetime
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from smile_trace import foreign
from smile_trace.foreign import ForeignDataError
from smile_trace.records import JSON, Explanation
from smile_trace.render import to_html
from smile_trace.trackers import ExplainedCall
from smile_trace.trackers.names import call_label, function_label, model_label

if TYPE_CHECKING:
    from smile_trace_mlflow.server import Server

DAY_TAG = "smile.day"
TABLE = "explanations.json"
COLUMNS = (
    "call",
    "trace",
    "prompt",
    "version",
    "model",
    "status",
    "r2_heldout",
    "noise_floor",
    "summary",
    "answer",
    "target_calls",
    "tokens",
    "usd",
    "explained_at",
)


def deliver_day(server: "Server", day: str, items: Sequence[ExplainedCall]) -> str:
    """Put explanations into the run of their day; gives the run's id.

    The table is merged by call and written over, so that delivering again changes nothing.
    """
    run_id = server.find_or_make_run(DAY_TAG, day, f"smile-trace {day}", _NOTE)
    for item in items:
        server.write_artifact(
            run_id,
            f"heatmaps/{page_name(item)}",
            to_html(item.explanation, title=call_label(item.trace, item.call)),
        )
    rows = _read(server.read_artifact(run_id, TABLE))
    rows |= {item.call.id: _row(item) for item in items}
    _write(server, run_id, rows)
    return run_id


def forget_in_day(server: "Server", run_id: str, call_ids: set[str]) -> None:
    """Take calls out of the run of a day: their pages and their rows."""
    for call_id in sorted(call_ids):
        server.delete_artifact(run_id, f"heatmaps/{call_id.replace(':', '-')}.html")
    rows = _read(server.read_artifact(run_id, TABLE))
    left = {key: row for key, row in rows.items() if key not in call_ids}
    if left != rows:
        _write(server, run_id, left)


def _write(server: "Server", run_id: str, rows: Mapping[str, list[JSON]]) -> None:
    table = {"columns": list(COLUMNS), "data": [rows[key] for key in sorted(rows)]}
    server.write_artifact(run_id, TABLE, json.dumps(table, ensure_ascii=False))
    server.write_metrics(run_id, _metrics(list(rows.values())))


def day_of(explanation: Explanation) -> str:
    """The UTC day on which it was explained, `YYYY-MM-DD`; today's where that is unknown."""
    try:
        at = datetime.datetime.fromisoformat(explanation.explained_at or "")
    except ValueError:
        at = datetime.datetime.now(datetime.UTC)
    return at.astimezone(datetime.UTC).date().isoformat()


def page_name(item: ExplainedCall) -> str:
    """The file name of a call's page: its ids, which are hex."""
    return f"{item.call.trace_id}-{item.call.span_id}.html"


def _row(item: ExplainedCall) -> list[JSON]:
    call, explanation = item.call, item.explanation
    prompt = call.prompts[0] if call.prompts else None
    return [
        call.id,
        item.traced_as,
        prompt.name if prompt else function_label(item.trace, call),
        prompt.version if prompt else "",
        model_label(call.model or explanation.settings.model),
        explanation.fidelity.status,
        explanation.fidelity.r2_heldout,
        explanation.fidelity.noise_floor,
        explanation.summary,
        explanation.answer[:500],
        explanation.cost.target_calls,
        explanation.cost.tokens,
        explanation.cost.usd,
        explanation.explained_at,
    ]


def _read(text: str | None) -> dict[str, list[JSON]]:
    """The rows by call; a table that nobody can read any more is begun anew, without rows that
    are not ours."""
    try:
        table = foreign.decode(text or "{}")
        same = table.get("columns") == list(COLUMNS)
        return {row[0]: row for row in table["data"] if _is_row(row)} if same else {}
    except (ForeignDataError, AttributeError, KeyError, TypeError):
        return {}


def _is_row(row: JSON) -> bool:
    """Whether a row has our columns, and in those that are summed up what can be summed up."""
    if not isinstance(row, list) or len(row) != len(COLUMNS):
        return False
    held = dict(zip(COLUMNS, row, strict=True))
    return (
        isinstance(held["call"], str)
        and isinstance(held["target_calls"], int)
        and (held["usd"] is None or isinstance(held["usd"], int | float))
    )


def _metrics(rows: Sequence[list[JSON]]) -> dict[str, float]:
    column = {name: [row[i] for row in rows] for i, name in enumerate(COLUMNS)}
    known = [r for r in column["r2_heldout"] if isinstance(r, float) and math.isfinite(r)]
    metrics = {
        "smile.explained": float(len(rows)),
        "smile.reliable": float(column["status"].count("reliable")),
        "smile.partial": float(column["status"].count("partial")),
        "smile.no_effect": float(column["status"].count("no_effect")),
        "smile.inconclusive": float(column["status"].count("inconclusive")),
        "smile.target_calls": float(sum(column["target_calls"])),
        "smile.usd": float(sum(usd or 0.0 for usd in column["usd"])),
    }
    return metrics | ({"smile.fidelity_r2_mean": sum(known) / len(known)} if known else {})


_NOTE = "Explanations of logged calls by smile-trace: the table explanations.json, a page each."
