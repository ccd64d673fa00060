"""Which trackers are active."""

import pytest

from smile_trace.trackers import discover


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "PHOENIX_COLLECTOR_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def names(options: dict) -> list[str]:
    found = discover(options)
    for tracker in found:
        tracker.close()
    return [tracker.name for tracker in found if tracker.name in ("otlp", "phoenix")]


def test_a_table_asks_for_its_tracker_although_nothing_stands_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert names({}) == []
    assert names({"otlp": {}}) == ["otlp"]
    assert names({"otlp": {"enabled": True}}) == ["otlp"]


@pytest.mark.parametrize("name", ["otlp", "phoenix"])
def test_an_empty_table_without_an_address_says_what_is_missing(name: str) -> None:
    with pytest.raises(ValueError, match=r"set (endpoint|url) "):
        discover({name: {}})


@pytest.mark.parametrize("off", [False, "false", "0"])
def test_it_is_switched_off_also_by_the_text_of_a_variable(off: object) -> None:
    assert names({"phoenix": {"enabled": off}}) == []


def test_a_switch_that_is_neither_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[trackers.phoenix\] enabled: it is true or false"):
        discover({"phoenix": {"enabled": "perhaps"}})
