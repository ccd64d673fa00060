"""Whether a file may send what it names: asked before anything leaves this process."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from smile_trace._guards.presentable import LONGEST_LINE, presentable
from smile_trace._text.lists import listed
from smile_trace.errors import ReasonCode
from smile_trace.trust.destinations import Destination, destinations, said_otherwise
from smile_trace.trust.record import allowed, in_own_home
from smile_trace.trust.settings_file import SettingsError, SettingsFile


class NotTrusted(SettingsError):
    """A settings file names hosts that this user has not allowed yet."""

    code = ReasonCode.SETTINGS_NOT_TRUSTED

    def __init__(self, file: Path, wanted: Sequence[Destination]) -> None:
        hosts = list(dict.fromkeys(described(one) for one in wanted))
        command = f"smile-trace trust {shlex.quote(str(file))}"
        super().__init__(
            f"{file} sends {listed(hosts)}, which you have not allowed: look at it, then allow it "
            f"with `{command}`"
        )
        self.file, self.wanted = file, wanted


def described(destination: Destination) -> str:
    """What is sent where, in words: `prompts and answers with MY_KEY to https://models.example`."""
    variables = [name for name in destination.to_ask if name]
    named = presentable(listed(variables), longest=LONGEST_LINE) if variables else ""
    where = presentable(destination.name)
    return f"prompts and answers {f'with {named} ' if named else ''}to {where}"


def check(
    file: SettingsFile | None, tables: Collection[str] = (), given: Mapping[str, Any] | None = None
) -> None:
    """See that this user has allowed what a file sends; called before anything is sent.

    Args:
        file: the settings' file; None where there is none.
        tables: what is asked now (`"models"`); everything where it is empty.
        given: arguments that go before the file.

    Raises:
        NotTrusted: something there is not allowed yet; it names all of the file at once.
    """
    if file is not None and to_allow(file, given or {}, tables):
        raise NotTrusted(file.path, to_allow(file, given or {}))


def to_allow(
    file: SettingsFile, given: Mapping[str, Any], tables: Collection[str] = ()
) -> list[Destination]:
    """What is to be asked about before these tables of a file are followed; by default all."""
    if file.by_administrator or in_own_home(file.path):
        return []
    held = allowed(file.path)
    return [
        one
        for one in destinations(
            {name: table for name, table in file.table.items() if not tables or name in tables}
        )
        if not set(one.to_ask) <= set(held.get(one.name, ()))
        and not said_otherwise(one.place, given)
    ]
