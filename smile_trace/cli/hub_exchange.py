"""`smile-trace hub export`, `merge`, `diff` and `explain`: to and from other files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.arguments import Yes
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.hub.live import Difference


def export(
    file: Annotated[Path, typer.Argument(help="A file of explanations.")],
    to: Annotated[
        Path, typer.Argument(help="A file .parquet (a row per segment), or a folder: a data set.")
    ],
    title: Annotated[str, typer.Option(help="Of the data set's card.")] = "Explanations",
) -> None:
    """Write explanations as a table, or as a folder with its card that Hugging Face loads."""
    from smile_trace.hub.files import read_entries, write_dataset, write_parquet

    entries = (entry for _, entry in read_entries(file))
    if to.suffix == ".parquet":
        print(f"{write_parquet(entries, to):,} segments in {to}")
    else:
        print(f"{write_dataset(entries, to, title=title):,} explanations in {to}")


def merge(
    files: Annotated[list[Path], typer.Argument(help="Files of explanations.")],
    to: Annotated[Path, typer.Option(help="Where they are written, each once.")],
) -> None:
    """Put files together; the same entry is kept once."""
    from smile_trace.hub.files import read_entries, write_entries

    entries = [entry for file in files for _, entry in read_entries(file)]
    print(f"{write_entries(entries, to):,} of {len(entries):,} entries in {to}")


def diff(
    before: Annotated[Path, typer.Argument(help="A file of explanations.")],
    after: Annotated[Path, typer.Argument(help="Another one.")],
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each prompt.")] = False,
) -> None:
    """What changed from one file to another: of the same prompts, what each answer depends on."""
    from smile_trace.hub.files import read_entries
    from smile_trace.hub.live import diff

    counts: dict[str, int] = {}
    old, new = ([entry for _, entry in read_entries(file)] for file in (before, after))
    for found in diff(old, new):
        counts[found.change] = counts.get(found.change, 0) + 1
        if json:
            print(found.model_dump_json())
        elif found.change == "changed":
            print(_said(found))
    if not json:
        print(", ".join(f"{count} {change}" for change, count in counts.items()) or "nothing")


def explain(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON Lines of prompts, promptfoo's results, or an MLflow evaluation data set."
        ),
    ],
    to: Annotated[Path, typer.Argument(help="Where the explanations are added.")],
    model: Annotated[str, typer.Option(help="A model of the settings, or demo.")],
    budget: Annotated[int, typer.Option(min=4, help="The most calls of each explanation.")] = 40,
    yes: Yes = False,
) -> None:
    """Explain the prompts of a file of another tool, each into a line of TO."""
    from smile_trace.cli.confirmation import confirm
    from smile_trace.explaining.api import explain_prepared
    from smile_trace.explaining.cost_estimate import most_by_model
    from smile_trace.explaining.options import Question
    from smile_trace.explaining.preparation import prepare
    from smile_trace.hub.prompts import read_prompts
    from smile_trace.records.entry import Entry
    from smile_trace.settings import Settings

    settings = Settings()
    chosen = [
        prepare(Question(asked.prompt, model=model, answer=asked.answer, budget=budget), settings)
        for asked in read_prompts(file)
    ]
    if not chosen:
        raise SmileTraceError(f"{file} holds no prompt")
    for most in most_by_model(chosen, embeddings=settings.explain.embeddings):
        confirm(most, yes=yes)
    try:
        with to.open("a", encoding="utf-8", newline="\n") as out:
            for one in chosen:
                out.write(Entry.of(explain_prepared(one, settings)).line + "\n")
                out.flush()
    except OSError as error:
        raise SmileTraceError(f"{to} cannot be written: {error.strerror}") from None
    print(f"{len(chosen)} {'explanation' if len(chosen) == 1 else 'explanations'} added to {to}")


def _said(found: "Difference") -> str:
    from smile_trace.cli.output import printable

    sides = [
        f"{side.model}: {side.answer[:80]} (driver: {side.driver})"
        for side in (found.before, found.after)
        if side is not None
    ]
    return printable(f"{found.prompt[:120]}: {found.reason}. {' → '.join(sides)}")
