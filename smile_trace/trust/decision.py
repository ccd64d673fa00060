"""The check whether a file may send what it names, made before anything leaves this process.
`trusted.json` lies in the environment's home, because an untrusted file may name another home."""

import json
import os
import shlex
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from smile_trace._guards.presentable import LONGEST_LINE, presentable
from smile_trace._guards.private_files import is_own_folder, open_own, tighten_folder
from smile_trace._text.lists import listed
from smile_trace.errors import ReasonCode
from smile_trace.semconv import HOME
from smile_trace.trust.destinations import Destination, destinations, said_otherwise
from smile_trace.trust.settings_file import SettingsError, SettingsFile, expanded, own_home

RECORD = "trusted.json"

Allowed = dict[str, dict[str, list[str]]]
"""The allowed variables, by file and host; `""` stands for prompts and answers."""


class NotTrusted(SettingsError):
    """A settings file names hosts that this user has not allowed yet."""

    code = ReasonCode.SETTINGS_NOT_TRUSTED

    def __init__(self, file: Path, wanted: Sequence[Destination]) -> None:
        hosts = list(dict.fromkeys(described(destination) for destination in wanted))
        command = f"smile-trace trust {shlex.quote(str(file))}"
        super().__init__(
            f"{file} sends {listed(hosts)}, which you have not allowed: look at it, then allow it "
            f"with `{command}`"
        )
        self.file, self.wanted = file, wanted


def described(destination: Destination) -> str:
    """Say what is sent where: `prompts and answers with MY_KEY to https://models.example`."""
    variables = [name for name in destination.to_ask if name]
    named = presentable(listed(variables), longest=LONGEST_LINE) if variables else ""
    where = presentable(destination.name)
    return f"prompts and answers {f'with {named} ' if named else ''}to {where}"


def check(
    file: SettingsFile | None, tables: Collection[str] = (), given: Mapping[str, Any] | None = None
) -> None:
    """Check what a file sends, before anything is sent. `tables`: those used now (`"models"`); all
    if empty. `given`: arguments that go before the file. Raises NotTrusted if something there is
    not allowed yet; it names all of the file at once."""
    if file is not None and to_allow(file, given or {}, tables):
        raise NotTrusted(file.path, to_allow(file, given or {}))


def to_allow(
    file: SettingsFile, given: Mapping[str, Any], tables: Collection[str] = ()
) -> list[Destination]:
    """The destinations of the file's tables (by default all) that this user still has to allow."""
    if file.by_administrator or _in_own_home(file.path):
        return []
    held = allowed(file.path)
    asked = {name: table for name, table in file.table.items() if not tables or name in tables}
    return [
        destination
        for destination in destinations(asked)
        if not set(destination.to_ask) <= set(held.get(destination.name, ()))
        and not said_otherwise(destination.place, given)
    ]


def allowed(file: Path) -> dict[str, list[str]]:
    """The variables allowed for a file, by host."""
    return _read().get(_key(file), {})


def allow(file: Path, wanted: Iterable[Destination]) -> None:
    """Allow what the file sends to these; raises SettingsError if that cannot be kept."""
    record = _read()
    hosts = record.setdefault(_key(file), {})
    for destination in wanted:
        held = hosts.get(destination.name, [])
        hosts[destination.name] = sorted({*held, *destination.to_ask})
    try:
        _write(record)
    except OSError as error:
        raise SettingsError(
            f"what you allow cannot be saved in {_home() / RECORD}: {error}"
        ) from None


def _home() -> Path:
    """The user's home by the environment, or `~/.smile-trace` if that is relative: a working
    directory may be somebody else's."""
    home = own_home()
    return home if home.is_absolute() else expanded(HOME)


def _in_own_home(file: Path) -> bool:
    """Whether a file lies beside the record, whose writers could change it, too."""
    try:
        home = _home()
        return file.parent.resolve() == home.resolve() and is_own_folder(home.resolve())
    except (SettingsError, OSError, RuntimeError):
        return False


def _key(file: Path) -> str:
    return os.path.realpath(file)


def _read() -> Allowed:
    """The record; empty if it is damaged or others could have written it."""
    try:
        descriptor = open_own(_home() / RECORD)
        with open(descriptor, encoding="utf-8") as file:
            if os.fstat(descriptor).st_mode & 0o022 or not is_own_folder(_home().resolve()):
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
    home = _home()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    tighten_folder(home)
    descriptor, name = tempfile.mkstemp(dir=home, prefix=f".{RECORD}-")  # 0600
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=2, sort_keys=True)
        os.replace(name, home / RECORD)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
