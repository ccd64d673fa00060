"""The experiment of each prompt version on a Comet server: its explained calls and comparison."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from smile_trace.records import JSON, Explanation
from smile_trace.records.comparison import Comparison, VersionReport
from smile_trace.render.comparison.layout import figures, part_text
from smile_trace.trackers import ComparedPrompt, ExplainedCall, ForgottenTrace, Receipt
from smile_trace.trackers.fields import strict_json
from smile_trace_comet.contents import (
    ROWS,
    TABLE,
    TEMPLATE,
    VersionKey,
    explanation_name,
    latest,
    merge_rows,
    page_name,
    report,
    table_csv,
    use_of,
    version_keys,
    version_page,
    version_parameters,
)
from smile_trace_comet.traces import read_held

if TYPE_CHECKING:
    from smile_trace_comet.client import CometClient

PAGE = "comparison.html"
COMPARISON = "comparison.json"
"""The asset with the whole comparison, from which the HTML panel is made."""
EFFECTS = "effects.csv"
TRACES = "traces.csv"
TAG = "compared"
COLUMNS = (
    *("part", "influence", "ci_low", "ci_high", "standard_error", "p_value", "verdict", "spread"),
    *("may_need", "calls_needed", "tokens_saved", "usd_saved"),
    *("since_previous", "change", "change_p_value", "change_significant"),
)
"""The columns of EFFECTS: influences in units of answer change, savings per thousand calls."""


def deliver_version(
    client: "CometClient", version: VersionKey, items: Sequence[ExplainedCall]
) -> str:
    """Bring the experiment of a prompt version up to date with explained calls; return its key.

    Rows are merged by call and written last, so that delivering again changes nothing.
    """
    key = version.key
    client.ensure_experiment(key, workspace=version.workspace, project=version.project)
    assets = client.assets(key)
    rows = merge_rows(client.read_asset(key, assets, ROWS), items)
    new = {item.call.id: item.explanation for item in items}
    shown = latest(rows, partial(read_held, Explanation, client, key, assets), new)
    template = use_of(items[-1], version.name, version.version).template
    comparison = read_held(Comparison, client, key, assets, COMPARISON)
    wanted = report(version, template, rows, shown, items, comparison)

    client.write_others(key, wanted.others)
    client.write_parameters(key, wanted.parameters)
    client.add_tags(key, wanted.tags)
    for name, content in wanted.assets.items():
        if name != ROWS:
            client.write_asset(key, name, content)
    client.write_html(key, wanted.html)
    client.write_metrics(key, wanted.metrics)
    client.write_asset(key, ROWS, wanted.assets[ROWS])
    return key


# -- comparisons ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Projects:
    """The project of the prompt versions' experiments, and that of their traces."""

    workspace: str
    project: str
    traces_project: str


def deliver_comparison(client: "CometClient", item: ComparedPrompt, projects: Projects) -> Receipt:
    """Bring every version's experiment up to date; return the receipt of the last.

    An experiment that already holds this comparison is left alone; in the others `comparison.json`
    is written last, so that an interrupted delivery is completed.
    """
    comparison = item.comparison
    content = json.dumps(strict_json(comparison.model_dump())).encode()
    last = ""
    for number, version in enumerate(comparison.versions):
        last = version_key(comparison, version, projects).key
        client.ensure_experiment(last, workspace=projects.workspace, project=projects.project)
        assets = client.assets(last)
        if client.read_asset(last, assets, COMPARISON) == content:
            continue
        _write(client, last, assets, item, number, projects)
        client.write_asset(last, COMPARISON, content)
    return Receipt(external_id=last, url=client.find(last))


def version_key(comparison: Comparison, version: VersionReport, projects: Projects) -> VersionKey:
    """Return the key of a version's experiment; if several models answer it, each has its own."""
    alone = sum(other.version == version.version for other in comparison.versions) == 1
    name = version.version if alone else version.label
    return VersionKey(projects.workspace, projects.project, comparison.prompt, name)


def _write(
    client: "CometClient",
    key: str,
    assets: Mapping[str, str],
    item: ComparedPrompt,
    number: int,
    projects: Projects,
) -> None:
    comparison, version = item.comparison, item.comparison.versions[number]
    title = f"{comparison.prompt} v{version_key(comparison, version, projects).version}"
    if ROWS not in assets:  # else its explained calls have said what the version is
        client.write_others(key, strict_json({"Name": title, "prompt_template": version.template}))
        variables = {i.segment.variable for i in version.segments if i.segment.variable}
        about = (comparison.prompt, version.version, variables, [version.model or ""])
        client.write_parameters(key, version_parameters(*about))
        client.write_asset(key, TEMPLATE, str(strict_json(version.template)).encode())
    client.add_tags(key, ["smile-trace", "prompt-version", TAG])
    client.write_asset(key, PAGE, str(strict_json(comparison.to_html())).encode())
    client.write_asset(key, EFFECTS, table_csv(COLUMNS, effects(comparison, number)))
    if traces := item.traced_as.get(version.label):
        base = f"{client.url}/{projects.workspace}/{projects.traces_project}"
        links = [(trace, f"{base}/{trace}") for trace in traces]
        client.write_asset(key, TRACES, table_csv(("trace", "url"), links))
    rows = merge_rows(client.read_asset(key, assets, ROWS), [])
    shown = latest(rows, partial(read_held, Explanation, client, key, assets))
    client.write_html(key, version_page(title, version.template, rows, shown, comparison))
    client.write_metrics(key, figures(comparison, number))


def effects(comparison: Comparison, number: int) -> list[Sequence[JSON]]:
    """Return a row per part of a version, in template order: its influence and its change."""
    version = comparison.versions[number]
    changes = {
        segment.after: segment
        for change in comparison.changes
        if change.after == number
        for segment in change.segments
        if segment.after is not None
    }
    rows: list[Sequence[JSON]] = []
    for index, part in enumerate(version.segments):
        change = changes.get(index)
        own: list[JSON] = [getattr(part, name) for name in COLUMNS[1:12]]
        since: list[JSON] = (
            [change.kind, change.change, change.p_value, change.significant]
            if change
            else [None] * 4
        )
        rows.append([part_text(part.segment), *own, *since])
    return rows


# -- forgetting -----------------------------------------------------------------------------


def forget_trace(client: "CometClient", item: ForgottenTrace, projects: Projects) -> None:
    """Delete the trace, and take it out of its prompt versions' experiments."""
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


def _forget_in_version(
    client: "CometClient", version: VersionKey, calls: Collection[str], projects: Projects
) -> list[VersionKey]:
    """Take calls and the comparison out of an experiment; return the others compared with it."""
    key = version.key
    if client.find(key) is None:
        return []
    assets = client.assets(key)
    comparison = read_held(Comparison, client, key, assets, COMPARISON)
    others = (
        [version_key(comparison, one, projects) for one in comparison.versions]
        if comparison is not None
        else []
    )
    rows = merge_rows(client.read_asset(key, assets, ROWS), [])
    left = [row for row in rows if row.call not in calls]
    if not left:
        client.delete_experiment(key)
        return others
    gone = {PAGE, COMPARISON, EFFECTS, TRACES}
    gone |= {name for call in calls for name in (page_name(call), explanation_name(call))}
    if left == rows and not gone & assets.keys():
        return others
    template = (client.read_asset(key, assets, TEMPLATE) or b"").decode()
    shown = latest(left, partial(read_held, Explanation, client, key, assets))
    wanted = report(version, template, left, shown)
    client.write_html(key, wanted.html)
    client.write_metrics(key, wanted.metrics)
    for name in (TABLE, ROWS):
        client.write_asset(key, name, wanted.assets[name])
    for name in sorted(gone & assets.keys()):  # last: until then it is known what is to be done
        client.delete_asset(key, assets[name])
    return others
