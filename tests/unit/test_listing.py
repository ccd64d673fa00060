"""Several things in a sentence."""

import pytest

from smile_trace.listing import listed


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], ""),
        (["one"], "one"),
        (["one", "two"], "one and two"),
        (["one", "two", "three"], "one, two and three"),
    ],
)
def test_listed(items: list[str], said: str) -> None:
    assert listed(items) == said


def test_another_conjunction() -> None:
    assert listed(["a", "b", "c"], "or") == "a, b or c"
