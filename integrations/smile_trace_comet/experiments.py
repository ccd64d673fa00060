"""The experiment of a prompt version on a Comet server: read, merged, written over."""

from collections.abc import Sequence

from smile_trace.trackers import ExplainedCall
from smile_trace_comet.client import CometClient
from smile_trace_comet.comparisons import read_comparison
from smile_trace_comet.traces import read_explanation
from smile_trace_comet.versions import (
    ROWS,
    VersionKey,
    explanation_name,
    latest,
    merge_rows,
    report,
    use_of,
)


def deliver_version(
    client: CometClient, version: VersionKey, items: Sequence[ExplainedCall]
) -> str:
    """Bring the experiment of a prompt version up to date with newly explained calls.

    It is found by its key and made only where it is missing; the rows are merged by call and
    everything is written over, the rows last, so that delivering again changes nothing.
    Gives its key.
    """
    key = version.key
    client.ensure_experiment(key, workspace=version.workspace, project=version.project)
    assets = client.assets(key)
    rows = merge_rows(client.read_asset(key, assets[ROWS]) if ROWS in assets else None, items)
    new = {item.call.id: item.explanation for item in items}
    shown = {
        call: explanation
        for call in latest(rows)
        if (
            explanation := new.get(call)
            or read_explanation(client, key, assets, explanation_name(call))
        )
    }
    use = use_of(items[-1], version.name, version.version)
    wanted = report(version, use, rows, shown, items, read_comparison(client, key, assets))

    client.write_others(key, wanted.others)
    client.write_parameters(key, wanted.parameters)
    client.add_tags(key, list(wanted.tags))
    for name, content in wanted.assets.items():
        if name != ROWS:
            client.write_asset(key, name, content)
    client.write_html(key, wanted.html)
    client.write_metrics(key, wanted.metrics)
    client.write_asset(key, ROWS, wanted.assets[ROWS])
    return key
