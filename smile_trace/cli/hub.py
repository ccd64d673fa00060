"""`smile-trace hub`: explanations as files, checked, searched in a folder, shared."""

from pathlib import Path
from typing import Annotated

import typer

from smile_trace.errors import SmileTraceError


def check(
    file: Annotated[Path, typer.Argument(help="A file of explanations.")],
    only: Annotated[
        str | None, typer.Option(metavar="ID", help="The entry whose id begins so.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each entry.")] = False,
) -> None:
    """See that nothing was changed, and that the stored responses give the same explanations.

    Exits 1 where a line was changed, or another explanation comes out.
    """
    from smile_trace.cli.output import printable
    from smile_trace.hub.check import check_file

    counts: dict[str, int] = {}
    for checked, _ in check_file(file, only=only):
        counts[checked.outcome] = counts.get(checked.outcome, 0) + 1
        if json:
            print(checked.model_dump_json(), flush=True)
        elif not checked.passed or only is not None:
            print(printable(f"line {checked.line}: {checked.outcome}: {checked.reason}"))
    if not counts:
        raise SmileTraceError(f"{file} holds no such entry")
    if not json:
        print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    if counts.keys() & {"changed", "damaged"}:
        raise typer.Exit(1)


def build(
    folder: Annotated[Path, typer.Argument(help="Where to; made where it is missing.")],
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="A file of explanations; by default all of the store."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="What stands above the list.")] = "Explanations",
) -> None:
    """Write a gallery: pages that open, and can be searched, without a server."""
    from smile_trace.cli.hub_sources import entries_of
    from smile_trace.hub.gallery import build

    with entries_of(sources or []) as entries:
        count = build(folder, entries, title=title)
    print(f"{count} {'explanation' if count == 1 else 'explanations'}: {folder / 'index.html'}")
