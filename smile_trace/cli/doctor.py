"""`smile-trace doctor`, `health` and `trust`: checks of a worker's needs, life and permissions."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.output import printable

if TYPE_CHECKING:
    from smile_trace.trust import Destination, NotTrusted


MARKS = {"good": "[green]✓[/]", "note": "[yellow]·[/]", "bad": "[red]✗[/]"}


def doctor(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Delete what \\[retention] no longer keeps, and shrink the store."
        ),
    ] = False,
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget-tracker",
            metavar="NAME",
            help="Drop what is waiting for a tracker that is no longer used.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check home, store, models and trackers; exits 1 if there is something to fix."""
    from rich.console import Console
    from rich.markup import escape

    from smile_trace.settings import Settings
    from smile_trace.worker.doctor import examine
    from smile_trace.worker.upkeep import forget_tracker
    from smile_trace.worker.upkeep import repair as repaired

    settings = Settings()
    findings = [] if forget is None else [forget_tracker(settings, forget)]
    findings += [repaired(settings)] if repair else []
    findings += examine(settings)
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
        typer.Option(
            "--ready", help="Also check that it can write its store and that other workers see it."
        ),
    ] = False,
) -> None:
    """Check a worker or shipper, for systemd, Docker or Kubernetes probes.

    Exits 0 if one is running on this home and making progress, else 1 with the reason.
    """
    from smile_trace.trust.settings_file import read_home
    from smile_trace.worker.lock import check_health, running_role

    if ready and running_role(read_home()) == "worker":
        from smile_trace.settings import Settings
        from smile_trace.worker.status import check_ready

        print(check_ready(Settings()))
    else:
        print(check_health(read_home()))


def trust(
    file: Annotated[
        Path | None,
        typer.Argument(help="The settings file; by default the nearest smile_trace.toml."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the hosts that a settings file sends prompts and keys to, and allow them."""
    from smile_trace.trust import allow, to_allow
    from smile_trace.trust.settings_file import SettingsError, load

    found = load(file)
    if found is None:
        raise SettingsError("there is no smile_trace.toml here: give the file's name")
    wanted = to_allow(found, {})
    allow(found.path, wanted)
    if as_json:
        allows = [
            {"address": one.name, "variables": [name for name in one.to_ask if name]}
            for one in wanted
        ]
        print(json.dumps({"file": str(found.path), "allows": allows}, indent=2))
    elif wanted:
        _show(found.path, wanted)
        print("Allowed.", file=sys.stderr)
    else:
        print(
            f"{printable(str(found.path))} sends nothing that needs to be allowed.", file=sys.stderr
        )


def is_allowed_now(found: "NotTrusted") -> bool:
    """Ask a person at a terminal, and keep a yes; False for a no, or if nobody can be asked."""
    from smile_trace.trust import allow

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    _show(found.file, found.wanted)
    if not typer.confirm("Allow it?", err=True):
        return False
    allow(found.file, found.wanted)
    return True


def _show(file: Path, wanted: "Sequence[Destination]") -> None:
    from smile_trace.trust import described

    print(f"{printable(str(file))} sends", file=sys.stderr)
    for line in dict.fromkeys(described(one) for one in wanted):
        print(f"  {printable(line)}", file=sys.stderr)
