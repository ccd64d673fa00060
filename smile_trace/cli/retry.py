"""`smile-trace retry`: explain calls again, or for the first time, on request."""

from typing import Annotated

import typer

from smile_trace.errors import SmileTraceError


def retry(
    call: Annotated[
        str | None,
        typer.Argument(help="A call's id (or the beginning of it, say its trace's id)."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every call that failed.")] = False,
) -> None:
    """Explain calls again: the worker takes them first. Answers that were paid for are reused."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.worker.retry import request_again

    if (call is None) is not failed:
        raise SmileTraceError("name one call, or say --failed.")
    settings = Settings()
    store = Store.open(settings)
    try:
        count = request_again(store, settings, call)
    finally:
        store.close()
    print(f"{count} {'call waits' if count == 1 else 'calls wait'} for the worker.")
