"""`smile-trace report`: what mattered over a period, and since the one before."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.output import show_result
from smile_trace.errors import SmileTraceError
from smile_trace.presentable import link

if TYPE_CHECKING:
    from smile_trace.records.report import Report


def report(
    name: Annotated[
        str | None, typer.Argument(help="A prompt or a function; by default all.")
    ] = None,
    days: Annotated[float, typer.Option(min=0.01, help="How long the period is, in days.")] = 7,
    until: Annotated[datetime | None, typer.Option(help="Its end, in UTC; by default now.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Put it on the active trackers, too.")
    ] = False,
) -> None:
    """Show what mattered in the explained calls of a period, and since the one before."""
    from datetime import UTC

    from smile_trace.comparison import report as report_now

    end = until or datetime.now(UTC)
    found = report_now(name, since=end - timedelta(days=days), until=end)
    show_result(found, html=html, json=json)
    if deliver:
        _deliver(found)


def _deliver(report: "Report") -> None:
    """Give it to every active tracker that shows reports, and print its address."""
    import sys

    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.trackers import Receipt, discover
    from smile_trace.worker.delivery.reports import with_links

    settings = Settings()
    try:
        trackers = discover(settings.trackers)
    except ValueError as error:
        raise SmileTraceError(str(error)) from None
    store = Store.look(settings)
    try:
        able = [tracker for tracker in trackers if tracker.capabilities.reports]
        if not able:
            raise SmileTraceError("no active tracker shows reports: set MLFLOW_TRACKING_URI")
        for tracker in able:
            outcome = tracker.deliver_report(with_links(report, tracker, store))
            if not isinstance(outcome, Receipt):
                raise SmileTraceError(outcome.reason)
            print(link(outcome.url or outcome.external_id), file=sys.stderr)
    finally:
        store.close()
        for tracker in trackers:
            tracker.close()
