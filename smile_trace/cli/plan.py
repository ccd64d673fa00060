"""What `smile-trace worker --dry-run` prints."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from smile_trace._text.lists import listed
from smile_trace.cli.output import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from smile_trace.store.spending.ledger import Left
    from smile_trace.worker.plan import Plan


def print_plan(plan: "Plan", console: "Console") -> None:
    """Print a table of the models, and a sentence for everything else."""
    if plan.models:
        console.print(_table(plan))
    else:
        console.print("Nothing waits to be explained.")
    for model in plan.models:
        if model.usd is None:
            console.print(
                f"No price is known for {printable(model.model)}: no cap in dollars holds for it, "
                "those in calls and tokens do (calls_per_day, tokens_per_day).",
                markup=False,
            )
        if caps := _caps(model.left):
            console.print(
                f"Its own caps let {caps} more through to {printable(model.model)} today (UTC).",
                markup=False,
            )
    if replays := sum(model.replays for model in plan.models):
        console.print(f"{replays:,} of the calls are what [drift] replays in this period.")
    if plan.beside_worker:
        console.print(
            "A worker runs here, which reads the spool itself: what it has not read yet is not "
            "counted.",
            markup=False,
        )
    for skipped in plan.skipped:
        console.print(f"Skipped: {skipped.count}, {printable(skipped.reason)}.", markup=False)
    caps = _caps(plan.left)
    said = f"The caps let {caps} more through today (UTC)" if caps else "No cap per day is set"
    console.print(f"{said}. Nothing was asked.", markup=False)


def _table(plan: "Plan") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("model", overflow="fold")
    for column in ("explanations", "calls at most", "tokens at most", "US dollars at most"):
        table.add_column(column, justify="right")
    for one in plan.models:
        table.add_row(
            Text(printable(one.model)),
            f"{one.explanations:,}",
            f"{one.calls:,}",
            _known(one.tokens, lambda tokens: f"{tokens:,}"),
            _known(one.usd, lambda usd: f"{usd:,.4f}"),
        )
    return table


def _caps(left: "Left") -> str:
    said = []
    if left.calls is not None:
        said.append(f"{left.calls:,} calls")
    if left.tokens is not None:
        said.append(f"{left.tokens:,} tokens")
    if left.usd is not None:
        said.append(f"${left.usd:,.4f}")
    return listed(said)


def _known(value: float | None, formatted: Callable[[float], str]) -> str:
    return "not known" if value is None else formatted(value)
