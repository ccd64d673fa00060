"""How capture is configured: arguments of `configure` and `SMILE_TRACE_…` variables only."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smile_trace.capture.application_name import application_name
from smile_trace.capture.internal_errors import report_error
from smile_trace.semconv import HOME, PREFIX

KIB = 1024
MIB = 1024 * KIB

Redactor = re.Pattern[str] | Callable[[str], str]
"""A redaction of the user's: an expression whose matches are replaced, or a function from a
text to the text that may be written."""


NOWHERE = Path(os.devnull)
"""The home where there is none: nothing is captured."""


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of capture. Sizes are in bytes, `text_limit` in characters."""

    home: Path
    service_name: str
    enabled: bool = True
    text_limit: int = 256 * KIB
    file_limit: int = 64 * MIB
    spool_limit: int = 1024 * MIB
    redactors: tuple[Redactor, ...] = ()

    @property
    def spool(self) -> Path:
        """The folder of the `*.jsonl` files."""
        return self.home / "spool"


def from_environment() -> Config:
    """The configuration of the environment. A number that cannot be parsed keeps its default: a
    mistyped variable must not stop an application."""
    env = os.environ
    service = env.get(f"{PREFIX}SERVICE_NAME") or env.get("OTEL_SERVICE_NAME")
    return Config(
        home=home_at(env.get(f"{PREFIX}HOME") or HOME),
        service_name=service or application_name(),
        enabled=env.get(f"{PREFIX}DISABLED", "").strip().lower() not in ("1", "true", "yes"),
        text_limit=_positive(env.get(f"{PREFIX}TEXT_LIMIT"), 256 * KIB),
        file_limit=_positive(env.get(f"{PREFIX}SPOOL_FILE_LIMIT"), 64 * MIB),
        spool_limit=_positive(env.get(f"{PREFIX}SPOOL_LIMIT"), 1024 * MIB),
    )


def home_at(said: str | os.PathLike[str]) -> Path:
    """The folder as an absolute path; `NOWHERE` with a warning where there cannot be one: a user
    without a home, a working directory that is gone, a name that no folder can have."""
    try:
        home = Path(said).expanduser()
        if b"\0" in os.fsencode(home):
            raise ValueError("a null byte in its name")
        return home if home.is_absolute() else Path.cwd() / home
    except (OSError, RuntimeError, ValueError) as error:
        report_error(
            "nothing is captured, because there is no home: set SMILE_TRACE_HOME to a folder", error
        )
        return NOWHERE


def _positive(text: str | None, default: int) -> int:
    try:
        value = int(text or "")
    except ValueError:
        return default
    return value if value > 0 else default
