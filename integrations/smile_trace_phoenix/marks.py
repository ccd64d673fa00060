"""What people wrote about a trace: annotations, and examples of datasets made from its spans.

Source: Phoenix 20.26.1, `server/api/types/Trace.py`, `Span.py`, `routers/v1/datasets.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from smile_trace.trackers.fields import shown_text
from smile_trace.trackers.marks import EXPECTED, Mark, expectation, says_wrong
from smile_trace_phoenix.server import PhoenixServer

_ANNOTATION = "{ name annotatorKind label score explanation user { username } }"
_TRACE = f"""query($id: String!, $after: String) {{ found: getTraceByOtelId(traceId: $id) {{
    traceAnnotations {_ANNOTATION}
    spans(first: 1000, after: $after) {{ pageInfo {{ hasNextPage endCursor }}
    edges {{ node {{ spanId containedInDataset spanAnnotations {_ANNOTATION} }} }} }} }} }}"""
_COPY = """query($id: String!) { found: getSpanByOtelId(spanId: $id) {
    asExampleRevision { output } } }"""
"""The example that Phoenix makes of a span."""


def marks_of(server: PhoenixServer, trace_ids: Iterable[str]) -> Iterator[Mark]:
    """Yield the marks of traces."""
    copied: dict[str, str] = {}  # the traces of spans that are in a dataset
    for trace_id in trace_ids:
        for number, page in enumerate(server.trace_pages(_TRACE, trace_id)):
            nodes = [edge["node"] for edge in page["spans"]["edges"]]
            copied |= {str(n["spanId"]): trace_id for n in nodes if n["containedInDataset"]}
            said = [(str(n["spanId"]), one) for n in nodes for one in n["spanAnnotations"]]
            if not number:  # every page has them
                said += [("", one) for one in page["traceAnnotations"]]
            yield from (_mark(trace_id, *one) for one in said if one[1]["annotatorKind"] != "LLM")
    if copied:
        yield from _examples(server, copied)


def _mark(trace_id: str, span_id: str, annotation: Mapping[str, Any]) -> Mark:
    name, label = str(annotation["name"]), annotation["label"]
    said = expectation(name, annotation["explanation"] or label)
    if not said and annotation["annotatorKind"] == "HUMAN":
        said = {"wrong": says_wrong(name, annotation["score"] if label is None else label)}
    by = (annotation["user"] or {}).get("username") or "somebody"
    return Mark(trace_id=trace_id, span_id=span_id or None, by=by, **said)


def _examples(server: PhoenixServer, traces: Mapping[str, str]) -> Iterator[Mark]:
    """Yield the outputs of examples that somebody changed: one that Phoenix copied from its span
    holds the logged answer. Phoenix lists a dataset's examples as a whole only."""
    for dataset in server.listed("v1/datasets", {}):
        reply = server.http.get(f"v1/datasets/{dataset['id']}/examples", {}) or {}
        for example in reply.get("data", {}).get("examples", ()):
            span_id = str((example.get("source") or {}).get("span_id"))
            if span_id not in traces:
                continue
            span = server.ask(_COPY, span_id) or {"asExampleRevision": {"output": None}}
            if example["output"] != span["asExampleRevision"]["output"]:
                said = expectation(EXPECTED, _answer(example["output"]))
                by = f"the dataset {dataset['name']}"
                yield Mark(trace_id=traces[span_id], span_id=span_id, by=by, **said)


def _answer(output: Mapping[str, Any]) -> str | None:
    """Return the text of an example's output: of its last message, if it is a chat's."""
    messages = output.get("messages")
    said = messages[-1].get("content") if messages else None
    return said if isinstance(said, str) else shown_text(output)
