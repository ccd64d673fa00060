"""Every reader of foreign data keeps its promise on random, hostile and mutated inputs."""

import json
import random
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.hostile import found_inputs, small_values
from tests.support.mutation import mutate
from tests.support.readers import READERS, ForeignReader

pytestmark = pytest.mark.thorough

EACH = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
[PAGES] = [reader for reader in READERS if reader.name == "pages"]
LONG_WORD = 2_000
"""A page takes seconds for a word of 5,000 characters: it measures the rest of it at each line."""
FEW = settings(max_examples=12, suppress_health_check=list(HealthCheck), deadline=None)
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([10**30, 10**400, "NaN", "1e999", "\ud800", "text", "message"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=20,
)


@cache
def seeds(reader: ForeignReader) -> tuple[bytes, ...]:
    return tuple(reader.seeds())


@pytest.mark.slow
@EACH
def test_its_own_seeds(reader: ForeignReader) -> None:
    for data in seeds(reader):
        reader.read(data)


@EACH
def test_what_fuzzing_found(reader: ForeignReader) -> None:
    for data in found_inputs().values():
        reader.read(data[:LONG_WORD] if reader is PAGES else data)


@pytest.mark.slow
def test_what_fuzzing_found_stands_whole_on_pages() -> None:
    for data in found_inputs().values():
        if len(data) > LONG_WORD:
            PAGES.read(data)


@EACH
def test_every_small_hostile_value(reader: ForeignReader) -> None:
    values = small_values().values()
    for data in list(values)[:: 10 if reader is PAGES else 1]:
        reader.read(data)


@EACH
@FEW
@given(data=st.binary(max_size=300))
def test_random_bytes(reader: ForeignReader, data: bytes) -> None:
    reader.read(data)


@EACH
@FEW
@given(value=ANY_JSON)
def test_random_json(reader: ForeignReader, value: Any) -> None:
    reader.read(json.dumps(value).encode())


@EACH
@FEW
@given(number=st.integers(0, 2**32))
def test_mutated_seeds(reader: ForeignReader, number: int) -> None:
    chance = random.Random(number)
    data = chance.choice(seeds(reader))
    for _ in range(chance.randint(1, 4)):
        data = mutate(data, 16_384, chance.randrange(2**32), _change_bytes)
    reader.read(data)


def _change_bytes(data: bytes, max_size: int) -> bytes:
    chance = random.Random(data)
    text = bytearray(data or b"0")
    at = chance.randrange(len(text))
    text[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
    return bytes(text[:max_size])
