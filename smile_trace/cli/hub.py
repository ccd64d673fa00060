"""`smile-trace hub`: explanations as files, checked, searched in a folder, shared."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.arguments import Yes
from smile_trace.errors import SmileTraceError, file_errors

if TYPE_CHECKING:
    from smile_trace.hub.check import Checked
    from smile_trace.hub.live import Difference
    from smile_trace.records.entry import Entry


@contextmanager
def entries_of(files: Sequence[Path]) -> "Iterator[Iterator[Entry]]":
    """The entries of these files in order; without files, those of the store. Raises
    SmileTraceError if a file cannot be read, or there is no store."""
    from smile_trace.hub.files import read_entries
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.queries.exchange import export_entries

    if files:
        yield (entry for _, entry in chain.from_iterable(map(read_entries, files)))
        return
    with Store.look(Settings()) as store:
        yield export_entries(store.database)


def check(
    file: Annotated[Path, typer.Argument(help="A file of explanations.")],
    only: Annotated[
        str | None, typer.Option(metavar="ID", help="Only the entry whose id starts with this.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the model again, and compare.")] = False,
    model: Annotated[str | None, typer.Option(help="With --live: ask this model instead.")] = None,
    yes: Yes = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines, one per entry.")] = False,
) -> None:
    """Check that nothing was changed, and that the stored responses give the same explanations.

    Exits 1 if a line was changed, an explanation comes out different, or the model has changed.
    """
    from smile_trace.cli.output import printable

    found = _live(file, only, model, yes=yes) if live else _offline(file, only)
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


def _offline(file: Path, only: str | None) -> "Iterator[tuple[Checked, Entry | None]]":
    from smile_trace.attribution.one_thread import one_thread
    from smile_trace.cli.output import bar
    from smile_trace.hub.check import check_file
    from smile_trace.hub.files import read_lines

    lines = sum(1 for _ in read_lines(file)) if only is None and file.is_file() else None
    with bar("Checking", lines) as advance, one_thread():
        for found in check_file(file, only=only):
            yield found
            advance(1)


def _live(
    file: Path, only: str | None, model: str | None, *, yes: bool
) -> "Iterator[tuple[Checked, Entry]]":
    """Ask the file's explanations again, after a yes to the possible cost."""
    from smile_trace.cli.arguments import confirm
    from smile_trace.explaining.spending import most_by_model
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
    folder: Annotated[Path, typer.Argument(help="The output folder; created if missing.")],
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="A file of explanations; the whole store by default."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="The page's title.")] = "Explanations",
    public: Annotated[
        bool, typer.Option("--public", help="Refuse entries that nobody has reviewed (hub review).")
    ] = False,
) -> None:
    """Write a gallery: pages that can be opened and searched without a server."""
    from smile_trace.hub.anonymise import public as only_public
    from smile_trace.hub.gallery import build

    with entries_of(sources or []) as entries:
        # All are looked at before the first is written.
        chosen = list(only_public(entries)) if public else entries
        count = build(folder, chosen, title=title)
    print(f"{count} {'explanation' if count == 1 else 'explanations'}: {folder / 'index.html'}")


def export(
    file: Annotated[Path, typer.Argument(help="A file of explanations.")],
    to: Annotated[
        Path, typer.Argument(help="A .parquet file (a row per part), or a folder for a data set.")
    ],
    title: Annotated[str, typer.Option(help="Title of the data set's card.")] = "Explanations",
) -> None:
    """Write explanations as a table, or as a data set with its card that Hugging Face can load."""
    from smile_trace.hub.files import read_entries, write_dataset, write_parquet

    entries = (entry for _, entry in read_entries(file))
    if to.suffix == ".parquet":
        print(f"{write_parquet(entries, to):,} parts in {to}")
    else:
        print(f"{write_dataset(entries, to, title=title):,} explanations in {to}")


def merge(
    files: Annotated[list[Path], typer.Argument(help="Files of explanations.")],
    to: Annotated[Path, typer.Option(help="The output file; duplicates are written once.")],
) -> None:
    """Merge files; an entry that several of them have is kept once."""
    from smile_trace.hub.files import read_entries, write_entries

    entries = [entry for file in files for _, entry in read_entries(file)]
    print(f"{write_entries(entries, to):,} of {len(entries):,} entries in {to}")


def diff(
    before: Annotated[Path, typer.Argument(help="A file of explanations.")],
    after: Annotated[Path, typer.Argument(help="The file to compare it with.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines, one per prompt.")] = False,
) -> None:
    """Compare what the answers to the same prompts depend on in two files."""
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
    to: Annotated[Path, typer.Argument(help="The file to append the explanations to.")],
    model: Annotated[str, typer.Option(help="A model from the settings, or demo.")],
    budget: Annotated[
        int, typer.Option(min=4, help="Maximum number of calls per explanation.")
    ] = 40,
    yes: Yes = False,
) -> None:
    """Explain the prompts in another tool's file, and append a line for each to TO."""
    from smile_trace.cli.arguments import confirm
    from smile_trace.explaining.api import explain_prepared
    from smile_trace.explaining.options import Question
    from smile_trace.explaining.preparation import prepare
    from smile_trace.explaining.spending import most_by_model
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
    with file_errors(to, "written"), to.open("a", encoding="utf-8", newline="\n") as out:
        for one in chosen:
            out.write(Entry.of(explain_prepared(one, settings)).line + "\n")
            out.flush()
    print(f"{len(chosen)} {'explanation' if len(chosen) == 1 else 'explanations'} added to {to}")


def _said(found: "Difference") -> str:
    from smile_trace.cli.output import printable

    sides = [
        f"{side.model}: {side.answer[:80]} (driver: {side.driver})"
        for side in (found.before, found.after)
        if side is not None
    ]
    return printable(f"{found.prompt[:120]}: {found.reason}. {' → '.join(sides)}")


def anonymise(
    file: Annotated[Path, typer.Argument(help="A file of explanations.")],
    to: Annotated[Path, typer.Argument(help="The output file.")],
    names: Annotated[
        Path | None,
        typer.Option(
            "--list", help="A file of names, texts or /PATTERNS/ to replace, one per line."
        ),
    ] = None,
) -> None:
    """Replace addresses, numbers, secrets and listed names with the same pseudonyms in all texts.

    Shows what was replaced. Look at the result before you share it: smile-trace hub review.
    """
    from smile_trace.cli.output import printable
    from smile_trace.hub.anonymise import anonymise, named_in
    from smile_trace.hub.files import read_entries, write_entries
    from smile_trace.hub.pseudonyms import Pseudonyms

    if to.exists() and to.samefile(file):
        raise SmileTraceError(f"{to} is the file that is read: name another file")
    try:
        pseudonyms = Pseudonyms(_lines(names) if names is not None else ())
    except re.error as error:
        raise SmileTraceError(f"{names} contains an invalid regular expression: {error}") from None
    left: set[tuple[str, str]] = set()

    def made() -> "Iterator[Entry]":
        for entry in anonymise((entry for _, entry in read_entries(file)), pseudonyms):
            left.update(named_in(entry))
            yield entry

    count = write_entries(made(), to)
    for one in pseudonyms.replaced:
        # What is shown here is what was found: it goes to this person's terminal only.
        said = f"{one.original!r} → {one.pseudonym}" if one.kind != "secret" else one.pseudonym
        print(printable(f"{one.times} × {one.kind} {said}"))
    for name, text in sorted(left):
        print(printable(f"still in it: {name} {text!r}"))
    print(
        f"{count} {'entry' if count == 1 else 'entries'} written to {to}; look at them: "
        f"smile-trace hub review {to} --by NAME"
    )


def review(
    file: Annotated[Path, typer.Argument(help="A file of explanations; it is overwritten.")],
    by: Annotated[str, typer.Option(help="The reviewer's name.")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Say yes to all: they were reviewed elsewhere.")
    ] = False,
) -> None:
    """Look at each entry, and say whether it may be made public; only those with a yes are kept.

    A gallery built with --public accepts no others.
    """
    from smile_trace.hub.anonymise import reviewed
    from smile_trace.hub.files import read_entries, write_entries, written_anew

    entries = [entry for _, entry in read_entries(file)]
    kept = [reviewed(entry, by) for entry in entries if yes or _asked(entry)]
    with written_anew(file) as partly:
        write_entries(kept, partly)
    print(f"{len(kept)} of {len(entries)} may be made public, says {by}.")


def _asked(entry: "Entry") -> bool:
    from smile_trace._guards.presentable import presentable_lines
    from smile_trace.hub.anonymise import texts_of

    shown: list[str] = []

    def show(text: str, what: str) -> None:
        shown.append(text)
        print(f"{what}: {presentable_lines(text)}")

    for one in entry.explanations:
        for message in one.messages:
            show(message.content, message.role)
        show(one.answer, "answer")
        for text in dict.fromkeys(row.response for row in one.perturbations):
            if text is not None and text != one.answer:
                show(text, "  also answered")
    for text in texts_of(entry):
        if not any(text in one for one in shown):
            show(text, "  also in it")
    return typer.confirm(f"May {entry.id[:12]} be made public?")


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SmileTraceError(f"{file} cannot be read: {error}") from None
