"""Arguments and options that several commands take, under one name and with one sentence."""

from pathlib import Path
from typing import Annotated

import typer

TraceId = Annotated[
    str | None,
    typer.Argument(
        help="A captured call, as smile-trace calls lists them, or one that stands in MLflow "
        "(tr-…), Phoenix, Langfuse or Opik: TRACE_ID or TRACE_ID:SPAN_ID."
    ),
]
Prompt = Annotated[str | None, typer.Option(help="The prompt's text.")]
PromptFile = Annotated[
    Path | None, typer.Option(help="A file that holds the prompt's text; - reads stdin.")
]
Answer = Annotated[
    str | None, typer.Option(help="What the model said; asked first where it is missing.")
]
Model = Annotated[
    str | None,
    typer.Option(help="A model of the settings, or demo; a captured call has its own."),
]
Application = Annotated[
    str | None,
    typer.Option(help="The application's module, to call its function again (kind rerun)."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Ask nothing: show what would be asked and cost at most.")
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Ask a model that costs money without a question.")
]


def read_limit(text: str, form: str) -> tuple[str, float]:
    """What `NAME=LIMIT` says; the limit lies in [0, 1].

    Raises:
        typer.BadParameter: it is not of that form.
    """
    name, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not name or not 0 <= value <= 1:
        raise typer.BadParameter(f"{text!r}: write {form}")
    return name, value
