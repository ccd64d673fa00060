"""`smile-trace hub anonymise` and `review`: before explanations are shared."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.records.entry import Entry


def anonymise(
    file: Annotated[Path, typer.Argument(help="A file of explanations.")],
    to: Annotated[Path, typer.Argument(help="Where the anonymised ones are written.")],
    names: Annotated[
        Path | None,
        typer.Option(
            "--list", help="Names and other texts to replace, one a line; /PATTERN/ is one."
        ),
    ] = None,
) -> None:
    """Replace addresses, numbers, secrets and listed names by pseudonyms, in all texts alike.

    Shows what was replaced. Whoever shares the result looks at it: smile-trace hub review.
    """
    from smile_trace.cli.output import printable
    from smile_trace.hub.anonymise import anonymise, named_in
    from smile_trace.hub.files import read_entries, write_entries
    from smile_trace.hub.pseudonyms import Pseudonyms

    _check_other(file, to)
    try:
        pseudonyms = Pseudonyms(_lines(names) if names is not None else ())
    except re.error as error:
        raise SmileTraceError(f"{names} holds no regular expression: {error}") from None
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
        print(printable(f"stands in it: {name} {text!r}"))
    print(
        f"{count} {'entry' if count == 1 else 'entries'} written to {to}; look at them: "
        f"smile-trace hub review {to} --by NAME"
    )


def review(
    file: Annotated[Path, typer.Argument(help="A file of explanations; it is written anew.")],
    by: Annotated[str, typer.Option(help="Who looks at them.")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="All of them were looked at elsewhere.")
    ] = False,
) -> None:
    """Look at each entry, and say whether it may be made public; only those with a yes are kept.

    A gallery that is built with --public takes no other.
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


def _check_other(file: Path, to: Path) -> None:
    if to.exists() and to.samefile(file):
        raise SmileTraceError(f"{to} is the file that is read: name another one")


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SmileTraceError(f"{file} cannot be read: {error}") from None
