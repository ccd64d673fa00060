"""`smile-trace receive`: OTLP/HTTP from any OpenTelemetry SDK or Collector, into the spool."""

import signal
import sys
from typing import Annotated

import typer


def receive(
    log: Annotated[str, typer.Option(help="How log lines are written: text or json.")] = "text",
) -> None:
    """Take traces and logs as OTLP/HTTP (protobuf or JSON), for the worker to read.

    It listens on 127.0.0.1:4318 unless receive.host and receive.port say otherwise. What it has
    answered with 200 is kept, also when it is killed the moment after.
    """
    from smile_trace.cli.log import write_log
    from smile_trace.settings import Settings
    from smile_trace.sources.receiver.serve import serve

    write_log(log, terminal=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    serve(Settings())
