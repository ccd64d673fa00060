"""`smile-trace ship`: an application host's spool, sent to a receiver."""

import os
import signal
import threading
from typing import Annotated, Any

import typer


def ship(
    once: Annotated[bool, typer.Option("--once", help="Send what is there, then exit.")] = False,
    rate: Annotated[
        float | None,
        typer.Option(help="Share of the traces to send, at least the workers' sampling.rate."),
    ] = None,
    log: Annotated[str, typer.Option(help="How log lines are written: text or json.")] = "text",
) -> None:
    """Send what this host captures to a receiver, where workers explain it.

    For hosts without a worker: no database, no model, no extra. What is sent is removed from the
    spool when the receiver has it; while the receiver is away, the spool grows. The first SIGTERM
    or Ctrl-C sends what is there and ends, a second one ends at once; nothing is lost either way.
    """
    from smile_trace.cli.log import write_log
    from smile_trace.ship.client import Client
    from smile_trace.ship.settings import read_settings
    from smile_trace.ship.shipper import Shipper, private_home
    from smile_trace.worker.lock import worker_lock

    write_log(log, terminal=False)
    stopping = threading.Event()

    def stop(*_: Any) -> None:
        if stopping.is_set():
            os._exit(130)  # what was not acknowledged is still in the spool
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    settings = read_settings() if rate is None else read_settings(rate=rate)
    private_home(settings)
    with worker_lock(settings.home, "shipper") as heartbeat:
        shipper = Shipper(settings, Client(settings), stopping, heartbeat)
        shipper.run(once=once)
