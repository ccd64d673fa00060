"""An import is refused like any wrong input, or can be exported again."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.exchange import ImportFailed, export_lines, import_lines
from tests.support.hostile import places, small_values, with_value
from tests.support.readers.imports import accept
from tests.support.store_rows import capture, explain

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, dict[str, Any]]]:
    """An empty store, and the line of an explanation."""
    folder: Path = tmp_path_factory.mktemp("import")
    with Store.open(Settings(home=folder / "other")) as other:
        capture(other, 1)
        explain(other, 1)
        [line] = export_lines(other.database)
        with Store.open(Settings(home=folder / "home")) as store:
            yield store, json.loads(line)


NUMBERS = ["NaN", "1e999", "-Infinity", str(10**30), "9" * 400, '"NaN"', f'"{10**30}"', '"1e30"']


@pytest.mark.parametrize(
    "number", [*NUMBERS[:2], *(pytest.param(one, marks=pytest.mark.slow) for one in NUMBERS[2:])]
)
def test_a_number_beyond_all_bounds_at_every_place(
    number: str, stores: tuple[Store, dict[str, Any]]
) -> None:
    store, line = stores
    for changed in places(line):
        accept(store, with_value(changed, number.encode()))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ["attempt", "explained_at", "inclusion_probability"])
def test_a_number_beyond_all_bounds_is_refused(
    name: str, number: str, stores: tuple[Store, dict[str, Any]]
) -> None:
    store, line = stores
    changed = with_value({**line, name: "PLACE-OF-THE-HOSTILE-VALUE"}, number.encode())
    with pytest.raises(ImportFailed, match="line 1 is no explanation"):
        import_lines(store.database, [changed])


@pytest.mark.parametrize("name", small_values())
def test_a_hostile_value(name: str, stores: tuple[Store, dict[str, Any]]) -> None:
    store, line = stores
    value = small_values()[name]
    accept(store, value.replace(b"\n", b" "))
    for path in (
        ("attempt",),
        ("call", "metadata"),
        ("call", "trace_id"),
        ("call", "messages"),
        ("explanation", "answer"),
        ("explanation", "segments"),
        ("settings_hash",),
    ):
        changed = copy.deepcopy(line)
        held = changed
        for key in path[:-1]:
            held = held[key]
        held[path[-1]] = "PLACE-OF-THE-HOSTILE-VALUE"
        accept(store, with_value(changed, value))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_accepted_can_be_exported(
    stores: tuple[Store, dict[str, Any]], data: st.DataObject
) -> None:
    store, line = stores
    changed = copy.deepcopy(line)
    for _ in range(data.draw(st.integers(1, 3))):
        held: Any = changed
        while True:
            keys = list(held) if isinstance(held, dict) else list(range(len(held)))
            key = data.draw(st.sampled_from(keys))
            if isinstance(held[key], dict | list) and held[key] and data.draw(st.integers(0, 5)):
                held = held[key]
                continue
            held[key] = data.draw(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
            )
            break
    accept(store, json.dumps(changed).encode())
