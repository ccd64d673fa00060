"""`smile-trace deliver`: what was captured before a tracker was there, for that tracker."""

from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace._text.lists import listed
from smile_trace.cli.active_trackers import active_trackers
from smile_trace.cli.since import HELP, since_ns
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.settings import Settings
    from smile_trace.store.queueing import Queued, Wanted


def deliver(
    to: Annotated[str, typer.Option("--to", help="The tracker, as in the settings.")],
    since: Annotated[str, typer.Option(help=HELP)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would queue, and queue nothing.")
    ] = False,
) -> None:
    """Queue what was captured since a time for a tracker that came later.

    Nothing is sent that the tracker has: a trace, explanation, path or profile that it got, or that
    waits for it, is left out. The worker delivers what is queued.
    """
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    settings = Settings()
    since_when, wanted = since_ns(since), _wanted(to, settings)
    store = Store.look(settings)
    try:
        queued = store.outbox.fill_since(
            to, since_when, now=store.clock(), wanted=wanted, dry_run=dry_run
        )
    finally:
        store.close()
    print(_told(to, queued, dry_run=dry_run))


def _wanted(name: str, settings: "Settings") -> "Wanted":
    """What the active tracker of that name is given."""
    from smile_trace.worker.delivery.turns import wanted

    with active_trackers(settings) as trackers:
        active = {tracker.name: tracker for tracker in trackers}
        if name not in active:
            known = ", ".join(active) or "none"
            raise SmileTraceError(
                f"no tracker {name!r} is active (active: {known}): write a table [trackers.{name}]"
            )
        return wanted(active[name].capabilities)


def _told(name: str, queued: "Queued", *, dry_run: bool) -> str:
    counts = {
        "trace": queued.traces,
        "explanation": queued.explanations,
        "path": queued.paths,
        "profile": queued.profiles,
    }
    new = [f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items() if count]
    known = queued.known_traces
    rest = f"{known} {'trace is' if known == 1 else 'traces are'} there, or on the way"
    if not new:
        return f"Nothing of that time is new for {name}" + (f": {rest}." if known else ".")
    said = f"For {name}: {listed(new)} {'would be' if dry_run else 'are'} queued"
    said += f"; {rest}." if known else "."
    return said if dry_run else f"{said} smile-trace worker delivers them."
