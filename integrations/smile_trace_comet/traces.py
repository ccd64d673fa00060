"""Traces and their explanations on a Comet server: created once, then updated."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smile_trace.records import JSON, Explanation, Trace
from smile_trace.render import to_html
from smile_trace.trackers import ExplainedCall
from smile_trace.trackers.documents import read_document
from smile_trace_comet.contents import (
    SUMMARY,
    attributions_csv,
    compact,
    page,
    row_of,
    summary_metrics,
    summary_parameters,
)
from smile_trace_comet.trace_format import LLMTrace, llm_trace

if TYPE_CHECKING:
    from smile_trace_comet.client import CometClient

TAG = "explained"
METRICS = ("smile.fidelity_r2", "smile.explained_calls", "smile.target_calls", "smile.usd")
"""Few fixed names: each is a column of the project's list."""
HEATMAP, EXPLANATION, TABLE = "heatmap.html", "explanation.json", "attributions.csv"


def deliver_trace(
    client: "CometClient", trace: Trace, *, workspace: str | None, project: str | None
) -> str:
    """Write a trace that is not there yet, bring one that is there up to date; its address."""
    wanted = llm_trace(trace)
    url = client.find(wanted.key)
    if url is not None:
        _update(client, wanted)
        return url
    return client.create_trace(
        wanted.key,
        wanted.data,
        workspace=workspace,
        project=project,
        parameters=wanted.parameters,
        metrics=wanted.metrics,
        tags=wanted.tags,
    )


def _update(client: "CometClient", wanted: LLMTrace) -> None:
    """What came later (a late span, feedback) is added; the explanations stay."""
    there = client.read_trace_data(wanted.key, client.assets(wanted.key)) or {}
    metadata = {**wanted.data["metadata"], **_summaries(there)}
    data = {**wanted.data, "metadata": metadata}
    if data != there:
        client.write_trace_data(wanted.key, data)
        client.write_parameters(wanted.key, wanted.parameters)
        client.add_tags(wanted.key, wanted.tags)
    client.write_metrics(wanted.key, wanted.metrics)


def _summaries(data: Mapping[str, Any]) -> dict[str, JSON]:
    metadata = data.get("metadata")
    if not isinstance(metadata, dict) or SUMMARY not in metadata:
        return {}
    return {SUMMARY: metadata[SUMMARY]}


def deliver_explanation(client: "CometClient", item: ExplainedCall) -> None:
    """Put one explanation on its trace, over an older one of the same call.

    Pictures and files first, then the numbers, the tag last: what is tagged is complete. The
    trace's document is read, changed and written, so a trace has one writer at a time.
    """
    key, span_id, explanation = item.traced_as, item.call.span_id, item.explanation
    assets = client.assets(key)
    names = {call.span_id: call.name for call in item.trace.calls}
    held = {
        other: read
        for other in names
        if other != span_id
        and (read := read_explanation(client, key, assets, asset_name(other, EXPLANATION)))
        is not None
    } | {span_id: explanation}
    held = {call: held[call] for call in names if call in held}  # in the order of the calls

    title = item.call.name
    client.write_asset(
        key, asset_name(span_id, HEATMAP), to_html(explanation, title=title).encode()
    )
    client.write_asset(
        key, asset_name(span_id, EXPLANATION), explanation.model_dump_json().encode()
    )
    client.write_asset(key, asset_name(span_id, TABLE), attributions_csv(explanation))
    client.write_html(key, _page(names, held))

    data = client.read_trace_data(key, assets) or llm_trace(item.trace).data
    metadata = data.get("metadata") or {}
    summaries = {**(metadata.get(SUMMARY) or {}), span_id: compact(explanation)}
    changed = {**data, "metadata": {**metadata, SUMMARY: summaries}}
    if changed != data:
        client.write_trace_data(key, changed)
    rows = [row_of(call, held[call.span_id]) for call in item.trace.calls if call.span_id in held]
    client.write_parameters(key, summary_parameters(rows))
    numbers = summary_metrics(rows)
    client.write_metrics(key, {name: numbers[name] for name in METRICS if name in numbers})
    client.add_tags(key, [TAG])


def _page(names: Mapping[str, str], held: Mapping[str, Explanation]) -> str:
    """The HTML panel: the heatmap of the only call, or those of all calls of the trace."""
    if len(names) == 1:
        ((span_id, explanation),) = held.items()
        return to_html(explanation, title=names[span_id])
    return page(
        "Why these answers?",
        [(names[span_id], explanation) for span_id, explanation in held.items()],
    )


def asset_name(span_id: str, kind: str) -> str:
    """The name of a call's file; a trace may hold several calls."""
    return f"{span_id}/{kind}"


def read_explanation(
    client: "CometClient", key: str, assets: Mapping[str, str], name: str
) -> Explanation | None:
    """An explanation that was delivered before; None where there is none that can be read."""
    if name not in assets:
        return None
    return read_document(Explanation, client.read_asset(key, assets[name]))
