"""Prompt versions side by side: a dataset per prompt, and in it an experiment per version."""

from collections.abc import Sequence
from typing import Any

from smile_trace.records import JSON
from smile_trace.records.comparison import Comparison
from smile_trace.render.comparison.layout import figures
from smile_trace.render.markdown import escape_lines
from smile_trace.trackers import ComparedPrompt, Receipt
from smile_trace.trackers.http import HttpClient
from smile_trace.trackers.version_rows import (
    ABSENT,
    MADE_BY,
    Cell,
    Row,
    about_version,
    comparison_rows,
    made_by_us,
    said_of,
    table_name,
)
from smile_trace_phoenix.server import PhoenixServer

_MOMENT = "1970-01-01T00:00:00+00:00"
"""The time of a run of unknown time, which Phoenix requires."""


def deliver_comparison(server: PhoenixServer, item: ComparedPrompt) -> Receipt:
    """Overwrite the dataset and its experiments; raise `TrackerUnavailable`, `RequestRejected`."""
    comparison, http = item.comparison, server.http
    rows = comparison_rows(comparison)
    dataset = _write_dataset(http, comparison, rows)
    examples = _examples(http, dataset)
    for experiment in _experiments(http, dataset):
        server.delete("experiments", experiment)
    at, made = comparison.compared_at or _MOMENT, []
    for place in range(len(comparison.versions)):
        experiment = _write_experiment(http, dataset, comparison, place)
        for row in rows:
            if row.id in examples:
                cell = row.cells.get(place) or Cell({"": ABSENT}, "")
                _write_run(http, experiment, examples[row.id], cell, at)
        made.append(experiment)
    query = "&".join(f"experimentId={one}" for one in made)
    return Receipt(external_id=dataset, url=f"{server.url}datasets/{dataset}/compare?{query}")


def forget_comparisons(server: PhoenixServer, prompts: set[str]) -> None:
    """Delete the datasets of prompts: examples in them may quote the calls."""
    for prompt in sorted(prompts):
        name = table_name(prompt)
        found = server.http.get("v1/datasets", {"name": name}) or {}
        with server.http.service.reading():
            ids = [str(one["id"]) for one in found.get("data", ()) if one["name"] == name]
        for dataset in ids:
            server.delete("datasets", dataset)


def _write_dataset(http: HttpClient, comparison: Comparison, rows: Sequence[Row]) -> str:
    body = {
        "action": "update",
        "name": table_name(comparison.prompt),
        "description": comparison.summary,
        "inputs": [row.shown for row in rows],
        "outputs": [{} for _ in rows],
        "metadata": [{} for _ in rows],
        "example_ids": [row.id for row in rows],
    }
    answer = http.send("POST", "v1/datasets/upload", body, params={"sync": "true"})
    with http.service.reading():
        return str(answer["data"]["dataset_id"])


def _examples(http: HttpClient, dataset: str) -> dict[str, str]:
    """Return Phoenix's ids of the examples, by ours."""
    answer = http.send("GET", f"v1/datasets/{dataset}/examples")
    with http.service.reading():
        return {str(one["id"]): str(one["node_id"]) for one in answer["data"]["examples"]}


def _experiments(http: HttpClient, dataset: str) -> list[str]:
    """Return our experiments, which a new delivery would only add to."""
    params = {"limit": "1000"}
    answer = http.send("GET", f"v1/datasets/{dataset}/experiments", params=params)
    with http.service.reading():
        return [str(one["id"]) for one in answer["data"] if made_by_us(one["metadata"])]


def _write_experiment(http: HttpClient, dataset: str, comparison: Comparison, place: int) -> str:
    version = comparison.versions[place]
    body = {
        "name": version.label,
        "description": said_of(comparison, place) or comparison.summary,
        "metadata": {**MADE_BY, **about_version(comparison, place), **figures(comparison, place)},
    }
    answer = http.send("POST", f"v1/datasets/{dataset}/experiments", body)
    with http.service.reading():
        return str(answer["data"]["id"])


def _write_run(http: HttpClient, experiment: str, example: str, cell: Cell, at: str) -> None:
    run: dict[str, Any] = {
        "dataset_example_id": example,
        "output": _markdown(cell.output),
        "repetition_number": 1,
        "start_time": at,
        "end_time": at,
    }
    answer = http.send("POST", f"v1/experiments/{experiment}/runs", run)
    if cell.score is None:
        return
    with http.service.reading():
        run_id = str(answer["data"]["id"])
    evaluation = {
        "experiment_run_id": run_id,
        "name": cell.name,
        "annotator_kind": "CODE",
        "start_time": at,
        "end_time": at,
        "result": {"label": cell.label, "score": cell.score},
    }
    http.send("POST", "v1/experiment_evaluations", evaluation)


def _markdown(output: dict[str, JSON]) -> dict[str, JSON]:
    """Return an output of one text as Markdown, as which Phoenix shows it; others are JSON."""
    return {k: escape_lines(v) for k, v in output.items()} if len(output) == 1 else output
