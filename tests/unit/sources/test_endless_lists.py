"""A backend whose lists have no end, or lead nowhere, keeps nobody asking."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from smile_trace.records import JSON, Span
from smile_trace.settings import Settings
from smile_trace.sources.kit import whole_milliseconds
from smile_trace.sources.protocol import Page, Source, SourceUnavailable
from smile_trace.store import Store
from smile_trace.worker.pull import Pull


def test_pages_of_one_millisecond_without_end() -> None:
    pages = iter(range(10**9))

    def listed(token: str | None) -> tuple[list[int], str | None]:
        return [5] * 10, str(next(pages))

    with pytest.raises(SourceUnavailable, match="does not end"):
        whole_milliseconds(listed, lambda began: began, 100)


def test_nothing_is_read_beyond_the_end_that_was_asked_for() -> None:
    found, until_ms = whole_milliseconds(lambda _: ([5, 10**9], "more"), lambda began: began, 100)
    assert (found, until_ms) == ([5], 100)


class Standing(Source):
    """A source whose pages always end where they begin."""

    name: ClassVar[str] = "standing"

    def __init__(self) -> None:
        self.asked = 0

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]) -> "Standing":
        return cls()

    @classmethod
    def owns(cls, trace_id: str) -> bool:
        return False

    @property
    def places(self) -> tuple[str, ...]:
        return ("shop",)

    def read(self, trace_id: str) -> tuple[Span, ...]:
        return ()

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        self.asked += 1
        return Page(traces=(), until_ms=since_ms)


def test_a_page_that_leads_nowhere_is_a_reason(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with Store.open(settings) as store:
        source = Standing()
        Pull(source, store, settings, pause=lambda _: None).run()
        state = store.pulled.get("standing", "shop")
    assert source.asked == 1
    assert state.reason is not None
    assert "'shop' lists traces from outside the requested time" in state.reason
