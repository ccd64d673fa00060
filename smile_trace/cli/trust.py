"""`smile-trace trust`, and the question that comes before prompts and keys go to a new host."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.output import printable

if TYPE_CHECKING:
    from smile_trace.trust import Destination, NotTrusted


def trust(
    file: Annotated[
        Path | None,
        typer.Argument(help="The settings' file; by default the nearest smile_trace.toml."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Allow the hosts to which a settings file sends prompts and keys, and say which they are."""
    from smile_trace.trust import allow, to_allow
    from smile_trace.trust.settings_file import SettingsError, load

    found = load(file)
    if found is None:
        raise SettingsError("there is no smile_trace.toml here: name the file")
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
        print(f"{printable(str(found.path))} sends nothing that is to be allowed.", file=sys.stderr)


def is_allowed_now(found: "NotTrusted") -> bool:
    """Ask a person at a terminal, and keep a yes; False where there is nobody to ask, or a no."""
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
