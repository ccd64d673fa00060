"""`smile-trace status`: a screen of captured, explained, delivered and spent."""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace._text.lists import listed
from smile_trace.cli.output import lasting, printable

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.table import Table
    from rich.text import Text

    from smile_trace.store.queries.status import Counted, Paused, Status, TrackerCounts
    from smile_trace.store.workers import RegisteredWorker


WATCH_SECONDS = 2.0
READ_OFTEN_SECONDS = 120.0
"""A backend read to its end within this time is not behind."""
SPOOL_SAID = 0.5
"""The share of its cap at which a spool is mentioned."""
WIDEST = 10_000
"""Characters of a line without a terminal."""


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
) -> None:
    """Show what was captured, explained, delivered and spent."""
    from rich.console import Console, Group

    from smile_trace.settings import Settings
    from smile_trace.worker.status import read_home

    settings = Settings()
    if as_json:
        print(read_home(settings).model_dump_json(indent=2))
        return
    # A program that reads the lines gets them whole.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDEST)

    def screen() -> Group:
        now = read_home(settings)
        return Group(now.worker, _table(now))

    if watch:
        _watch(console, screen)
    else:
        console.print(screen())


def _watch(console: "Console", screen: "Callable[[], Group]") -> None:
    from rich.live import Live

    with contextlib.suppress(KeyboardInterrupt), Live(screen(), console=console) as live:
        while True:
            time.sleep(WATCH_SECONDS)
            live.update(screen())


def _table(now: "Status") -> "Table":
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    table.add_row("captured", _about(now, "captured", now.captured), _not_captured_yet(now))
    for read in now.sources:
        said = f"traces, {read.calls} calls, {read.kept} of them kept ({printable(read.place)})"
        table.add_row(f"from {read.source}", str(read.traces), said)
        behind = _lag(now, "read", read.source, read.place)
        if behind > READ_OFTEN_SECONDS:
            table.add_row("", "", f"was last read completely {lasting(behind)} ago")
        if read.reason is not None:
            table.add_row("", "", _dim(read.reason))
    for number, one in enumerate(now.workers):
        said = f"{one.name}: {_does(one)}"
        state = "" if one.alive else ", not responding"
        count = str(sum(worker.alive for worker in now.workers)) if not number else ""
        table.add_row("" if number else "workers", count, printable(f"{said}{state}"))
    table.add_row("sampled", _about(now, "explained", now.sampled), "")
    table.add_row("explained", _about(now, "explained", now.explained), _by_status(now))
    if now.sanity_checks:
        checked = sum(check.count for check in now.sanity_checks)
        outcomes = ", ".join(f"{check.count} {check.reason}" for check in now.sanity_checks)
        table.add_row("sanity checks", str(checked), outcomes)
    for number, dropped in enumerate(now.dropped_proxies):
        table.add_row("" if number else "dropped proxies", "", _dim(dropped))
    waiting = now.pending + now.running
    notes = [f"{now.running} running"] if now.running else []
    if any(one.stage == "explain" for one in now.lags):
        notes.append(f"the oldest for {lasting(_lag(now, 'explain'))}")
    table.add_row("waiting", str(waiting), ", ".join(notes))
    for model in now.paused_models:
        count = str(model.waiting) if model.waiting else ""
        _add_paused(table, f"model {model.name}", model, now, count)
    _add_reasons(table, _other_reasons(now))
    table.add_row("skipped", _about(now, "skipped", now.skipped), "")
    _add_reasons(table, now.skipped_by_reason)
    table.add_row("failed", str(now.failed), "smile-trace retry --failed" if now.failed else "")
    _add_reasons(table, now.failed_by_reason)
    for tracker in now.trackers:
        _add_tracker(table, tracker, now)
    table.add_row("lost", str(now.lost + now.corrupt_lines), "")
    _add_reasons(table, now.lost_by_reason)
    if now.corrupt_lines:
        table.add_row("", str(now.corrupt_lines), "corrupt lines, kept aside in the store")
    for what, spent in (("spent today", now.spent_today), ("spent in total", now.spent)):
        unpriced = f", {spent.unpriced_calls} of them without a known price"
        money = f"{spent.tokens} tokens, ${spent.usd:.4f}"
        table.add_row(
            what, str(spent.calls), f"calls, {money}" + unpriced * bool(spent.unpriced_calls)
        )
    return table


def _about(now: "Status", name: str, count: int) -> str:
    """A count, and whether it is an estimate."""
    return f"about {count}" if name in now.estimated else str(count)


def _lag(now: "Status", *which: str) -> float:
    """The largest lag in seconds of a stage, or only of its parts with a name and place."""
    behind = (one for one in now.lags if (one.stage, one.name, one.place)[: len(which)] == which)
    return max((one.seconds for one in behind), default=0.0)


def _not_captured_yet(now: "Status") -> str:
    said = []
    if now.unread_files:
        waits = "file waits" if now.unread_files == 1 else "files wait"
        oldest = f"the oldest line has waited {lasting(_lag(now, 'read', 'spool'))}"
        said.append(f"{now.unread_files} spool {waits} to be read by the worker, {oldest}")
    if now.spool_filled >= 1.0:
        said.append("the spool is full, and nothing more is captured or received")
    elif now.spool_filled >= SPOOL_SAID:
        said.append(f"the spool is {now.spool_filled:.0%} full")
    if now.open_traces:
        grow = "trace is" if now.open_traces == 1 else "traces are"
        said.append(f"{now.open_traces} {grow} still growing")
    return "; ".join(said)


def _other_reasons(now: "Status") -> "Iterator[Counted]":
    """The reasons of pending jobs that wait for no paused model."""
    shown = Counter[str]()
    for model in now.paused_models:
        shown[model.reason] += model.waiting
    for one in now.pending_by_reason:
        if (others := one.count - shown[one.reason]) > 0:
            yield one.model_copy(update={"count": others})


def _by_status(now: "Status") -> str:
    pooled = f", {now.pooled} pooled with other calls of their prompt" if now.pooled else ""
    return (
        f"{now.reliable} reliable, {now.partial} partial, {now.no_effect} no effect, "
        f"{now.inconclusive} inconclusive{pooled}"
    )


def _add_tracker(table: "Table", tracker: "TrackerCounts", now: "Status") -> None:
    traces = "1 trace" if tracker.traces == 1 else f"{tracker.traces} traces"
    given = tracker.explanations
    explanations = "1 explanation" if given == 1 else f"{given} explanations"
    what = f"{traces}, {explanations}"
    name, delivered = f"to {tracker.name}", tracker.traces + tracker.explanations
    table.add_row(name, _about(now, name, delivered), what)
    if tracker.paused:
        _add_paused(table, "unavailable", tracker.paused, now)
    if tracker.waiting:
        oldest = f"waiting, the oldest for {lasting(_lag(now, 'deliver', tracker.name))}"
        table.add_row("", str(tracker.waiting), oldest)
    _add_reasons(table, tracker.waiting_for)
    _add_reasons(table, tracker.refused)
    _add_reasons(table, tracker.not_replaced)


def _add_paused(
    table: "Table", what: str, paused: "Paused", now: "Status", count: str = ""
) -> None:
    from rich.text import Text

    since = time.strftime("%Y-%m-%d %H:%M", time.gmtime(paused.since))
    times = "once" if paused.tries == 1 else f"{paused.tries} times"
    # A worker that starts tries everything at once, whatever the pauses say.
    wait = max(0.0, paused.next_try - time.time())
    then = f"in {wait:.0f} s" if now.healthy else "when a worker runs"
    tried = f"paused since {since} UTC, tried {times}, next try {then}"
    text = f"{printable(what)} ({tried}): {printable(paused.reason)}"
    table.add_row("", count, Text(text, style="yellow"))


def _add_reasons(table: "Table", reasons: "Iterable[Counted]") -> None:
    for one in reasons:
        table.add_row("", str(one.count), _dim(one.reason))


def _does(one: "RegisteredWorker") -> str:
    """A worker's explanations under way in a shared store, or its roles."""
    roles = one.roles.split(",")
    if "explain" not in roles:
        return listed(roles)
    of = "" if one.models is None else f" of {one.models}"
    return f"{one.explaining} of at most {one.capacity} explanations{of}"


def _dim(text: str) -> "Text":
    from rich.text import Text

    return Text(printable(text), style="dim")
