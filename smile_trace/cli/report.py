"""`smile-trace report`: what mattered over a period, and since the one before."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.active_trackers import deliver_to_able
from smile_trace.cli.output import show_result

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
    from smile_trace.worker.delivery.reports import with_links

    deliver_to_able(
        lambda of: of.reports,
        lambda tracker, store: tracker.deliver_report(with_links(report, tracker, store)),
        missing="no active tracker shows reports: set MLFLOW_TRACKING_URI",
    )
