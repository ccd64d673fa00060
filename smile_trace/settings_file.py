"""The settings' file, found and read; standard library only, because the shipper reads it, too."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.package import HOME, PREFIX

FILE_NAME = "smile_trace.toml"


class SettingsError(SmileTraceError):
    """The settings cannot be used; the message says which one and why."""

    code = ReasonCode.SETTINGS_INVALID


def find_file() -> Path | None:
    """The nearest `smile_trace.toml`: working directory, its parents, then SMILE_TRACE_HOME."""
    try:
        folders = [Path.cwd(), *Path.cwd().parents]
    except FileNotFoundError:  # the working directory was removed
        folders = []
    folders.append(Path(os.environ.get(f"{PREFIX}HOME", HOME)).expanduser())
    for folder in folders:
        if os.path.isfile(folder / FILE_NAME):  # False, too, where access is denied
            return folder / FILE_NAME
    return None


def read_file() -> Mapping[str, Any]:
    """What stands in it, unchecked; nothing where there is none.

    Raises:
        SettingsError: it cannot be read.
    """
    path = find_file()
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: {error}") from None


def read_home() -> Path:
    """The home of the settings, where spool, store and lock are.

    Raises:
        SettingsError: the file cannot be read.
    """
    home = os.environ.get(f"{PREFIX}HOME") or read_file().get("home") or HOME
    return Path(str(home)).expanduser()
