"""The settings' file, found and read; standard library only, because the shipper reads it, too."""

import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smile_trace._guards.private_files import read_written
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.semconv import HOME, PREFIX

FILE_NAME = "smile_trace.toml"


class SettingsError(SmileTraceError):
    """The settings cannot be used; the message says which one and why."""

    code = ReasonCode.SETTINGS_INVALID


@dataclass(frozen=True)
class SettingsFile:
    """One unchecked reading of a file; `by_administrator` if root, another user, wrote it."""

    path: Path
    table: Mapping[str, Any]
    by_administrator: bool = False


def find_file() -> Path | None:
    """The nearest `smile_trace.toml`: working directory, its parents, then SMILE_TRACE_HOME."""
    try:
        folders = [Path.cwd(), *Path.cwd().parents]
    except FileNotFoundError:  # the working directory was removed
        folders = []
    with suppress(SettingsError):  # said by who needs one
        folders.append(own_home())
    for folder in folders:
        if os.path.isfile(folder / FILE_NAME):  # False, too, where access is denied
            return folder / FILE_NAME
    return None


def load(path: Path | None = None) -> SettingsFile | None:
    """Read a file, by default the nearest, or None; raises SettingsError if it is refused."""
    path = path or find_file()
    if path is None:
        return None
    try:
        content, by_administrator = read_written(path)
        return SettingsFile(path, tomllib.loads(content.decode()), by_administrator)
    except RecursionError:
        raise SettingsError(f"{path}: nested too deeply") from None
    except (OSError, ValueError) as error:
        said = str(error)
        raise SettingsError(said if str(path) in said else f"{path}: {said}") from None


def read_home() -> Path:
    """The home of spool, store and lock; raises SettingsError if it is unknown."""
    if os.environ.get(f"{PREFIX}HOME"):
        return own_home()
    file = load()
    home = None if file is None else file.table.get("home")
    return own_home() if home is None else expanded(str(home))


def own_home() -> Path:
    """The home of the environment, whatever a file says; raises SettingsError if there is none."""
    return expanded(os.environ.get(f"{PREFIX}HOME") or HOME)


def expanded(home: str) -> Path:
    """The folder with `~` expanded; raises SettingsError if the user has no home."""
    try:
        return Path(home).expanduser()
    except RuntimeError:
        raise SettingsError(
            f"there is no folder {home!r} for this user: set SMILE_TRACE_HOME to one of your own"
        ) from None
