"""The command tree. Commands import what they need inside the function: `--help` stays fast."""

import atexit
import gc
import sys
import warnings
from collections.abc import Callable
from functools import partial, wraps
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from smile_trace._options import OldName
from smile_trace.cli import hub, review
from smile_trace.cli.calls import calls
from smile_trace.cli.check import SpelledLimits, check
from smile_trace.cli.compare import compare, suggest
from smile_trace.cli.deliver import deliver
from smile_trace.cli.demo import demo, mcp
from smile_trace.cli.doctor import doctor, health, is_allowed_now, trust
from smile_trace.cli.drift import drift
from smile_trace.cli.explain import explain
from smile_trace.cli.profile import profile, profiles
from smile_trace.cli.replay import look, replay
from smile_trace.cli.status import status
from smile_trace.cli.store import copy, export, forget, import_, reread, retry
from smile_trace.cli.worker import receive, run, ship, worker
from smile_trace.errors import SmileTraceError, needing_extra
from smile_trace.semconv import release as installed_release
from smile_trace.trust import NotTrusted

PANELS = {
    "Start": ("demo", "run", "explain", "worker", "status"),
    "Prompts": ("compare", "check", "profile", "drift", "suggest", "review", "replay", "look"),
    "Operations": (
        *("doctor", "calls", "deliver", "retry", "forget", "reread"),
        *("trust", "receive", "ship", "health", "store"),
    ),
    "Sharing": ("hub", "mcp"),
}
"""The commands of the help, in its order."""


class InPanels(TyperGroup):
    """The commands in the order and the panels of `PANELS`."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names in that order, then the hidden ones."""
        ordered = [name for names in PANELS.values() for name in names]
        return [*ordered, *(name for name in super().list_commands(ctx) if name not in ordered)]


def _panel(name: str) -> str | None:
    return next((panel for panel, names in PANELS.items() if name in names), None)


app = typer.Typer(
    name="smile-trace",
    cls=InPanels,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 an error said in one sentence, 2 usage."""
    atexit.register(gc.freeze)  # the end searches all modules for garbage, half a second long
    warnings.simplefilter("default", OldName)
    warnings.showwarning = partial(_show_warning, warnings.showwarning)
    try:
        try:
            app()
        except NotTrusted as found:
            if not is_allowed_now(found):
                raise
            app()  # nothing was sent yet: it begins again
    except SmileTraceError as error:
        if "--debug" in sys.argv:
            raise
        from smile_trace._guards.presentable import presentable_lines

        print(f"smile-trace: {presentable_lines(error)}", file=sys.stderr)
        raise SystemExit(1) from None


def _show_warning(others: Callable[..., None], message: Warning | str, *of: Any) -> None:
    if isinstance(message, OldName):
        print(f"smile-trace: {message}", file=sys.stderr)
    else:
        others(message, *of)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(installed_release() or "a checkout that is not installed")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Why did the model say that? Explains logged LLM calls, inside their traces."""


def _group(name: str, about: str, **more: Any) -> typer.Typer:
    group = typer.Typer(help=about, **more)
    app.add_typer(group, name=name, rich_help_panel=_panel(name))
    return group


hub_app = _group("hub", "Check, share and publish files of explanations.", no_args_is_help=True)
review_app = _group(
    "review", "Judge variants of requests, on a local page.", invoke_without_command=True
)
store_app = _group("store", "Export, import or move the store.", no_args_is_help=True)


def _add(
    command: Callable[..., None], name: str, extra: str = "worker", to: typer.Typer = app
) -> None:
    """Add a command that needs an extra, and says which if it is missing."""
    to.command(name.rpartition(" ")[2], rich_help_panel=_panel(name))(
        _needing(command, name, extra)
    )


def _needing(command: Callable[..., None], name: str, extra: str) -> Callable[..., None]:
    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        with needing_extra(extra, f"smile-trace {name}"):
            command(*arguments, **options)

    return run


def _replaced(name: str, by: str) -> None:
    """Keep a command of release 0.2, only to name the command that replaced it."""

    def tell() -> None:
        raise SmileTraceError(f"smile-trace {name} is now part of compare: {by}")

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(name, hidden=True, context_settings=anything)(tell)


def _renamed(command: Callable[..., None], name: str, to: str, **how: Any) -> None:
    """Keep a command under its name of release 0.2, hidden; it says its new name."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        print(f"smile-trace {name} is now called smile-trace {to}", file=sys.stderr)
        _needing(command, to, "worker")(*arguments, **options)

    app.command(name, hidden=True, **how)(run)


_add(demo, "demo", extra="demo")
# What stands behind the command's name is the application's, its options, too.
app.command(
    "run", rich_help_panel=_panel("run"), context_settings={"allow_interspersed_args": False}
)(run)
_add(explain, "explain")
_add(worker, "worker")
_add(status, "status")

_add(compare, "compare")
_add(profile, "profile")
_add(check, "check")
_add(drift, "drift")
_add(suggest, "suggest")
review_app.callback()(_needing(review.page, "review", "worker"))
_add(review.send, "review send", to=review_app)
_add(review.read, "review read", to=review_app)
_add(review.export, "review export", to=review_app)
_add(review.judge, "review judge", to=review_app)
_add(replay, "replay")
_add(look, "look")

_add(doctor, "doctor")
_add(calls, "calls")
_add(deliver, "deliver")
_add(retry, "retry")
_add(forget, "forget")
_add(reread, "reread")
_add(receive, "receive", extra="receive")
for command in (trust, ship, health):  # beside applications: these need no extra
    app.command(command.__name__, rich_help_panel=_panel(command.__name__))(command)
_add(export, "store export", to=store_app)
_add(import_, "store import", to=store_app)
_add(copy, "store copy", to=store_app)

_add(hub.check, "hub check", to=hub_app)
_add(hub.build, "hub build", to=hub_app)
_add(hub.anonymise, "hub anonymise", to=hub_app)
_add(hub.review, "hub review", to=hub_app)
_add(hub.explain, "hub explain", to=hub_app)
_add(hub.merge, "hub merge", to=hub_app)
_add(hub.diff, "hub diff", to=hub_app)
_add(hub.export, "hub export", to=hub_app)
_add(mcp, "mcp", extra="mcp")

_renamed(profile, "probe", "profile")
_renamed(profiles, "profiles", "profile --name NAME")
_renamed(check, "test", "check", cls=SpelledLimits)
_renamed(export, "export", "store export")
_renamed(import_, "import", "store import")
_replaced("influence", "smile-trace compare NAME")
_replaced("report", "smile-trace compare NAME --since 7d, or without a name")
