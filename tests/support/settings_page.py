"""`docs/settings.md`, made from the settings tree itself: `python -m tests.support.settings_page`.

A test holds the page against it, so that neither grows without the other.
"""

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smile_trace.settings import ExplainingSome, ModelSettings, Settings
from smile_trace.settings.models import ServerSettings
from smile_trace.trust.model_kinds import installed_kinds
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "settings.md"

INTRODUCTION = """\
# Settings

**Your application** (the capture side) reads arguments of `smile_trace.configure()` and
environment variables only: [capture.md](capture.md) lists them. It never looks for a file.

**The worker and the command line** read, first wins: environment variables, then the nearest
`smile_trace.toml` (in the working directory, its parents, then `SMILE_TRACE_HOME`), then the
defaults below. A variable is called `SMILE_TRACE_` and the setting's name, with `__` between
levels: `SMILE_TRACE_SAMPLING__RATE=0.1` is `[sampling] rate = 0.1`. An unknown setting is an
error.

Keys are never settings: a setting names the environment variable that holds the key
(`api_key_env = "OPENAI_API_KEY"`), and the key itself is never stored or shown.

**Who may write the file.** The file, a link to it and the folder of each must belong to you or to
root, and nobody else may write there (but for a group that is yours alone, and a folder with the
sticky bit such as `/tmp`). Otherwise no command uses it, and a sentence names the command that
corrects it. Root, too, reads no other user's file.

**Where it may send.** A key goes without a question to its provider's own host, to this machine,
and to the address that the environment names for it (`OPENAI_BASE_URL`, `LANGFUSE_HOST`,
`MLFLOW_TRACKING_URI`, `SMILE_TRACE_SHIP__URL`). Any other host, with or without a key, is allowed
once for each file: at a terminal a command asks, and elsewhere (a service, a notebook) it ends with
the command that allows it:

<!-- not run: it needs the file below -->
```bash
smile-trace trust smile_trace.toml     # says which hosts and variables, and allows them
```

The answer is kept in `trusted.json` of the home. An edit that adds a host or a variable asks again.
A file in the home is not asked about, nor is one of root's where another user runs the command.

A beginning:

```toml
[models."gpt-4o-mini"]          # the name as it was captured
kind = "endpoint"
base_url = "https://api.openai.com/v1"
api_key_env = "OPENAI_API_KEY"

[sampling]
rate = 0.05

[budget]
usd_per_day = 2.0

[trackers.mlflow]
tracking_uri = "http://127.0.0.1:5000"
experiment = "support-bot"
```
"""

TRACKERS = """\
## `[trackers.NAME]`

Options of one tracker; its README in `integrations/` lists them. A tracker is active when it has a
table here or when its own environment variables are set (`MLFLOW_TRACKING_URI`, `COMET_API_KEY`,
`PHOENIX_COLLECTOR_ENDPOINT`, …);
`enabled = false` switches it off all the same.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, "## Top level\n", _table(Settings, only=_plain)]
    parts += [_section(f"[{name}]", kind) for name, kind in _tables()]
    parts.append("## `[models.NAME]`\n\nHow the model that was captured as NAME is asked again; ")
    parts[-1] += '`[models."*"]` stands for all others. Without a table a call is `skipped`.\n'
    parts.append("### Every kind\n\n" + _table(ModelSettings))
    parts.append("### Every server\n\n" + _table(ServerSettings, only=_beside(ModelSettings)))
    for kind, entry in installed_kinds().items():
        model = entry.load()
        own = _table(model, only=_beside(ServerSettings))
        parts.append(f'### `kind = "{kind}"`\n\n{_first(model.__doc__)}\n\n{own}')
    parts.append(TRACKERS)
    return "\n".join(parts)


def _tables(
    model: type[BaseModel] = Settings, within: str = ""
) -> list[tuple[str, type[BaseModel]]]:
    found: list[tuple[str, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        if (table := _table_of(field)) is not None:
            found.append((within + name, table))
            found += _tables(table, f"{within}{name}.")
        if within + name == "explain":
            found.append(('explain."prompt:NAME"', ExplainingSome))
    return found


def _table_of(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _plain(name: str, field: FieldInfo) -> bool:
    return name not in {"models", "trackers", *dict(_tables())}


def _section(title: str, model: type[BaseModel]) -> str:
    if model is ExplainingSome:  # its settings are those of `[explain]`
        names = ", ".join(f"`{name}`" for name in model.model_fields)
        return f"## `{title}`\n\n{_first(model.__doc__)} It has {names}.\n"
    return f"## `{title}`\n\n{_first(model.__doc__)}\n\n{_table(model)}"


def _set(name: str, field: FieldInfo) -> bool:
    return name not in ("kind", "some") and _table_of(field) is None


def _beside(common: type[BaseModel]) -> Callable[[str, FieldInfo], bool]:
    """Whether a setting is none of those in common, or has another default."""

    def is_own(name: str, field: FieldInfo) -> bool:
        told = common.model_fields.get(name)
        return _set(name, field) and (told is None or told.default != field.default)

    return is_own


def _table(model: type[BaseModel], only: Callable[[str, FieldInfo], bool] = _set) -> str:
    described = _docstrings(model)
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if only(name, field):
            about = field.description or described.get(name, "")
            said = " ".join(about.split()).replace("|", "\\|")
            kind = f" ({typed})" if (typed := _kind(field)) else ""
            rows.append(f"| `{name}` | {_default(field)} | {said}{kind} |")
    return "\n".join(rows) + "\n" if len(rows) > 2 else ""


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The strings behind the fields; pydantic would read them whenever the settings are loaded."""
    own = [base for base in reversed(model.__mro__) if base.__module__.startswith("smile_trace.")]
    said = {}
    for base in own:
        try:
            [written] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        except OSError:  # made by create_model, with descriptions
            continue
        assert isinstance(written, ast.ClassDef)
        for field, text in pairwise(written.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(about))):
                    said[name] = about
    return said


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    if field.default_factory is not None:
        return "`~/.smile-trace`"
    value = field.default
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[]`" if not value else f"`{list(value)}`"
    return f"`{value}`"


def _kind(field: FieldInfo) -> str:
    bounds = [
        f"{sign}{getattr(held, attribute)}"
        for held in field.metadata
        for attribute, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
        if hasattr(held, attribute)
    ]
    typed = _type(field.annotation)
    told_by_default = not field.is_required() and field.default is not None and " or " not in typed
    return ", ".join([*([] if told_by_default else [typed]), *bounds])


def _type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(a) for a in arguments if a is not type(None))
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin is tuple:
        return f"list of {_type(arguments[0])}s"
    names = {str: "text", int: "integer", float: "number", bool: "boolean", Path: "path"}
    return names[annotation]


def _first(doc: str | None) -> str:
    return " ".join((doc or "").split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
