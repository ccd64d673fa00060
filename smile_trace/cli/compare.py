"""`smile-trace compare`: versions of a prompt side by side, and a gate for CI."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.active_trackers import deliver_to_able
from smile_trace.cli.arguments import read_limit
from smile_trace.cli.output import GATE_CLOSED, printable, show_result

if TYPE_CHECKING:
    from smile_trace.records.comparison import Comparison


def compare(
    prompt: Annotated[str, typer.Argument(help="The name of the Prompt.")],
    versions: Annotated[
        str, typer.Option(help="Versions, by commas; by default the last two that were called.")
    ] = "",
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
    """Show what a change of a prompt did: over all sampled calls, with error bars."""
    if ref is not None and file is None:
        raise typer.BadParameter("--ref needs --file")
    form = "SEGMENT=LIMIT, such as 'Be brief.=0.1'"
    limits = dict(read_limit(text, form) for text in fail_if_drop or ())
    from smile_trace.comparison import compare as compare_now
    from smile_trace.comparison.sentences import broken_limits

    comparison = compare_now(
        prompt,
        versions=_names(versions),
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
        deliver_comparison(comparison)
    for sentence in broken:
        print(f"smile-trace: {printable(sentence)}", file=sys.stderr)
    if broken:
        raise typer.Exit(GATE_CLOSED)


def deliver_comparison(comparison: "Comparison") -> None:
    """Deliver it to every active tracker that shows comparisons, and print its address."""
    from smile_trace.worker.delivery.comparisons import deliver

    deliver_to_able(
        lambda of: of.comparisons,
        lambda tracker, store: deliver(tracker, store, comparison),
        missing="no active tracker shows comparisons: set MLFLOW_TRACKING_URI or COMET_API_KEY",
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
