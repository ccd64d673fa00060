"""`smile-trace compare`: versions of a prompt side by side, or what mattered; a gate for CI."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace._guards.presentable import link
from smile_trace.cli.active_trackers import active_trackers
from smile_trace.cli.arguments import read_limit
from smile_trace.cli.output import GATE_CLOSED, printable, show_result
from smile_trace.cli.since import HELP, since_ns
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.records.comparison import Comparison


def compare(
    prompt: Annotated[
        str | None, typer.Argument(help="A Prompt, or a function without one; by default all.")
    ] = None,
    versions: Annotated[
        str, typer.Option(help="Versions, by commas; by default the last two that were called.")
    ] = "",
    since: Annotated[str | None, typer.Option(help=f"Only calls since then. {HELP}")] = None,
    models: Annotated[
        str, typer.Option(help="Captured names of models, by commas: compare them, too.")
    ] = "",
    file: Annotated[
        Path | None, typer.Option(help="A file with a template: compared as the last version.")
    ] = None,
    ref: Annotated[
        str | None, typer.Option(help="With --file: its git revision to compare with (HEAD~1).")
    ] = None,
    budget: Annotated[
        int, typer.Option(min=0, help="The most new calls: inputs are replayed through both.")
    ] = 40,
    seed: Annotated[int, typer.Option(help="The seed of all random choices.")] = 0,
    app: Annotated[
        str | None,
        typer.Option(help="The application's module, to call its function again (kind rerun)."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the Comparison as JSON.")] = False,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Put it on the active trackers, too.")
    ] = False,
    fail_if_drop: Annotated[
        list[str] | None,
        typer.Option(metavar="SEGMENT=LIMIT", help="Exit 3 if its influence drops by more."),
    ] = None,
    fail_if_answer_change: Annotated[
        float | None, typer.Option(min=0, max=1, help="Exit 3 if the answers change by more.")
    ] = None,
) -> None:
    """Show what a change of a prompt did; of one version, what mattered in its calls."""
    if ref is not None and file is None:
        raise typer.BadParameter("--ref needs --file")
    form = "SEGMENT=LIMIT, such as 'Be brief.=0.1'"
    limits = dict(read_limit(text, form) for text in fail_if_drop or ())
    from smile_trace.comparison import compare as compare_now
    from smile_trace.comparison.sentences import broken_limits

    comparison = compare_now(
        prompt,
        versions=_names(versions),
        since=None if since is None else datetime.fromtimestamp(since_ns(since) / 1e9, UTC),
        models=_names(models),
        file=file,
        ref=ref,
        budget=budget,
        seed=seed,
        app=app,
    )
    broken = broken_limits(comparison, drops=limits, answer_change=fail_if_answer_change)
    show_result(comparison, html=html, json=json)
    if deliver:
        _deliver(comparison)
    for sentence in broken:
        print(f"smile-trace: {printable(sentence)}", file=sys.stderr)
    if broken:
        raise typer.Exit(GATE_CLOSED)


def _deliver(comparison: "Comparison") -> None:
    """Give it to every active tracker that shows versions, or what mattered, and print where it is
    seen.

    Raises:
        SmileTraceError: there is none, or one did not take it.
    """
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.trackers import Receipt
    from smile_trace.worker.delivery.comparisons import deliver
    from smile_trace.worker.delivery.reports import with_links

    settings, mattered = Settings(), comparison.mattered
    with active_trackers(settings) as trackers:
        outcomes = []
        store = Store.look(settings)
        try:
            for tracker in trackers:
                if comparison.versions and tracker.capabilities.comparisons:
                    outcomes.append(deliver(tracker, store, comparison))
                if mattered is not None and tracker.capabilities.reports:
                    linked = with_links(mattered, tracker, store)
                    outcomes.append(tracker.deliver_report(linked))
        finally:
            store.close()
    if not outcomes:
        shown = "comparisons: set COMET_API_KEY or" if comparison.versions else "what mattered: set"
        raise SmileTraceError(f"no active tracker shows {shown} MLFLOW_TRACKING_URI")
    for outcome in outcomes:
        if not isinstance(outcome, Receipt):
            raise SmileTraceError(outcome.reason)
        print(link(outcome.url or outcome.external_id), file=sys.stderr)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
