"""What others write is read in linear time: in quadratic time, each of these would take an hour."""

from collections.abc import Callable

import pytest

from smile_trace._guards.redaction import redact

LONG = 1_000_000
TOKEN = f"eyJ{'a' * 20}.{'b' * 20}.{'c' * 20}"


READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "secrets": (redact, f"{TOKEN} {'eyJ' * LONG}"),
    "secrets behind hyphens": (redact, f"{TOKEN} {'-eyJ' * LONG}"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_long_text(name: str) -> None:
    read, text = READERS[name]
    read(text)
