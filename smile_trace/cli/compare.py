"""`smile-trace compare`: versions of a prompt side by side, or what mattered; `suggest`: changes
that may improve a prompt."""

import sys
import warnings
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace._guards.presentable import link
from smile_trace._options import OldName
from smile_trace.cli.arguments import (
    SINCE_HELP,
    Application,
    DryRun,
    Model,
    Yes,
    confirm,
    most_of,
    names_in,
    read_limit,
    since_ns,
)
from smile_trace.cli.compare_wrong import BUDGET_WRONG, compare_wrong
from smile_trace.cli.deliver import active_trackers
from smile_trace.cli.output import GATE_CLOSED, printable, show_result
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate
    from smile_trace.records.comparison import Comparison
    from smile_trace.suggesting.material import Material


def compare(
    prompt: Annotated[
        str | None, typer.Argument(help="A prompt, or a function that uses none; all by default.")
    ] = None,
    versions: Annotated[
        str,
        typer.Option(help="Versions, separated by commas; by default the last two that were used."),
    ] = "",
    since: Annotated[str | None, typer.Option(help=f"Only calls since then: {SINCE_HELP}")] = None,
    models: Annotated[
        str,
        typer.Option(help="Also compare these models (names as captured, separated by commas)."),
    ] = "",
    file: Annotated[
        Path | None, typer.Option(help="A file with a template to compare as the newest version.")
    ] = None,
    ref: Annotated[
        str | None, typer.Option(help="With --file: the git revision to compare it with (HEAD~1).")
    ] = None,
    wrong: Annotated[
        bool,
        typer.Option(
            "--wrong",
            help="Show what is behind the answers that people marked as wrong in MLflow or "
            "Phoenix, or through smile_trace.feedback.",
        ),
    ] = False,
    budget: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Maximum number of new calls: 40 to replay inputs through both versions; with "
            f"--wrong, {BUDGET_WRONG} to explain answers.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed for all random choices.")] = 0,
    app: Application = None,
    html: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the Comparison as JSON.")] = False,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Also send it to the active trackers.")
    ] = False,
    fail_if_drop: Annotated[
        list[str] | None, typer.Option(metavar="PART=LIMIT", hidden=True)
    ] = None,
    fail_if_answer_change: Annotated[float | None, typer.Option(min=0, max=1, hidden=True)] = None,
    yes: Yes = False,
) -> None:
    """Show what a prompt change did to the answers, or what mattered in a prompt's calls."""
    if ref is not None and file is None:
        raise typer.BadParameter("--ref needs --file")
    if wrong:
        others = (versions, models, file, html, deliver, fail_if_drop, fail_if_answer_change)
        if prompt is None or any(others):
            raise typer.BadParameter(
                "--wrong takes only a PROMPT, --since, --budget, --app, --json and --yes"
            )
        agree = partial(confirm, yes=yes)
        compare_wrong(prompt, since=since, budget=budget, app=app, json=json, agree=agree)
        return
    if fail_if_drop or fail_if_answer_change is not None:
        told = (
            "limits are now part of smile-trace check: --max drop:PART=LIMIT, answer_change=LIMIT"
        )
        warnings.warn(told, OldName, stacklevel=1)
    form = "PART=LIMIT, such as 'Be brief.=0.1'"
    limits = dict(read_limit(text, form) for text in fail_if_drop or ())
    from smile_trace.comparison import compare as compare_now
    from smile_trace.comparison.limits import broken_limits

    comparison = compare_now(
        prompt,
        versions=names_in(versions),
        since=None if since is None else datetime.fromtimestamp(since_ns(since) / 1e9, UTC),
        models=names_in(models),
        file=file,
        ref=ref,
        budget=40 if budget is None else budget,
        seed=seed,
        app=app,
        agree=partial(confirm, yes=yes),
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
    """Give the comparison to every active tracker that can show it, and print where to see it;
    raises SmileTraceError if none can, or one refuses."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.trackers import Receipt
    from smile_trace.worker.delivery.per_prompt import deliver, with_links

    settings, mattered = Settings(), comparison.mattered
    with active_trackers(settings) as trackers:
        outcomes = []
        with Store.look(settings) as store:
            for tracker in trackers:
                if comparison.versions and tracker.capabilities.comparisons:
                    outcomes.append(deliver(tracker, store, comparison))
                if mattered is not None and tracker.capabilities.reports:
                    linked = with_links(mattered, tracker, store)
                    outcomes.append(tracker.deliver_report(linked))
    if not outcomes:
        shown = "comparisons: set COMET_API_KEY or" if comparison.versions else "what mattered: set"
        raise SmileTraceError(f"no active tracker shows {shown} MLFLOW_TRACKING_URI")
    for outcome in outcomes:
        if not isinstance(outcome, Receipt):
            raise SmileTraceError(outcome.reason)
        print(link(outcome.url or outcome.external_id), file=sys.stderr)


def suggest(
    prompt: Annotated[str, typer.Argument(help="The prompt's name.")],
    version: Annotated[
        str | None, typer.Option(help="A version; by default the one used last.")
    ] = None,
    model: Model = None,
    budget: Annotated[int, typer.Option(min=1, help="Maximum number of calls to the model.")] = 800,
    seed: Annotated[int, typer.Option(help="Seed that decides which calls are held out.")] = 0,
    app: Application = None,
    json: Annotated[bool, typer.Option("--json", help="Print the Suggestions as JSON.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Suggest changes to a prompt, each tried on calls held out from the search."""
    from smile_trace.settings import Settings
    from smile_trace.suggesting import suggest as suggest_now
    from smile_trace.suggesting.api import estimate_suggestions

    settings = Settings()
    most, material = estimate_suggestions(
        prompt, settings, version=version, model=model, budget=budget, seed=seed
    )
    if dry_run:
        print(most.model_dump_json(indent=2) if json else _plan(most, material))
        return
    confirm(most, yes=yes)
    found = suggest_now(
        prompt,
        version=version,
        model=model,
        budget=budget,
        seed=seed,
        app=app,
        settings=settings,
    )
    if json:
        print(found.model_dump_json(indent=2))
    else:
        found.show()


def _plan(most: "Estimate", material: "Material") -> str:
    cases = len(material.cases_searched), len(material.cases_held_out)
    return "\n".join(
        [
            f"The search would use {len(material.searched)} calls and {cases[0]} confirmed "
            "failures;",
            f"what it finds would be tested on {len(material.held_out)} and {cases[1]} others.",
            f"Model: {printable(most.model)}, {printable(most.address)}.",
            f"At most: {most_of(most)}.",
            "Nothing was sent.",
        ]
    )
