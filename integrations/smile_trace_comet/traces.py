"""Traces and their explanations on a Comet server: created once, then updated."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smile_trace.dialects.answers import final_answer
from smile_trace.records import JSON, Explanation, Trace
from smile_trace.records.path import ExplanationPath
from smile_trace.render import path_ends, path_to_html, to_html
from smile_trace.trackers import ExplainedCall, ExplainedPath, ProfiledCall
from smile_trace.trackers.fields import strict_json
from smile_trace.trackers.presentation import CULPRIT, FIDELITY, TARGET, View, view_keys
from smile_trace.trackers.presentation import PATH as PATH_COLUMN
from smile_trace_comet.contents import (
    SUMMARY,
    R,
    attributions_csv,
    compact,
    page,
    read_document,
    row_of,
    summary_metrics,
    summary_parameters,
)
from smile_trace_comet.trace_format import LLMTrace, llm_trace

if TYPE_CHECKING:
    from smile_trace_comet.client import CometClient

TAG = "explained"
METRICS = (FIDELITY, "smile.explained_calls", "smile.target_calls", "smile.usd")
"""Few fixed names: each is a column of the project's list."""
HEATMAP, EXPLANATION, TABLE = "heatmap.html", "explanation.json", "attributions.csv"
PROFILE, PROFILE_PAGE, CHANGED_BY = "profile.json", "profile.html", "smile.changed_by"
PATH_PAGE, PATH_PICTURE, PATH = "path.html", "path.svg", "path.json"


def deliver_trace(
    client: "CometClient", wanted: LLMTrace, *, workspace: str | None, project: str | None
) -> None:
    """Write a trace, or update it if it exists."""
    if client.find(wanted.key) is not None:
        _update(client, wanted)
    else:
        client.create_trace(wanted, workspace=workspace, project=project)


def _update(client: "CometClient", wanted: LLMTrace) -> None:
    """Add what came later (a late span, feedback); the explanations stay."""
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


def deliver_explanation(client: "CometClient", item: ExplainedCall, view: View) -> None:
    """Put one explanation on its trace, replacing an older one of the same call.

    Files come first, then the numbers, the tag last: a tagged trace is complete. The trace's
    document is read, changed and written, so a trace must have one writer at a time.
    """
    key, explanation = item.traced_as, item.explanation
    folder = view_keys(item.call.span_id)[explanation.met is not None]
    assets = client.assets(key)
    held = _explained(client, item.trace, key, assets, {folder: explanation})
    for name in (HEATMAP, EXPLANATION):
        client.write_asset(key, f"{folder}/{name}", view.files[name][1])
    client.write_asset(key, f"{folder}/{TABLE}", attributions_csv(explanation))
    client.write_html(
        key, _page(item.trace, held, read_held(ExplanationPath, client, key, assets, PATH))
    )
    _summarize(client, item.trace, key, assets, {folder: compact(explanation)})
    rows = [row_of(call, held[call.span_id]) for call in item.trace.calls if call.span_id in held]
    if explanation.met is None:
        client.write_parameters(key, summary_parameters(rows, final_answer(item.trace)))
        numbers = summary_metrics(rows)
        client.write_metrics(key, {name: numbers[name] for name in METRICS if name in numbers})
    else:
        said = {name: view.attributes[name] for name in (TARGET, CULPRIT)}
        client.write_parameters(key, strict_json(said))
    client.add_tags(key, [TAG])


def deliver_path(client: "CometClient", item: ExplainedPath, view: View) -> None:
    """Put the path on its trace: files, the top of the HTML panel, metadata and parameters."""
    key, path = item.traced_as, item.path
    assets = client.assets(key)
    for name in (PATH_PAGE, PATH_PICTURE, PATH):
        client.write_asset(key, name, view.files[name][1])
    client.write_html(key, _page(item.trace, _explained(client, item.trace, key, assets, {}), path))
    ends = strict_json(path_ends(path))
    said = {"summary": strict_json(path.summary), "ends": ends, "steps": len(path.steps)}
    _summarize(client, item.trace, key, assets, {"path": said})
    client.write_parameters(key, {PATH_COLUMN: ends})


def deliver_profile(client: "CometClient", item: ProfiledCall) -> None:
    """Put a call's profile on its trace: page, record, and a column of effective probes."""
    key, span_id, profile = item.traced_as, item.call.span_id, item.profile
    client.write_asset(key, f"{span_id}/{PROFILE_PAGE}", profile.to_html().encode())
    record = profile.model_dump_json().encode()
    client.write_asset(key, f"{span_id}/{PROFILE}", record)
    found = ", ".join(result.name for result in profile.found)
    client.write_parameters(key, {CHANGED_BY: strict_json(found) or "nothing found"})


def _explained(
    client: "CometClient",
    trace: Trace,
    key: str,
    assets: Mapping[str, str],
    new: Mapping[str, Explanation],
) -> dict[str, Explanation]:
    """Return the explanations of a trace by their folders, the `view_keys` of the spans, in the
    order of its calls, new ones first."""
    found: dict[str, Explanation] = {}
    for folder in (folder for call in trace.calls for folder in view_keys(call.span_id)):
        name = f"{folder}/{EXPLANATION}"
        read = new.get(folder) or read_held(Explanation, client, key, assets, name)
        if read is not None:
            found[folder] = read
    return found


def _summarize(
    client: "CometClient",
    trace: Trace,
    key: str,
    assets: Mapping[str, str],
    new: Mapping[str, JSON],
) -> None:
    data = client.read_trace_data(key, assets) or llm_trace(trace).data
    metadata = data.get("metadata") or {}
    summaries = {**(metadata.get(SUMMARY) or {}), **new}
    changed = {**data, "metadata": {**metadata, SUMMARY: summaries}}
    if changed != data:
        client.write_trace_data(key, changed)


def _page(trace: Trace, held: Mapping[str, Explanation], path: ExplanationPath | None) -> str:
    """Make the HTML panel: the only call's heatmap, or the path and all calls' heatmaps."""
    names = {folder: call.name for call in trace.calls for folder in view_keys(call.span_id)}
    if path is None and len(trace.calls) == len(held) == 1:
        ((folder, explanation),) = held.items()
        return to_html(explanation, title=names[folder])
    return page(
        "Why these answers?",
        [(names[folder], explanation) for folder, explanation in held.items()],
        head="" if path is None else path_to_html(path, fragment=True),
    )


def read_held(
    kind: type[R], client: "CometClient", key: str, assets: Mapping[str, str], name: str
) -> R | None:
    """Read a document delivered before; None if there is none, or it cannot be read."""
    return read_document(kind, client.read_asset(key, assets, name))
