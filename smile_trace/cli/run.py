"""`smile-trace run`: an application as it is, with its calls captured."""

import os
from pathlib import Path
from typing import Annotated

import typer

from smile_trace.errors import SmileTraceError


def run(
    command: Annotated[
        list[str], typer.Argument(help="What starts your application, behind two dashes.")
    ],
) -> None:
    """Run a Python application, and capture its calls of models, with no line of it changed.

    smile-trace run -- python app.py

    Takes the place of this process, so that signals and the exit code are the application's own.
    What it captures, and what has to be installed for more, is said at the start.
    """
    from smile_trace.capture.startup import FOLDER, REPORT

    path = [str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    changed = {
        "PYTHONPATH": os.pathsep.join(path),
        "SMILE_TRACE_HOME": str(_home()),
        REPORT: "1",
    }
    try:
        os.execvpe(command[0], command, {**os.environ, **changed})
    except OSError as error:
        said = (
            "there is no such program" if isinstance(error, FileNotFoundError) else error.strerror
        )
        raise SmileTraceError(
            f"{command[0]} cannot be run ({said}): say smile-trace run -- and the command that "
            "starts your application, such as python app.py"
        ) from None


def _home() -> Path:
    """That of the settings, which an application does not read."""
    try:
        from smile_trace.settings import Settings
    except ModuleNotFoundError:  # a base install: no settings file is read there
        from smile_trace.capture.config import from_environment

        return from_environment().home
    return Settings().home.absolute()
