"""Arguments and options that several commands take, under one name and with one sentence."""

import inspect
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from smile_trace._options import About, AllOptions, described
from smile_trace.errors import SmileTraceError

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


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of an explanation, which it gets by name as `options`, in whose
    place they stand in its help."""
    own = inspect.signature(command).parameters
    derived = {
        name: inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if default == () else default,
            annotation=_typed(name, kind, about),
        )
        for name, kind, default, about in described(AllOptions)
    }

    @wraps(command)
    def run(**given: Any) -> None:
        options = {name: given.pop(name) for name in derived}
        signal = str(options["signal"])  # one of typer's enumeration
        command(options={**options, "signal": signal, "protect": options["protect"] or ()}, **given)

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name in own
        for parameter in (derived.values() if name == "options" else (own[name],))
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _typed(name: str, kind: Any, about: About) -> Any:
    """The annotation from which typer makes an option."""
    typed = about.typed or kind
    if get_origin(typed) is Literal:
        enumeration: Any = StrEnum
        typed = enumeration(name, {value: value for value in get_args(typed)})
    return Annotated[typed, typer.Option(help=about.option, metavar=about.metavar, min=about.least)]


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


SINCE_HELP = "A time (2026-11-26, 2026-11-26T09:30) or an age (90m, 7d)."

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def since_ns(text: str) -> int:
    """Unix nanoseconds.

    Raises:
        SmileTraceError: it is neither a time nor an age.
    """
    if age := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return max(int((time.time() - int(age[1]) * _UNITS[age[2]]) * 1e9), 0)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SmileTraceError(
            f"--since {text!r} is no time: write 2026-11-26T09:30, or an age such as 90m, 12h, 7d"
        ) from None
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return min(max(int(seconds * 1e9), 0), 2**63 - 1)
