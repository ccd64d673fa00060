"""What the store explains already, for `smile-trace explain`: shown, or said before asking anew."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from smile_trace._options import RENAMED, AllOptions, described, unusual, written_options
from smile_trace._text.lists import listed
from smile_trace.cli.output import printable

if TYPE_CHECKING:
    from smile_trace.records import Explanation
    from smile_trace.store.jobs import Job
    from smile_trace.store.requested import Stored
    from smile_trace.store.stored import Look

_NAMED = 3
"""Explained calls of the same trace that are named."""
_POLL_SECONDS, _LONGEST_WAIT = 0.5, 120.0
"""Between two looks at a call that a worker explains, and until it is asked all the same: the
worker may be dead."""
_STATES = {
    "pending": "No worker has explained this call yet: it is pending",
    "running": "A worker is explaining this call right now",
    "skipped": "The worker skipped this call",
    "failed": "The worker could not explain this call",
}


def awaited(look_up: "Callable[[], Look]") -> "Look":
    """What the store has; of a call that a worker explains right now, what it makes of it."""
    look, until = look_up(), time.monotonic() + _LONGEST_WAIT
    if _is_running(look):
        said = (
            "A worker is explaining this call right now: waiting for it. --fresh explains it "
            "without waiting."
        )
        print(said, file=sys.stderr)
    while _is_running(look) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        look = look_up()
    return look


def _is_running(look: "Look") -> bool:
    return look.found is None and look.job is not None and look.job.state == "running"


def chosen_options(context: typer.Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that stand in the command line, as they are written there, also those
    with their default."""

    def is_given(name: str) -> bool:
        source = context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"

    given = {RENAMED.get(name, name) for name in context.params if is_given(name)}
    return written_options({name: options[name] for name in options if name in given}) or {}


def header(stored: "Stored") -> str:
    """When it was made, with which settings and calls, and how it is asked for anew."""
    first = _first(stored)
    most = getattr(stored.result, "budget", first.settings.most_calls)
    said = [_when(stored), first.settings.model, *_described(first), _calls(stored)]
    return printable(
        f"Stored: {', '.join(said)}. --fresh explains it again, in at most {most:,} calls."
    )


def also_stored(look: "Look", wanted: str) -> Iterator[str]:
    """The commands that show what else is stored of the call, one a line."""
    for one in look.beside[:_NAMED]:
        path = ["--path"] if hasattr(one.result, "steps") else []
        command = " ".join(["smile-trace explain", wanted, *path, *_written(one.asked or {})])
        status = [] if path else [_first(one).status]
        yield printable(f"Also stored ({', '.join([*status, _calls(one)])}): {command}")
    if (more := len(look.beside) - _NAMED) > 0:
        yield f"and {more} more, each shown with the options that it was made with"


def would_ask(stored: "Stored", *, json: bool) -> str:
    """For a dry run: it costs nothing."""
    if not json:
        return f"{header(stored)}\nNothing would be sent: the stored explanation is shown."
    from smile_trace.explaining.spending import Estimate

    return Estimate.of_stored(_first(stored)).model_dump_json(indent=2)


def say_before_asking(look: "Look", chosen: Mapping[str, Any]) -> None:
    """Say on standard error what the store has instead, and why not what was asked for."""
    from smile_trace.store.stored import differences

    said = []
    if look.other is not None:
        differing = differences(look.other, chosen)
        if differing.pop("pooled", None) is None:
            wanted = {name: chosen.get(name) for name in differing}
            made, asks = (listed(_written(o)) or "the defaults" for o in (differing, wanted))
            when = _when(look.other)
            said.append(
                f"The stored explanation ({when}) was made with {made}; you ask for {asks}."
            )
        else:
            said.append(
                f"Only a pooled explanation is stored ({_when(look.other)}), of a few calls "
                "that count together with its prompt's other calls: smile-trace compare NAME "
                "shows it."
            )
    elif look.job is not None and (told := _state(look.job)):
        said.append(told)
    if look.elsewhere:
        rest = len(look.elsewhere) - _NAMED
        named = [*look.elsewhere[:_NAMED], *([f"{rest} more"] if rest > 0 else [])]
        said.append(f"Already explained in the same trace: {listed(named)}.")
    for sentence in said:
        print(printable(sentence), file=sys.stderr)


def _state(job: "Job") -> str:
    said = _STATES.get(job.state, "")
    reason = "" if job.reason is None else f": {job.reason}"
    return f"{said}{reason.rstrip('.')}." if said else ""


def _first(stored: "Stored") -> "Explanation":
    result: Any = stored.result
    explanation: Explanation = result.steps[0].explanation if hasattr(result, "steps") else result
    return explanation


def _when(stored: "Stored") -> str:
    said = _first(stored).explained_at
    made = datetime.fromtimestamp(stored.made_at) if said is None else datetime.fromisoformat(said)
    return f"{made.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _described(explanation: "Explanation") -> list[str]:
    """The unit, and the other settings that are no defaults."""
    settings = explanation.settings
    unit = settings.unit if settings.pattern is None else f"/{settings.pattern}/"
    named = {name for name, _, _, _ in described(AllOptions)} - {"unit", "budget"}
    written = settings.model_dump(mode="json").items()
    others = unusual({name: value for name, value in written if name in named})
    return [f"unit {unit}", *(_option(name, value) for name, value in others.items())]


def _option(name: str, value: Any) -> str:
    texts = [str(one) for one in (value if isinstance(value, list) else [value])]
    quoted = listed([f"“{text}”" if " " in text else text for text in texts])
    return f"{name.replace('_', ' ')} {quoted}"


def _written(options: Mapping[str, Any]) -> list[str]:
    """Options as they are written at the command line."""
    every = ((name, v if isinstance(v, list) else [v]) for name, v in options.items())
    given = ((name, v) for name, v in every if v != [None])
    return [
        f"--{name.replace('_', '-')} {shlex.quote(str(one))}"
        for name, values in given
        for one in values
    ]


def _calls(stored: "Stored") -> str:
    cost = stored.result.cost
    return f"{cost.target_calls + cost.proxy_calls + cost.cached_calls:,} calls"
