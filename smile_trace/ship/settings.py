"""`[ship]` of the settings, read with the standard library. `smile_trace.settings.Ship` documents
the fields, and a test holds the two against each other."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from smile_trace._guards.presentable import hide
from smile_trace.semconv import PREFIX
from smile_trace.trust import check
from smile_trace.trust.settings_file import SettingsError, SettingsFile, load, read_home


@dataclass(frozen=True)
class Ship:
    """The table with its defaults, the home and the token."""

    home: Path
    url: str | None = None
    token_env: str | None = None
    ca_file: Path | None = None
    rate: float = 1.0
    minimum_per_prompt_version: int = 3
    poll_seconds: float = 2.0
    timeout_seconds: float = 30.0
    drain_seconds: float = 20.0
    token: str | None = field(default=None, repr=False)

    @property
    def spool(self) -> Path:
        """The folder of the `*.jsonl` files."""
        return self.home / "spool"


def read_settings(**given: Any) -> Ship:
    """The settings: `given` before the environment, the nearest file and the defaults. Raises
    SettingsError if a setting is unknown or wrong, or the file cannot be read; NotTrusted if the
    file names a receiver that this user has not allowed yet."""
    file = load()
    table = {**_of_file(file), **_of_environment(), **given}
    if unknown := sorted(table.keys() - _PARSERS.keys()):
        raise SettingsError(f"ship.{unknown[0]}: no such setting (docs/settings.md lists them all)")
    values = {name: _parsed(name, value) for name, value in table.items()}
    settings = Ship(home=read_home(), **values)
    if settings.url is None:
        raise SettingsError(
            "set the receiver's address: [ship] url in smile_trace.toml, or SMILE_TRACE_SHIP__URL"
        )
    check(file, ("ship",), {"ship": given})
    token = None if settings.token_env is None else os.environ.get(settings.token_env, "").strip()
    if token == "":
        raise SettingsError(f"the variable {settings.token_env} (ship.token_env) is not set")
    hide(token)
    return replace(settings, token=token)


def _of_file(file: SettingsFile | None) -> Mapping[str, Any]:
    table = {} if file is None else file.table.get("ship", {})
    if not isinstance(table, dict):
        raise SettingsError(f"{file and file.path}: write the settings of ship as a table, [ship]")
    return table


def _of_environment() -> dict[str, str]:
    prefix = f"{PREFIX}SHIP__"
    return {
        name[len(prefix) :].lower(): value
        for name, value in os.environ.items()
        if name.startswith(prefix)
    }


def _parsed(name: str, value: Any) -> Any:
    try:
        return _PARSERS[name](value)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"ship.{name}: {error}") from None


def _url(value: Any) -> str:
    text = _text(value).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write an address such as https://receiver.example:4318")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("write the address alone; a token is named by ship.token_env")
    _ = parts.port  # which may be no number
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text is expected")
    return value.strip()


def _number(above: float, inclusive: bool = False) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        number = math.nan if isinstance(value, bool) else float(value)
        if not math.isfinite(number) or number < above or (number == above and not inclusive):
            raise ValueError(f"a number {'≥' if inclusive else '>'} {above:g} is expected")
        return number

    return read


def _rate(value: Any) -> float:
    rate = _number(0)(value)
    if rate > 1:
        raise ValueError("a number ≤ 1 is expected")
    return rate


def _count(value: Any) -> int:
    count = _number(0, inclusive=True)(value)
    if count != int(count):
        raise ValueError("a whole number is expected")
    return int(count)


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "url": _url,
    "token_env": _text,
    "ca_file": lambda value: Path(_text(value)).expanduser(),
    "rate": _rate,
    "minimum_per_prompt_version": _count,
    "poll_seconds": _number(0),
    "timeout_seconds": _number(0),
    "drain_seconds": _number(0, inclusive=True),
}
