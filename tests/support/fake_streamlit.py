"""The part of Streamlit that Comet's panel uses, in place of a browser: what was chosen, and shown.

Anything else is not there, so that a panel which uses more fails.
"""

import copy
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import unescape
from types import ModuleType
from typing import Any

import pytest


class FakeStreamlit:
    """`choices`: by the box's label what a person chose; otherwise the first. `shown`: the pages
    in frames; `said`: the notes; `offered`: by label what could be chosen."""

    def __init__(self) -> None:
        self.choices: dict[str, str] = {}
        self.offered: dict[str, list[str]] = {}
        self.shown: list[str] = []
        self.said: list[str] = []

    def selectbox(
        self, label: str, options: Sequence[Any], format_func: Callable[[Any], str] = str
    ) -> Any:
        """The option that was chosen; None where there is none. It copies them, as the real one."""
        named = {format_func(option): option for option in copy.deepcopy(options)}
        self.offered[label] = list(named)
        wanted = self.choices.get(label)
        return named[wanted] if wanted else next(iter(named.values()), None)

    def html(self, html: str, *, height: int) -> None:
        """A frame with what is in a frame without rights in it: the page itself."""
        assert height > 0
        [page] = re.findall(r'<iframe sandbox srcdoc="([^"]*)" style="[^"]*"></iframe>', html)
        self.shown.append(unescape(page))

    def info(self, said: str) -> None:
        """A note."""
        self.said.append(said)


@contextmanager
def streamlit(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStreamlit]:
    """Streamlit is this one."""
    fake = FakeStreamlit()
    module, parts = ModuleType("streamlit"), ModuleType("streamlit.components")
    components = ModuleType("streamlit.components.v1")
    contents: dict[str, Any] = {
        "set_page_config": lambda layout: None,
        "columns": lambda number: [fake] * number,
        "selectbox": fake.selectbox,
        "info": fake.info,
        "components": parts,
    }
    for name, value in contents.items():
        setattr(module, name, value)
    setattr(parts, "v1", components)  # noqa: B010
    setattr(components, "html", fake.html)  # noqa: B010
    made = {m.__name__: m for m in (module, parts, components)}
    for name, one in made.items():
        monkeypatch.setitem(sys.modules, name, one)
    yield fake
