"""`smile-trace forget`: what was captured, asked, answered, explained and cached, removed."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.output import printable
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.worker.forget import Forgotten, Found


def forget(
    trace: Annotated[
        str | None, typer.Argument(help="A trace's id (or one of its calls').")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="Every trace of this session (conversation).")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Every trace of this user.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask at a terminal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Remove traces for good, with their explanations, cached answers and copies in trackers.

    What was spent stays counted. Exits 1 where something of them is left; it says what, and why.
    """
    from smile_trace.settings import Settings
    from smile_trace.worker.forget import find
    from smile_trace.worker.forget import forget as forget_traces

    if sum(given is not None for given in (trace, session, user)) != 1:
        raise SmileTraceError("name one trace, or say --session or --user.")
    settings = Settings()
    found = find(settings, trace=trace, session=session, user=user)
    asks = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    if asks and not typer.confirm(_question(found), err=True):
        print("Nothing was removed.", file=sys.stderr)
        raise typer.Exit(1)
    done = forget_traces(settings, found)
    if as_json:
        print(done.model_dump_json(indent=2))
    else:
        _print(done)
    if done.left:
        raise typer.Exit(1)


def _question(found: "Found") -> str:
    there = f", and in {', '.join(found.trackers)}" if found.trackers else ""
    many = _number(len(found.trace_ids), "trace")
    said = f"{many} with {_number(found.calls, 'call')} will be removed for good, here{there}"
    return printable(f"{said}. Remove?")


def _print(done: "Forgotten") -> None:
    erased = done.erased
    counts = [
        _number(erased.calls, "call"),
        _number(erased.explanations, "explanation"),
        _number(erased.answers, "cached answer"),
        _number(erased.feedback, "feedback", "feedbacks"),
    ]
    more = (
        (erased.corrupt_lines, "corrupt line"),
        (done.lines, "line of spool files"),
        (done.files, "file that was set aside"),
    )
    counts += [_number(count, what) for count, what in more if count]
    print(f"Forgotten: {_number(erased.traces, 'trace')} with {', '.join(counts)}.")
    for tracker, count in done.copies.items():
        print(printable(f"Deleted in {tracker}: {_number(count, 'trace')}."))
    if done.copies and done.comparisons:
        names = ", ".join(done.comparisons)
        print(printable(f"Comparisons of {names} were deleted there, too; they are made anew."))
    for said in done.left:
        print(printable(f"Left: {said}."), file=sys.stderr)


def _number(count: int, one: str, many: str = "") -> str:
    first, _, rest = one.partition(" ")
    several = many or (f"{first}s {rest}" if rest.startswith(("of", "that")) else f"{one}s")
    return f"{count:,} {one if count == 1 else several}"
