"""`smile-trace export` and `smile-trace import`: explanations as JSON Lines."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from smile_trace.errors import SmileTraceError


def export(
    file: Annotated[
        Path, typer.Argument(help="Where to; - is the standard output, as without it.")
    ] = Path("-"),
) -> None:
    """Write every explanation, with its call and its perturbations, one line of JSON each."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.exchange import export_lines

    store = Store.look(Settings())
    count = 0
    try:
        if str(file) == "-":
            for line in export_lines(store.database):
                sys.stdout.buffer.write(line.encode() + b"\n")
            sys.stdout.buffer.flush()
            return
        with file.open("wb") as stream:
            for line in export_lines(store.database):
                stream.write(line.encode() + b"\n")
                count += 1
    except BrokenPipeError:  # whoever read has had enough
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 - for the interpreter's last flush
        return
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be written: {error.strerror}") from None
    finally:
        store.close()
    print(f"{count} {'explanation' if count == 1 else 'explanations'} written to {file}.")


def import_(
    file: Annotated[Path, typer.Argument(help="What export wrote; - is the standard input.")],
) -> None:
    """Read explanations that export wrote. What is there already stays as it is."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.exchange import import_lines

    store = Store.open(Settings())
    try:
        if str(file) == "-":
            done = import_lines(store.database, sys.stdin.buffer)
        else:
            with file.open("rb") as stream:
                done = import_lines(store.database, stream)
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be read: {error.strerror}") from None
    finally:
        store.close()
    print(f"{done.new} imported, {done.known} were there already.")
