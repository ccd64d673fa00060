"""`smile-trace hub`: explanations as files, checked, searched in a folder, shared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.arguments import Yes
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smile_trace.hub.check import Checked
    from smile_trace.records.entry import Entry


def check(
    file: Annotated[Path, typer.Argument(help="A file of explanations.")],
    only: Annotated[
        str | None, typer.Option(metavar="ID", help="The entry whose id begins so.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the model again: is it still as the file says?")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="With --live: who is asked, in place of the named model.")
    ] = None,
    yes: Yes = False,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each entry.")] = False,
) -> None:
    """See that nothing was changed, and that the stored responses give the same explanations.

    Exits 1 where a line was changed, another explanation comes out, or the model has changed.
    """
    from smile_trace.cli.output import printable
    from smile_trace.hub.check import check_file

    found = _live(file, only, model, yes=yes) if live else check_file(file, only=only)
    counts: dict[str, int] = {}
    for checked, _ in found:
        counts[checked.outcome] = counts.get(checked.outcome, 0) + 1
        if json:
            print(checked.model_dump_json(), flush=True)
        elif not checked.passed or live or only is not None:
            print(printable(f"line {checked.line}: {checked.outcome}: {checked.reason}"))
    if not counts and only is not None:
        raise SmileTraceError(f"{file} holds no entry whose id begins with {only}")
    if not json:
        said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        print(said or "no entries")
    if counts.keys() & {"changed", "damaged"}:
        raise typer.Exit(1)


def _live(
    file: Path, only: str | None, model: str | None, *, yes: bool
) -> "Iterator[tuple[Checked, Entry]]":
    """The explanations of the file asked again, after a yes to what that may cost."""
    from smile_trace.cli.confirmation import confirm
    from smile_trace.explaining.cost_estimate import most_by_model
    from smile_trace.hub.check import Checked
    from smile_trace.hub.files import read_entries
    from smile_trace.hub.live import check_live, prepare_live
    from smile_trace.settings import Settings

    settings = Settings()
    chosen = [
        (number, entry, prepare_live(entry, settings, model=model))
        for number, entry in read_entries(file)
        if entry.explanation is not None and entry.id.startswith(only or "")
    ]
    every = (prepared for _, _, prepared in chosen)
    for most in most_by_model(every, embeddings=settings.explain.embeddings):
        confirm(most, yes=yes)
    for number, entry, prepared in chosen:
        assert entry.explanation is not None
        found = check_live(entry.explanation, prepared, settings)
        yield (
            Checked(line=number, id=entry.id, outcome=found.outcome, reason=found.reason),
            entry,
        )


def build(
    folder: Annotated[Path, typer.Argument(help="Where to; made where it is missing.")],
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="A file of explanations; by default all of the store."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="What stands above the list.")] = "Explanations",
    public: Annotated[
        bool, typer.Option("--public", help="Refuse what nobody has looked at (hub review).")
    ] = False,
) -> None:
    """Write a gallery: pages that open, and can be searched, without a server."""
    from smile_trace.cli.hub_sources import entries_of
    from smile_trace.hub.anonymise import public as only_public
    from smile_trace.hub.gallery import build

    with entries_of(sources or []) as entries:
        # All are looked at before the first is written.
        chosen = list(only_public(entries)) if public else entries
        count = build(folder, chosen, title=title)
    print(f"{count} {'explanation' if count == 1 else 'explanations'}: {folder / 'index.html'}")
