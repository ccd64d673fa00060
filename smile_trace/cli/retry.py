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
    proxies: Annotated[
        bool, typer.Option("--proxies", help="Ask the proxies again that were dropped.")
    ] = False,
) -> None:
    """Explain calls again: the worker takes them first. Answers that were paid for are reused."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.worker.retry import believe_again, request_again

    if (call is not None) + failed + proxies != 1:
        raise SmileTraceError("name one call, or say --failed or --proxies.")
    settings = Settings()
    store = Store.look(settings)
    try:
        if proxies:
            count = believe_again(store)
            print(f"{count} {'proxy is' if count == 1 else 'proxies are'} tried anew.")
            return
        others = store.status().pending if failed else 0  # before a worker can take them
        count = request_again(store, settings, call)
        if failed:
            print(_about_failed(count, others))
        else:
            print(f"{count} {'call waits' if count == 1 else 'calls wait'} for the worker.")
    finally:
        store.close()


def _about_failed(count: int, others: int) -> str:
    """What becomes of the calls that failed, and that others wait without having failed."""
    said = "No call has failed"
    if count:
        said = f"{count} failed {'call waits' if count == 1 else 'calls wait'} for the worker again"
    if others:
        waits = "waits" if others == 1 else "wait"
        said += f"; {others} {waits} already: smile-trace status says what for"
    return f"{said}."
