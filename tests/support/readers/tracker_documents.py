"""Documents of ours that come back from a tracker, where others can write, too."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from smile_trace.records import Explanation
from smile_trace.records.comparison import Comparison
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.http import RequestRejected
from smile_trace_comet import contents, experiments, traces
from smile_trace_comet.client import LLM_DATA, CometClient
from smile_trace_comet.contents import row_of
from smile_trace_contracts.samples import sample_explanation, sample_trace
from smile_trace_mlflow import runs
from tests.support.readers.base import ForeignReader, any_text


class _Assets(CometClient):
    """A client whose every asset has this content."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read_asset(self, key: str, assets: Mapping[str, str], name: str) -> bytes:
        return self.content


def _read(data: bytes) -> None:
    client: Any = _Assets(data)
    assets = {LLM_DATA: "1", experiments.COMPARISON: "2", "e": "3"}
    with contextlib.suppress(RequestRejected, TrackerUnavailable):
        document = client.read_trace_data("k", assets)
        if document is not None:
            traces._summaries(document)
        traces.read_held(Explanation, client, "k", assets, "e")
        traces.read_held(Comparison, client, "k", assets, experiments.COMPARISON)
        contents.latest(contents.merge_rows(data, []), lambda name: None)
        rows = runs._read(any_text(data))
        runs._metrics(list(rows.values()))


def _seeds() -> list[bytes]:
    call = sample_trace().calls[0]
    explanation = sample_explanation(call)
    row = row_of(call, explanation)
    table = {"columns": list(runs.COLUMNS), "data": [["c"] + [None] * 9 + [3, 4, 0.5, None]]}
    return [
        json.dumps({"metadata": {"smile": {}}, "chain_nodes": []}).encode(),
        explanation.model_dump_json().encode(),
        json.dumps([row.model_dump(mode="json")]).encode(),
        json.dumps(table).encode(),
    ]


TRACKER_DOCUMENTS = ForeignReader("tracker documents", _read, _seeds)
