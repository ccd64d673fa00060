"""The command tree. Commands import their rooms inside the function: `--help` stays fast."""

from importlib.metadata import version
from typing import Annotated

import typer

from smile_trace.cli.compare import compare
from smile_trace.cli.demo import demo
from smile_trace.cli.doctor import doctor
from smile_trace.cli.explain import explain
from smile_trace.cli.export_import import export, import_
from smile_trace.cli.health import health
from smile_trace.cli.replay import replay
from smile_trace.cli.retry import retry
from smile_trace.cli.status import status
from smile_trace.cli.worker import worker

app = typer.Typer(
    name="smile-trace",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version("smile-trace"))
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Why did the model say that? Explains logged LLM calls, inside the traces they are in."""


app.command()(demo)
app.command()(explain)
app.command()(worker)
app.command()(status)
app.command()(retry)
app.command()(compare)
app.command()(replay)
app.command()(export)
app.command("import")(import_)
app.command()(doctor)
app.command()(health)
