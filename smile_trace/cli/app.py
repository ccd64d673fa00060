"""The command tree. Commands import their rooms inside the function: `--help` stays fast."""

import typer

from smile_trace.cli.demo import demo

app = typer.Typer(
    name="smile-trace",
    help="Why did the model say that? Explains logged LLM calls, inside the traces they are in.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.command()(demo)
