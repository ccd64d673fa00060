"""`smile-trace drift NAME`: whether a prompt's model answers as it did."""

from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.output import printable
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.probes.drift import DriftProbe


def drift(
    name: Annotated[str, typer.Argument(help="A prompt, or a function that uses none.")],
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="Take the model as it is now as the new reference: forget the set, its answers "
            "and its alarm.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show whether the model of a prompt still answers a fixed set of requests as it did before."""
    from smile_trace.probes.drift import drift_of
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    settings = Settings()
    with Store.look(settings) as store:
        if restart:
            if not store.drift.end(name):
                raise SmileTraceError(f"no prompt or function named {name!r} is replayed")
            print(f"{printable(name)} starts again with the worker's next replay.")
            return
        found = drift_of(store, name, settings.drift.false_alarm_rate)
    if json:
        print(found.model_dump_json(indent=2))
        return
    print(
        f"{printable(name)}: {found.cases} requests, {found.confirmed} of them failures that "
        f"people confirmed; false alarms at most {found.false_alarm_rate:.3g}"
    )
    for probe in found.probes:
        print("\n".join(_lines(probe, found.reference)))
    if found.alarm_period is not None:
        told = "" if found.told else " (not reported yet)"
        print(
            f"Alarm of {found.alarm_period}{told}: the set is no longer replayed; smile-trace "
            "drift NAME --restart takes the model as it is now as the new reference."
        )


def _lines(probe: "DriftProbe", reference: str) -> list[str]:
    begin = f"  {reference}  {probe.reference_changed:>3} of {probe.reference_asked}  reference"
    periods = [
        f"  {one.period}  {one.changed:>3} of {one.asked}  evidence {one.evidence:.3g}"
        + ("  ALARM" if one.evidence >= probe.alarm_from else "")
        for one in probe.periods
    ]
    title = f"{printable(probe.probe)}: changed answers; alarm at evidence {probe.alarm_from:.3g}"
    return [title, begin, *periods]
