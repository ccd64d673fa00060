"""What this user has allowed, in `trusted.json` of the home: by file, then by host, the variables.

The home is that of the environment: a file that is not trusted yet may say another.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from smile_trace._guards.private_files import is_own_folder, open_own, tighten_folder
from smile_trace.semconv import HOME
from smile_trace.trust.destinations import Destination
from smile_trace.trust.settings_file import SettingsError, expanded, own_home

NAME = "trusted.json"

Allowed = dict[str, dict[str, list[str]]]
"""By file and host: the variables, and `""` for prompts and answers."""


def folder() -> Path:
    """The home of this user, however the settings may be. One that is named relative to the working
    directory may be somebody else's, so that `~/.smile-trace` is taken.

    Raises:
        SettingsError: this user has none.
    """
    home = own_home()
    return home if home.is_absolute() else expanded(HOME)


def in_own_home(file: Path) -> bool:
    """Whether a settings file lies beside the record: who writes there could write that, too."""
    try:
        home = folder()
        return file.parent.resolve() == home.resolve() and is_own_folder(home.resolve())
    except (SettingsError, OSError, RuntimeError):
        return False


def allowed(file: Path) -> dict[str, list[str]]:
    """What was allowed for a file: by host, the variables."""
    return _read().get(_key(file), {})


def allow(file: Path, wanted: Iterable[Destination]) -> None:
    """Allow what the file sends to those, from now on.

    Raises:
        SettingsError: it cannot be kept; the message says why.
    """
    record = _read()
    hosts = record.setdefault(_key(file), {})
    for destination in wanted:
        held = hosts.get(destination.name, [])
        hosts[destination.name] = sorted({*held, *destination.to_ask})
    try:
        _write(record)
    except OSError as error:
        raise SettingsError(
            f"what you allow cannot be kept in {folder() / NAME}: {error}"
        ) from None


def _key(file: Path) -> str:
    return os.path.realpath(file)


def _read() -> Allowed:
    """The record; empty where it is none of this user's own, or not whole."""
    try:
        descriptor = open_own(folder() / NAME)
        with open(descriptor, encoding="utf-8") as file:
            if os.fstat(descriptor).st_mode & 0o022 or not is_own_folder(folder().resolve()):
                return {}
            held = json.load(file)
    except (OSError, ValueError, RecursionError, SettingsError):
        return {}
    if not isinstance(held, dict):
        return {}
    return {
        file: {host: list(map(str, sent)) for host, sent in hosts.items() if isinstance(sent, list)}
        for file, hosts in held.items()
        if isinstance(hosts, dict)
    }


def _write(record: Allowed) -> None:
    home = folder()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    tighten_folder(home)
    descriptor, name = tempfile.mkstemp(dir=home, prefix=f".{NAME}-")  # 0600
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=2, sort_keys=True)
        os.replace(name, home / NAME)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
