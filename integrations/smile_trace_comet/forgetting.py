"""Deleting a trace from a Comet server: its own experiment, and what others hold of its calls."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from smile_trace.trackers import ForgottenTrace
from smile_trace_comet.contents import summary_metrics, table_csv
from smile_trace_comet.experiments import (
    COMPARISON,
    EFFECTS,
    PAGE,
    TRACES,
    Projects,
    read_comparison,
    version_key,
)
from smile_trace_comet.traces import read_explanation
from smile_trace_comet.versions import (
    COLUMNS,
    ROWS,
    TABLE,
    TEMPLATE,
    VersionKey,
    explanation_name,
    latest,
    merge_rows,
    page_name,
    rows_document,
    version_page,
)

if TYPE_CHECKING:
    from smile_trace_comet.client import CometClient


def forget_trace(client: "CometClient", item: ForgottenTrace, projects: Projects) -> None:
    """Delete the trace, and bring the experiments of its prompts' versions up to date without it.

    Raises:
        TrackerUnavailable: the server takes nothing.
        RequestRejected: the server does not do this.
    """
    key = item.traced_as or item.trace_id
    if client.find(key) is not None:
        client.delete_experiment(key)
    done: set[str] = set()
    waiting = list(version_keys(item, projects.workspace, projects.project))
    while waiting:
        version = waiting.pop()
        if version.key in done:
            continue
        done.add(version.key)
        waiting += _forget_in_version(client, version, {call.id for call in item.calls}, projects)


def version_keys(item: ForgottenTrace, workspace: str, project: str) -> Iterable[VersionKey]:
    """The experiments that may hold something of the trace's calls.

    Where several models answer a version, its comparison has an experiment for each of them.
    """
    for call in item.calls:
        for name, version in call.prompts:
            labels = (version, *(f"{version} · {model}" for model in call.models))
            yield from (VersionKey(workspace, project, name, label) for label in labels)


def _forget_in_version(
    client: "CometClient", version: VersionKey, calls: Collection[str], projects: Projects
) -> list[VersionKey]:
    """Take calls and the comparison out of an experiment; gives the others of that comparison."""
    key = version.key
    if client.find(key) is None:
        return []
    assets = client.assets(key)
    comparison = read_comparison(client, key, assets)
    others = (
        [version_key(comparison, one, projects) for one in comparison.versions]
        if comparison is not None
        else []
    )
    rows = merge_rows(client.read_asset(key, assets[ROWS]) if ROWS in assets else None, [])
    left = [row for row in rows if row.call not in calls]
    if not left:
        client.delete_experiment(key)
        return others
    gone = {PAGE, COMPARISON, EFFECTS, TRACES}
    gone |= {name for call in calls for name in (page_name(call), explanation_name(call))}
    if left == rows and not gone & assets.keys():
        return others
    template = client.read_asset(key, assets[TEMPLATE]).decode() if TEMPLATE in assets else ""
    shown = {
        call: explanation
        for call in latest(left)
        if (explanation := read_explanation(client, key, assets, explanation_name(call)))
    }
    title = f"{version.name} v{version.version}"
    client.write_html(key, version_page(title, template, left, shown, None))
    client.write_metrics(key, summary_metrics(left))
    cells = ([getattr(row, name) for name in COLUMNS] for row in left)
    client.write_asset(key, TABLE, table_csv(COLUMNS, cells))
    client.write_asset(key, ROWS, rows_document(left))
    for name in sorted(gone & assets.keys()):  # last: until then it is known what is to be done
        client.delete_asset(key, assets[name])
    return others
