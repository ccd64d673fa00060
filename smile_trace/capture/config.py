"""The configuration of capture, read from `configure` and `SMILE_TRACE_…` variables only."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from smile_trace._guards.internal_errors import report_error
from smile_trace._guards.redaction import Redactor
from smile_trace.semconv import HOME, PREFIX
from smile_trace.spool.writer import FILE_LIMIT, SPOOL_LIMIT, limits, positive_variable

_SERVERS = frozenset(
    ("uvicorn", "gunicorn", "hypercorn", "granian", "daphne", "flask", "fastapi", "streamlit")
)
"""Programs that run an application named on their command line."""
_APPLICATION = re.compile(r"(?:[\w./-]*/)?([A-Za-z_][\w.]*?)(?::[\w.()]+|\.py(?::[\w.()]+)?)\Z")
"""`shop.api:app`, `app.py`."""
_NOTEBOOK = "ipykernel_launcher"


def application_name() -> str:
    """The script's, module's, notebook's or served application's name, else `unknown_service`."""
    arguments = [str(argument) for argument in getattr(sys, "argv", None) or [""]]
    program = _module() or Path(arguments[0]).stem
    if program == _NOTEBOOK:
        return Path(os.environ.get("JPY_SESSION_NAME") or "notebook").stem
    if program in _SERVERS:
        named = (_APPLICATION.match(argument[:200]) for argument in arguments[1:])
        return next((match[1] for match in named if match), program)
    return program if program and not program.startswith("-") else "unknown_service"


def _module() -> str | None:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = getattr(spec, "name", None)
    return name.removesuffix(".__main__") if isinstance(name, str) else None


TEXT_LIMIT = 256 * 1024
NOWHERE = Path(os.devnull)
"""A placeholder for a missing home: nothing is captured."""


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of capture. Sizes are in bytes, `text_limit` in characters."""

    home: Path
    service_name: str
    enabled: bool = True
    text_limit: int = TEXT_LIMIT
    file_limit: int = FILE_LIMIT
    spool_limit: int = SPOOL_LIMIT
    redactors: tuple[Redactor, ...] = ()

    @property
    def spool(self) -> Path:
        """The folder of the `*.jsonl` files."""
        return self.home / "spool"


def from_environment() -> Config:
    """Read the environment. A malformed number keeps its default: no typo stops an application."""
    env = os.environ
    file_limit, spool_limit = limits()
    service = env.get(f"{PREFIX}SERVICE_NAME") or env.get("OTEL_SERVICE_NAME")
    return Config(
        home=home_at(env.get(f"{PREFIX}HOME") or HOME),
        service_name=service or application_name(),
        enabled=env.get(f"{PREFIX}DISABLED", "").strip().lower() not in ("1", "true", "yes"),
        text_limit=positive_variable("TEXT_LIMIT", TEXT_LIMIT),
        file_limit=file_limit,
        spool_limit=spool_limit,
    )


def home_at(said: str | os.PathLike[str]) -> Path:
    """The folder as an absolute path; `NOWHERE`, with a warning, if there can be none."""
    try:
        home = Path(said).expanduser()
        if b"\0" in os.fsencode(home):
            raise ValueError("a null byte in its name")
        return home if home.is_absolute() else Path.cwd() / home
    except (OSError, RuntimeError, ValueError) as error:
        report_error(
            "nothing is captured, because there is no home folder: set SMILE_TRACE_HOME", error
        )
        return NOWHERE
