"""`smile-trace retry`, `reread`, `forget` and `store`: what the store holds."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.arguments import SINCE_HELP, since_ns
from smile_trace.cli.output import printable
from smile_trace.errors import SmileTraceError, file_errors

if TYPE_CHECKING:
    from smile_trace.store.traces import Change, Reread
    from smile_trace.worker.forget import Forgotten, Found


def retry(
    call: Annotated[
        str | None,
        typer.Argument(help="A call's id, or its beginning, such as the trace's id."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All failed calls.")] = False,
    proxies: Annotated[bool, typer.Option("--proxies", help="Try dropped proxies again.")] = False,
) -> None:
    """Explain calls again, ahead of others, reusing answers already paid for."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.worker.upkeep import request_again, reset_proxies

    if (call is not None) + failed + proxies != 1:
        raise SmileTraceError("give one call's id, --failed or --proxies.")
    settings = Settings()
    with Store.look(settings) as store:
        if proxies:
            count = reset_proxies(store)
            print(f"{count} {'proxy is' if count == 1 else 'proxies are'} tried again.")
            return
        others = store.status().pending if failed else 0  # before a worker can take them
        count = request_again(store, settings, call)
        if failed:
            print(_about_failed(count, others))
        else:
            print(f"{count} {'call waits' if count == 1 else 'calls wait'} for the worker.")


def reread(
    since: Annotated[str, typer.Option(help=f"Since when: {SINCE_HELP}")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; change nothing.")
    ] = False,
) -> None:
    """Read stored traces again after a dialect was added or changed.

    A call is read once, when its trace is complete; this lists the calls that are read differently
    now. Their traces are delivered again. Explanations stay those of the earlier reading.
    """
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    begin = since_ns(since)
    with Store.look(Settings()) as store:
        done = store.traces.reread(begin, dry_run=dry_run)
    for change in done.changes:
        print(_about_change(change))
    print(_about_reread(done, dry_run=dry_run))


def _about_change(change: "Change") -> str:
    what = {"changed": ", ".join(change.fields), "new": "new", "gone": "no longer a call"}
    said = f"{change.call_id}  {what[change.kind]}"
    if change.kind != "new":
        said += f" (read by {change.read_by or 'an earlier release'})"
    if change.explained:
        said += "; its explanation is of the earlier reading"
        if change.kind == "changed":
            said += f": smile-trace retry {change.call_id} explains it again"
    return said


def _about_reread(done: "Reread", *, dry_run: bool) -> str:
    count = len(done.changes)
    said = f"{done.traces:,} {'trace' if done.traces == 1 else 'traces'} read again: "
    if count:
        reads = "call is read" if count == 1 else "calls are read"
        said += f"{count:,} {reads} differently{', and nothing was changed' if dry_run else ''}."
    else:
        said += "every call is read as before."
    if done.unreadable:
        said += f" {done.unreadable:,} cannot be read by any dialect, and stay as they are."
    return said


def export(
    file: Annotated[
        Path, typer.Argument(help="The output file; - (the default) is standard output.")
    ] = Path("-"),
) -> None:
    """Write all explanations, with calls and perturbations, as JSON Lines."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.queries.exchange import export_lines

    count, to_stdout = 0, str(file) == "-"
    try:
        with (
            Store.look(Settings()) as store,
            nullcontext(sys.stdout.buffer) if to_stdout else file.open("wb") as stream,
        ):
            for line in export_lines(store.database):
                stream.write(line.encode() + b"\n")
                count += 1
            stream.flush()
    except BrokenPipeError:  # the reader has closed the pipe
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 - for the interpreter's last flush
        return
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be written: {error.strerror}") from None
    if not to_stdout:
        print(f"{count} {'explanation' if count == 1 else 'explanations'} written to {file}.")


def import_(
    file: Annotated[Path, typer.Argument(help="A file written by export; - is standard input.")],
) -> None:
    """Read explanations written by export. Existing ones are kept."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.queries.exchange import import_lines

    from_stdin = str(file) == "-"
    with (
        file_errors(file, "read"),
        Store.open(Settings()) as store,
        nullcontext(sys.stdin.buffer) if from_stdin else file.open("rb") as stream,
    ):
        done = import_lines(store.database, stream)
    forgotten = f", {done.forgotten} of forgotten traces left out" if done.forgotten else ""
    others = f", {done.without_call} explain no captured call" if done.without_call else ""
    print(f"{done.new} imported, {done.known} already there{forgotten}{others}.")


def copy(
    to: Annotated[
        str, typer.Option(metavar="URL", help="The database: postgresql://role@host:5432/name.")
    ],
    password_env: Annotated[
        str | None, typer.Option(help="The environment variable with the role's password.")
    ] = None,
) -> None:
    """Copy the store into an empty PostgreSQL database, which many workers can share.

    Stop the worker first. Work in progress continues there; this store is left unchanged.
    """
    from smile_trace.settings import Settings
    from smile_trace.worker.upkeep import move

    rows = move(Settings(), {"url": to, "password_env": password_env})
    table = f"url = {json.dumps(to)}"
    if password_env is not None:
        table += f"\npassword_env = {json.dumps(password_env)}"
    print(
        f"{sum(rows.values()):,} rows copied and compared; traces: {rows['traces']:,}, "
        f"explanations: {rows['explanations']:,}. Now write this into the settings:\n\n"
        f"[store]\n{table}"
    )


def _about_failed(count: int, others: int) -> str:
    said = "No call has failed"
    if count:
        said = f"{count} failed {'call waits' if count == 1 else 'calls wait'} for the worker again"
    if others:
        waits = "waits" if others == 1 else "wait"
        said += f"; {others} {waits} already: smile-trace status says what for"
    return f"{said}."


def forget(
    trace: Annotated[
        str | None, typer.Argument(help="A trace's id, or that of one of its calls.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="All traces of this session (conversation).")
    ] = None,
    user: Annotated[str | None, typer.Option(help="All traces of this user.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Delete traces for good, with their explanations, cached answers and tracker copies.

    What was spent stays counted. If something cannot be deleted, the command says what
    and why, and exits 1.
    """
    from smile_trace.settings import Settings
    from smile_trace.worker.forget import find
    from smile_trace.worker.forget import forget as forget_traces

    if sum(given is not None for given in (trace, session, user)) != 1:
        raise SmileTraceError("give one trace's id, --session or --user.")
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
    said = f"{many} with {_number(found.calls, 'call')} will be deleted for good, here{there}"
    return printable(f"{said}. Delete?")


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
        print(printable(f"Comparisons of {names} were deleted there too, and will be made again."))
    for said in done.left:
        print(printable(f"Not removed: {said}."), file=sys.stderr)


def _number(count: int, one: str, many: str = "") -> str:
    first, _, rest = one.partition(" ")
    several = many or (f"{first}s {rest}" if rest.startswith(("of", "that")) else f"{one}s")
    return f"{count:,} {one if count == 1 else several}"
