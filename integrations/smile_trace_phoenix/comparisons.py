"""Prompt versions side by side: a dataset per prompt, and in it an experiment per version.

The dataset's examples are the parts of the templates, with what each does in every version, and the
inputs on which versions' answers were compared, with the answers.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from smile_trace.records import JSON
from smile_trace.records.comparison import Comparison, Influence, VersionReport
from smile_trace.render.comparison.figures import figures, safe_name
from smile_trace.render.text import signed, visible
from smile_trace.trackers import ComparedPrompt, Receipt
from smile_trace.trackers.http import HttpClient
from smile_trace_phoenix.server import PhoenixServer

INFLUENCE, CHANGE = "influence", "answer change"
MADE_BY = {"made_by": "smile-trace"}
"""In the metadata of our experiments: what is written over."""
ABSENT = "not in this version"
_MOMENT = "1970-01-01T00:00:00+00:00"
"""Where nothing is known of when a run was, and Phoenix wants to be told."""


@dataclass
class Cell:
    """What one version has in a row; `score` is the evaluation of that name."""

    output: dict[str, JSON]
    name: str
    label: str | None = None
    score: float | None = None


@dataclass
class Row:
    """An example of the dataset, with its cells by the place of the version."""

    shown: dict[str, JSON]
    cells: dict[int, Cell] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same for the same example, so that a dataset that is written over keeps it."""
        text = json.dumps(self.shown, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def deliver_comparison(server: PhoenixServer, item: ComparedPrompt) -> Receipt:
    """Write the dataset and its experiments over.

    Raises:
        TrackerUnavailable: the server takes nothing.
        RequestRejected: the server does not take this.
    """
    comparison, http = item.comparison, server.http
    rows = {row.id: row for row in (*part_rows(comparison), *answer_rows(comparison))}
    dataset = _write_dataset(http, comparison, list(rows.values()))
    examples = _examples(http, dataset)
    for experiment in _experiments(http, dataset):
        server.delete("experiments", experiment)
    made = []
    for place in range(len(comparison.versions)):
        experiment = _write_experiment(http, dataset, comparison, place)
        for key, row in rows.items():
            if key in examples:
                cell = row.cells.get(place) or Cell({"": ABSENT}, "")
                _write_run(http, experiment, examples[key], cell, _time(comparison))
        made.append(experiment)
    query = "&".join(f"experimentId={one}" for one in made)
    return Receipt(external_id=dataset, url=f"{server.url}datasets/{dataset}/compare?{query}")


def forget_comparisons(server: PhoenixServer, prompts: set[str]) -> None:
    """Delete the datasets of prompts: examples in them may quote the calls."""
    for prompt in sorted(prompts):
        name = dataset_name(prompt)
        found = server.http.get("v1/datasets", {"name": name}) or {}
        with server.http.service.reading():
            ids = [str(one["id"]) for one in found.get("data", ()) if one["name"] == name]
        for dataset in ids:
            server.delete("datasets", dataset)


def dataset_name(prompt: str) -> str:
    """The name of a prompt's dataset, by which it is found again."""
    safe = safe_name(prompt)
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{safe if safe == prompt else f'{safe} {digest}'}: prompt versions"


def part_rows(comparison: Comparison) -> list[Row]:
    """A row per part of the templates; a part that was edited or moved is the same row."""
    rows: list[Row] = []
    row_of: dict[tuple[int, int], Row] = {}
    for place, version in enumerate(comparison.versions):
        earlier = _earlier(comparison, place)
        for index, influence in enumerate(version.segments):
            row = row_of.get(earlier.get(index, (-1, -1)))
            if row is None or place in row.cells:
                row = Row({"part": f"{len(rows) + 1}. {visible(influence.segment.text)}"})
                rows.append(row)
            row.cells[place] = _part(influence)
            row_of[place, index] = row
    return rows


def _earlier(comparison: Comparison, place: int) -> dict[int, tuple[int, int]]:
    """Where the parts of a version stood before, by their places in it: as its change says, or
    where the version before has the same text."""
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
        "part": visible(item.segment.text),
        "verdict": item.verdict.replace("_", " "),
        "influence": f"{signed(item.influence)} [{signed(item.ci_low)}, {signed(item.ci_high)}]",
    }
    if item.tokens_saved:
        output["tokens saved per 1,000 calls"] = round(item.tokens_saved)
    return Cell(output, INFLUENCE, item.verdict, round(item.influence, 4))


def answer_rows(comparison: Comparison) -> list[Row]:
    """A row per input that both versions of a change were asked, with their answers."""
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


def _write_dataset(http: HttpClient, comparison: Comparison, rows: Sequence[Row]) -> str:
    body = {
        "action": "update",
        "name": dataset_name(comparison.prompt),
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
    """The examples' ids there, by ours."""
    answer = http.send("GET", f"v1/datasets/{dataset}/examples")
    with http.service.reading():
        return {str(one["id"]): str(one["node_id"]) for one in answer["data"]["examples"]}


def _experiments(http: HttpClient, dataset: str) -> Iterator[str]:
    """Those that are ours: Phoenix only ever adds some."""
    params = {"limit": "1000"}
    answer = http.send("GET", f"v1/datasets/{dataset}/experiments", params=params)
    with http.service.reading():
        found = [(str(one["id"]), dict(one["metadata"] or {})) for one in answer["data"]]
    return (one for one, metadata in found if metadata.items() >= MADE_BY.items())


def _write_experiment(http: HttpClient, dataset: str, comparison: Comparison, place: int) -> str:
    version = comparison.versions[place]
    body = {
        "name": version.label,
        "description": _description(comparison, place),
        "metadata": {**MADE_BY, **_about(version), **figures(comparison, place)},
    }
    answer = http.send("POST", f"v1/datasets/{dataset}/experiments", body)
    with http.service.reading():
        return str(answer["data"]["id"])


def _description(comparison: Comparison, place: int) -> str:
    said = [change.summary for change in comparison.changes if change.after == place]
    return " ".join(filter(None, said)) or comparison.summary


def _about(version: VersionReport) -> dict[str, JSON]:
    return {
        "prompt_version": version.version,
        "model": version.model,
        "template": version.template,
        "calls": version.calls,
        "explained": version.explained,
    }


def _write_run(http: HttpClient, experiment: str, example: str, cell: Cell, at: str) -> None:
    run: dict[str, Any] = {
        "dataset_example_id": example,
        "output": cell.output,
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


def _time(comparison: Comparison) -> str:
    return comparison.compared_at or _MOMENT
