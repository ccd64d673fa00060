"""Prompt versions side by side: a dataset per prompt, and in it an experiment per version.

Opik lists the traces that an experiment's items name, so each cell of the table is a trace. All ids
derive from the comparison, so that delivering it again changes nothing; remains of an older
comparison are deleted last.

Source: opik 2.2.122, `rest_api`; Opik's backend (`ExperimentService.java`, `IdGenerator.java`)
leaves an experiment of a known id as it is, and wants ids in the past.
"""

import datetime
import hashlib
import json
from collections.abc import Collection
from typing import Any

from smile_trace.records import JSON
from smile_trace.records.comparison import Comparison
from smile_trace.render.comparison.layout import figures
from smile_trace.trackers import ComparedPrompt, Receipt
from smile_trace.trackers.fields import known, timestamp
from smile_trace.trackers.http import tolerating
from smile_trace.trackers.presentation import Score
from smile_trace.trackers.version_rows import (
    MADE_BY,
    Cell,
    Row,
    about_version,
    comparison_rows,
    made_by_us,
    said_of,
    table_name,
)
from smile_trace_opik.server import OpikServer
from smile_trace_opik.spans import SOURCE, score_json, time_of, uuid7

ABOUT = "What each part of the prompt does, version by version. Overwritten by smile-trace."
TAGS = ["smile-trace", "prompt version"]
_MS = 1_000_000
_UNKNOWN_NS = 1_735_689_600 * 10**9
"""The time of a comparison without a time: the beginning of 2025."""


def deliver_comparison(server: OpikServer, project: str, item: ComparedPrompt) -> Receipt:
    """Overwrite the prompt's dataset and the experiments of its versions, in `project`. Raises
    `TrackerUnavailable` and `RequestRejected`."""
    comparison, rows = item.comparison, comparison_rows(item.comparison)
    name = table_name(comparison.prompt)
    dataset = _make_dataset(server, project, name)
    at_ns = _compared_ns(comparison)
    # The latest id stands first: the rows get theirs one millisecond apart, backwards.
    items = {
        uuid7(at_ns - place * _MS, f"{dataset} {row.id}"): row for place, row in enumerate(rows)
    }
    shown = [{"id": key, "source": SOURCE, "data": row.shown} for key, row in items.items()]
    server.writing("PUT", "datasets/items", "items", shown, dataset_id=dataset)()
    made = _experiment_ids(dataset, comparison)
    for place, experiment in enumerate(made):
        about = _experiment(comparison, place)
        fields = {"id": experiment, "dataset_name": name, "project_name": project}
        server.write("POST", "experiments", {**fields, **about})
        cells = {key: row for key, row in items.items() if place in row.cells}
        _write_cells(server, project, experiment, place, cells)
    _delete_others(server, dataset, set(made), items)
    return Receipt(external_id=dataset, url=server.comparison_url(dataset, made))


def forget_comparison(server: OpikServer, project: str, prompt: str) -> None:
    """Delete a prompt's dataset with its experiments: they may quote the calls."""
    dataset = _find_dataset(server, project, table_name(prompt))
    if dataset is not None:
        _delete_others(server, dataset, set(), set())
        server.writing("POST", "datasets/delete-batch", "ids", [dataset])()


def _make_dataset(server: OpikServer, project: str, name: str) -> str:
    about = {"name": name, "project_name": project, "description": ABOUT}
    with tolerating(409):  # it is there
        server.write("POST", "datasets", about)
    return _id_of(server, project, name)


def _find_dataset(server: OpikServer, project: str, name: str) -> str | None:
    with tolerating(404):
        return _id_of(server, project, name)
    return None


def _id_of(server: OpikServer, project: str, name: str) -> str:
    body = {"dataset_name": name, "project_name": project}
    with server.service.reading():
        return str(server.ask("POST", "datasets/retrieve", body)["id"])


def _experiment_ids(dataset: str, comparison: Comparison) -> list[str]:
    """Return an id per version of this very comparison: Opik never changes a known experiment."""
    digest = hashlib.sha256(json.dumps(comparison.model_dump()).encode()).hexdigest()
    at_ns = _compared_ns(comparison)
    return [
        uuid7(at_ns + place * _MS, f"{dataset} {digest} {version.label}")
        for place, version in enumerate(comparison.versions)
    ]


def _experiment(comparison: Comparison, place: int) -> dict[str, Any]:
    metadata = {
        **MADE_BY,
        **about_version(comparison, place),
        "summary": said_of(comparison, place),
    }
    scores = figures(comparison, place)
    return {
        "name": f"{comparison.prompt} v{comparison.versions[place].label}",
        "metadata": known(metadata),
        "tags": TAGS,
        "type": "regular",
        "status": "completed",
        "experiment_scores": [{"name": name, "value": scores[name]} for name in sorted(scores)],
    }


def _write_cells(
    server: OpikServer, project: str, experiment: str, place: int, rows: dict[str, Row]
) -> None:
    """Write a version's cells: a trace each, its score, then the items that name them."""
    traces, scores, named = [], [], []
    for item, row in rows.items():
        cell, trace = row.cells[place], _trace_id(experiment, item)
        traces.append(_trace(trace, project, row, cell))
        if cell.score is not None:
            score = Score(cell.name, "number", cell.label, cell.score, "")
            scores.append(score_json(trace, score, project))
        named.append(
            {
                "id": uuid7(time_of(trace), f"item of {trace}"),
                "experiment_id": experiment,
                "dataset_item_id": item,
                "trace_id": trace,
                "project_name": project,
            }
        )
    server.writing_traces(traces)()
    server.writing_scores("trace", scores)()
    server.writing("POST", "experiments/items", "experiment_items", named)()


def _trace_id(experiment: str, item: str) -> str:
    """Return the id of a cell's trace, made of experiment and row alone, to delete it later."""
    return uuid7(time_of(experiment), f"{experiment} {item}")


def _trace(trace_id: str, project: str, row: Row, cell: Cell) -> JSON:
    at = timestamp(time_of(trace_id))
    return {
        "id": trace_id,
        "project_name": project,
        "name": "prompt version",
        "start_time": at,
        "end_time": at,
        "input": row.shown,
        "output": cell.output,
        "metadata": MADE_BY,
        "last_updated_at": at,
        "source": "experiment",
    }


def _delete_others(
    server: OpikServer, dataset: str, experiments: Collection[str], items: Collection[str]
) -> None:
    """Delete our experiments over a dataset except `experiments`, with their traces, then its items
    except `items`. In this order, an interrupted deletion can still find what is left."""
    with server.service.reading():
        held = [str(item["id"]) for item in server.listed(f"datasets/{dataset}/items", {})]
        listed = server.listed("experiments", {"datasetId": dataset})
        ours = [str(one["id"]) for one in listed if made_by_us(one.get("metadata"))]
        others = [one for one in ours if one not in experiments]
        traces = [_trace_id(experiment, item) for experiment in others for item in held]
    stale = [item for item in held if item not in items]
    server.writing("POST", "traces/delete", "ids", traces)()
    server.writing("POST", "experiments/delete", "ids", others)()
    server.writing("POST", "datasets/items/delete", "item_ids", stale)()


def _compared_ns(comparison: Comparison) -> int:
    if comparison.compared_at is None:
        return _UNKNOWN_NS
    return int(datetime.datetime.fromisoformat(comparison.compared_at).timestamp() * 1000) * _MS
