"""What `smile-trace explain` would ask, described, and a yes where that may cost money."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from smile_trace.cli.output import printable

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate

_SIGNALS = {
    "text": "the answers are compared as texts",
    "probability": "it is asked for the probability of the given answer",
}


def describe(estimate: "Estimate") -> str:
    """A few lines: what is asked, which model, and the most that it takes."""
    return "\n".join([_what(estimate), *_asked(estimate), "Nothing was asked."])


def describe_run(estimates: "Sequence[Estimate]", rows: int) -> str:
    """The same of the rows of an evaluation, by model."""
    what = f"The prompt of each of {rows:,} rows would be asked again with parts of it removed."
    asked = [line for estimate in estimates for line in _asked(estimate)]
    return "\n".join([what, *asked, "Nothing was asked."])


def _what(estimate: "Estimate") -> str:
    unit = "passage" if estimate.unit == "span" else estimate.unit
    parts = f"{estimate.segments:,} {unit}{'' if estimate.segments == 1 else 's'}"
    steps = ", larger passages first and then the pieces of those that matter"
    return (
        f"The prompt would be asked again with some of its {parts} removed"
        f"{steps if estimate.in_steps else ''}; {_SIGNALS[estimate.signal]}."
    )


def _asked(estimate: "Estimate") -> list[str]:
    """Who is asked, and how much that is at most."""
    lines = [
        f"Asked: {printable(estimate.model)}, {printable(estimate.address)}.",
        f"At most: {most_of(estimate)}.",
    ]
    if estimate.proxy is not None:
        how = _SIGNALS[estimate.proxy.signal]
        lines.append(f"Its proxy answers most: {_model_and_cost(estimate.proxy)}; {how}.")
    if estimate.embeddings is not None:
        lines.append(
            f"Word vectors come from {printable(estimate.embeddings)}, which is not counted."
        )
    return lines


def confirm(estimate: "Estimate", *, yes: bool) -> None:
    """Print the bound on calls that cost money, or may, and ask for a yes at a terminal.

    Raises:
        typer.Exit: the person said no.
    """
    paid = [one for one in (estimate, estimate.proxy) if one is not None and one.paid]
    if not paid or yes:
        return
    most = " ".join(f"{_model_and_cost(one)}." for one in paid)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        print(most, file=sys.stderr)
        return
    if not typer.confirm(f"{most} Ask?", err=True):
        print("Nothing was asked.", file=sys.stderr)
        raise typer.Exit(1)


def _model_and_cost(estimate: "Estimate") -> str:
    model = f"{printable(estimate.model)}, {printable(estimate.address)}"
    return f"{model}: at most {most_of(estimate)}"


def most_of(estimate: "Estimate") -> str:
    """Calls, tokens and dollars, at most."""
    calls = f"{estimate.calls:,} calls"
    tokens = "" if estimate.tokens is None else f", {estimate.tokens:,} tokens"
    usd = "cost not known" if estimate.usd is None else f"${estimate.usd:,.4f}"
    return f"{calls}{tokens}, {'$0' if estimate.usd == 0 else usd}"
