"""`python -m tools.surface`: writes the lists of docs/reference/public.md, the public surface.

They are taken from what runs: the names that packages export, the commands, the settings' tables,
the groups of entry points, the records with a schema. A test holds that the page has them.
"""

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import typer.main
from pydantic import BaseModel

import smile_trace
import smile_trace.records
import smile_trace.testing
import smile_trace_contracts
from smile_trace.cli.app import app
from smile_trace.records import Record
from smile_trace.settings import Settings
from tools.house import ROOT, House, with_between

PAGE = ROOT / "docs" / "reference" / "public.md"
BEGIN, END = "<!-- made by `python -m tools.surface` -->\n", "<!-- end -->\n"
PACKAGES = ("records", "testing")
"""Packages of `smile_trace` of which this page, or the page of protocols, has names."""
EVERYTHING_ELSE = """
What begins with an underscore is not public, and neither is what these hold, but for the names
above. Any release may change it:
""".lstrip()
_GROUP = re.compile(r'^GROUP = "(smile_trace\.\w+)"$', re.MULTILINE)
_PROTOCOL = re.compile(r"^::: (smile_trace[\w.]+)$", re.MULTILINE)


def lists() -> str:
    """The lists, as they stand on the page."""
    suites = (module.name for module in pkgutil.iter_modules(smile_trace_contracts.__path__))
    protocols = _PROTOCOL.findall((PAGE.parent / "protocols.md").read_text("utf-8"))
    return "\n".join(
        (
            _section("Python: `smile_trace`", smile_trace.__all__, "python.md"),
            _section("For tests: `smile_trace.testing`", smile_trace.testing.__all__, "testing.md"),
            _section("For the tests of plug-ins: `smile_trace_contracts`", suites, "testing.md"),
            _section("What a plug-in implements and is given", protocols, "protocols.md"),
            _section("Groups of entry points", _groups(), "protocols.md"),
            _section("Commands of `smile-trace`", _commands(), None),
            _section("Tables of `smile_trace.toml`", _tables(), "../settings.md"),
            _section("Records with a `schema_version`", _schemas(), None),
            _section("Everything else", _private(), None, EVERYTHING_ELSE),
        )
    )


def written(page: str) -> str:
    """The page with the lists of today between its marks.

    Raises:
        ValueError: it has no marks.
    """
    return with_between(page, BEGIN, lists(), END)


def _section(title: str, names: Iterable[str], page: str | None, before: str = "") -> str:
    more = f" ([more]({page}))" if page else ""
    return f"## {title}\n\n{before}{', '.join(f'`{name}`' for name in names)}{more}\n"


def _groups() -> list[str]:
    return sorted(group for m in House().modules for group in _GROUP.findall(m.text))


def _commands() -> list[str]:
    def named(group: Any, before: tuple[str, ...] = ()) -> Iterator[str]:
        inner = getattr(group, "commands", {})
        if before and (not inner or getattr(group, "invoke_without_command", False)):
            yield " ".join(before)
        for name, command in sorted(inner.items()):
            if not command.hidden:
                yield from named(command, (*before, name))

    return [*named(typer.main.get_command(app))]


def _tables() -> list[str]:
    """A table of a name that the user gives is `[models.NAME]`."""

    def header(name: str, annotation: object) -> str | None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return f"[{name}]"
        return f"[{name}.NAME]" if get_args(annotation) else None

    fields = Settings.model_fields.items()
    found = (header(name, field.annotation) or name for name, field in fields)
    return sorted(found, key=lambda name: name.strip("["))


def _schemas() -> list[str]:
    for module in pkgutil.walk_packages(smile_trace.records.__path__, "smile_trace.records."):
        importlib.import_module(module.name)

    def below(kind: type[Record]) -> Iterator[type[Record]]:
        for inner in kind.__subclasses__():
            yield inner
            yield from below(inner)

    found = {
        kind.__name__: get_args(field.annotation) or (field.default,)
        for kind in below(Record)
        if kind.__module__.startswith("smile_trace.records")
        and (field := kind.model_fields.get("schema_version")) is not None
    }
    return [f"{name} {version}" for name, (version,) in sorted(found.items())]


def _private() -> list[str]:
    """Packages and modules whose names have no underscore."""
    rooms = {m.name.split(".")[1] for m in House().modules if m.name.startswith("smile_trace.")}
    return sorted(f"smile_trace.{r}" for r in rooms if not r.startswith("_") and r not in PACKAGES)


def main() -> int:
    """Write the page; the exit code."""
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
