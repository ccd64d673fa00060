"""`smile-trace doctor` and `health`: does the worker have what it needs, and is it running?"""

import json
from typing import Annotated

import typer

from smile_trace.cli.output import printable

MARKS = {"good": "[green]✓[/]", "note": "[yellow]·[/]", "bad": "[red]✗[/]"}


def doctor(
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Remove what \\[retention] does not keep; shrink the store."),
    ] = False,
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget-tracker",
            metavar="NAME",
            help="Drop what waits for a tracker that is not used any more.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Look at home, store, models and trackers; exits 1 where something has to be done."""
    from rich.console import Console
    from rich.markup import escape

    from smile_trace.settings import Settings
    from smile_trace.worker import doctor

    settings = Settings()
    findings = [] if forget is None else [doctor.forget_tracker(settings, forget)]
    findings += [doctor.repair(settings)] if repair else []
    findings += doctor.examine(settings)
    if as_json:
        print(json.dumps([finding.model_dump() for finding in findings], indent=2))
    else:
        console = Console(highlight=False)
        for finding in findings:
            said = escape(printable(finding.said))
            line = f"{MARKS[finding.level]} [bold]{escape(finding.about)}[/]: {said}"
            console.print(line, soft_wrap=True)
    if any(finding.level == "bad" for finding in findings):
        raise SystemExit(1)


def health(
    ready: Annotated[
        bool,
        typer.Option("--ready", help="Also: its store can be written, and the others know it."),
    ] = False,
) -> None:
    """For probes of systemd, Docker or Kubernetes.

    Exit 0 where a worker or a shipper runs on the home and makes progress, else 1 with a sentence.
    """
    from smile_trace.trust.settings_file import read_home
    from smile_trace.worker.lock import check_health, running_role

    if ready and running_role(read_home()) == "worker":
        from smile_trace.settings import Settings
        from smile_trace.worker.readiness import check_ready

        print(check_ready(Settings()))
    else:
        print(check_health(read_home()))
