"""Arguments and options of several commands, under one name and with one sentence, and the
description and confirmation of what a command would ask."""

import inspect
import re
import sys
import time
from collections.abc import Callable, Sequence
from copy import copy
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from smile_trace._options import RENAMED, About, AllOptions, by_new_names, described
from smile_trace.cli.output import printable
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate


TraceId = Annotated[
    str | None,
    typer.Argument(
        help="A captured call (smile-trace calls lists them) or one in MLflow (tr-…), Phoenix, "
        "Langfuse or Opik: TRACE_ID or TRACE_ID:SPAN_ID."
    ),
]
Prompt = Annotated[str | None, typer.Option(help="The prompt's text.")]
PromptFile = Annotated[Path | None, typer.Option(help="A file with the prompt; - reads stdin.")]
Answer = Annotated[
    str | None, typer.Option(help="The model's answer; without it the model is asked first.")
]
Model = Annotated[
    str | None,
    typer.Option(
        help="A model from the settings, or demo; a captured call uses its own by default."
    ),
]
Application = Annotated[
    str | None, typer.Option(help="Your application's module, for models of kind rerun.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")]
Browser = Annotated[bool, typer.Option(help="Open the page in the browser.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Send nothing; show what would be sent and the maximum cost."),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask for confirmation before spending money.")
]


PANELS = {
    "What is explained": ("file", "answer", "answer_part", "run", "path", "depth", "app"),
    "How it is explained": (
        *("unit", "protect", "budget", "until_settled", "signal", "distance"),
        *("proxy", "solver", "seed"),
    ),
    "What to do with the result": ("json", "deliver", "sanity_check", "yes"),
}
"""The panels of an explanation's options, but for those that people need first."""


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command, given the options of an explanation as `options`; its help lists them there."""
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
    hidden = Annotated[str | None, typer.Option(hidden=True)]
    old = {
        name: inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hidden
        )
        for name in RENAMED
    }

    @wraps(command)
    def run(**given: Any) -> None:
        before = {name: value for name in old if (value := given.pop(name)) is not None}
        given |= by_new_names(before, "--")
        options = {name: given.pop(name) for name in derived}
        signal = str(options["signal"])  # one of typer's enumeration
        command(options={**options, "signal": signal, "protect": options["protect"] or ()}, **given)

    parameters = [
        _in_panel(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        for name in own
        for parameter in ((*derived.values(), *old.values()) if name == "options" else (own[name],))
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _in_panel(parameter: inspect.Parameter) -> inspect.Parameter:
    panel = next((panel for panel, names in PANELS.items() if parameter.name in names), None)
    if panel is None:
        return parameter
    typed, about = get_args(parameter.annotation)
    about = copy(about)  # other commands have it, too
    about.rich_help_panel = panel
    return parameter.replace(annotation=Annotated[typed, about])


def _typed(name: str, kind: Any, about: About) -> Any:
    """The annotation from which typer makes an option."""
    typed = about.typed or kind
    if get_origin(typed) is Literal:
        enumeration: Any = StrEnum
        typed = enumeration(name, {value: value for value in get_args(typed)})
    return Annotated[typed, typer.Option(help=about.option, metavar=about.metavar, min=about.least)]


def read_limit(text: str, form: str) -> tuple[str, float]:
    """Read `NAME=LIMIT`, with a limit in [0, 1]; raises typer.BadParameter for another form."""
    name, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not name or not 0 <= value <= 1:
        raise typer.BadParameter(f"{text!r}: write {form}")
    return name, value


def names_in(text: str) -> list[str]:
    """The names in a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


SINCE_HELP = "a time (2026-11-26, 2026-11-26T09:30) or an age (90m, 7d)."

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def since_ns(text: str) -> int:
    """Unix nanoseconds for a time or an age; raises SmileTraceError for anything else."""
    if age := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return max(int((time.time() - int(age[1]) * _UNITS[age[2]]) * 1e9), 0)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SmileTraceError(
            f"--since {text!r} is not a time: use 2026-11-26T09:30, or an age such as 90m, 12h, 7d"
        ) from None
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return min(max(int(seconds * 1e9), 0), 2**63 - 1)


_SIGNALS = {
    "text": "the answers are compared as texts",
    "probability": "the probability of the given answer is compared",
}


def describe(estimate: "Estimate") -> str:
    """A few lines: what is asked, which model, and the most that it takes."""
    return "\n".join([_what(estimate), *_asked(estimate), "Nothing was sent."])


def describe_run(estimates: "Sequence[Estimate]", rows: int) -> str:
    """The description of an evaluation's run: the estimates of its rows, by model."""
    what = f"The prompt of each of {rows:,} rows would be sent again with parts of it removed."
    asked = [line for estimate in estimates for line in _asked(estimate)]
    return "\n".join([what, *asked, "Nothing was sent."])


def _what(estimate: "Estimate") -> str:
    unit = "part" if estimate.unit == "span" else estimate.unit
    parts = f"{estimate.segments:,} {unit}{'' if estimate.segments == 1 else 's'}"
    steps = ", larger parts first, then what is inside those that matter"
    return (
        f"The prompt would be sent again with some of its {parts} removed"
        f"{steps if estimate.in_steps else ''}; {_SIGNALS[estimate.signal]}."
    )


def _asked(estimate: "Estimate") -> list[str]:
    lines = [
        f"Model: {printable(estimate.model)}, {printable(estimate.address)}.",
        f"At most: {most_of(estimate)}.",
    ]
    if estimate.proxy is not None:
        how = _SIGNALS[estimate.proxy.signal]
        lines.append(f"Most requests go to its proxy: {_model_and_cost(estimate.proxy)}; {how}.")
    if estimate.judge is not None:
        lines.append(f"Answers are judged by {_model_and_cost(estimate.judge)}.")
    if estimate.embeddings is not None:
        lines.append(
            f"Word vectors come from {printable(estimate.embeddings)}; these calls are not counted."
        )
    return lines


def confirm(estimate: "Estimate", *, yes: bool) -> None:
    """Print the bound on calls that may cost money, and ask for a yes; a no is a typer.Exit."""
    asked = estimate, estimate.proxy, estimate.judge
    paid = [one for one in asked if one is not None and one.paid]
    if not paid or yes:
        return
    most = " ".join(f"{_model_and_cost(one)}." for one in paid)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        print(most, file=sys.stderr)
        return
    if not typer.confirm(f"{most} Continue?", err=True):
        print("Nothing was sent.", file=sys.stderr)
        raise typer.Exit(1)


def _model_and_cost(estimate: "Estimate") -> str:
    model = f"{printable(estimate.model)}, {printable(estimate.address)}"
    return f"{model}: at most {most_of(estimate)}"


def most_of(estimate: "Estimate") -> str:
    """The most calls, tokens and dollars, in words."""
    calls = f"{estimate.calls:,} calls"
    tokens = "" if estimate.tokens is None else f", {estimate.tokens:,} tokens"
    usd = "cost unknown" if estimate.usd is None else f"${estimate.usd:,.4f}"
    return f"{calls}{tokens}, {'$0' if estimate.usd == 0 else usd}"
