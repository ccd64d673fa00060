"""The fast decoder and the slow one read alike whatever both accept, and refuse the same."""

import json

import pytest

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError

TEXTS = [
    *(
        "1e999",
        "[1e400]",
        str(10**30),
        str(-(10**19)),
        str(2**64 - 1),
        "9" * 5000,
        "-0",
        "1E5",
        "1e-999",
    ),
    *(
        "NaN",
        "[-Infinity]",
        '"\\ud800"',
        '{"\\udfff": 1}',
        '"\\ud83d\\ude00"',
        '"\\u0000"',
        '"\x01"',
    ),
    *('{"a":1,"b":2,"a":3}', "[1,]", "01", "1.", "[1] 2", "\ufeff1", "", " 7 ", "tru", '"\\x"'),
    *("[" * 64 + "]" * 64, "[" * 66 + "]" * 66, "[" * 150 + "]" * 150, "[" * 5000 + "]" * 5000),
    '{"a":' * 70 + "1" + "}" * 70,
]


def read(text: str | bytes, lenient: bool) -> object:
    try:
        return foreign.decode(text, lenient=lenient)
    except ForeignDataError as error:
        return type(error)


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_what_is_read_does_not_depend_on_the_decoder(
    text: str, lenient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [read(text, lenient), read(text.encode("utf-8", "surrogatepass"), lenient)]
    monkeypatch.setattr(foreign, "SURELY_FEW", -1)
    slow = [read(text, lenient), read(text.encode("utf-8", "surrogatepass"), lenient)]
    assert json.dumps(found, default=repr) == json.dumps(slow, default=repr)


@pytest.mark.parametrize("text", [b'"\xff"', '"\ud800"'])
def test_what_is_no_text_is_refused_by_both(
    text: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(text, False)
    monkeypatch.setattr(foreign, "SURELY_FEW", -1)
    assert found == read(text, False)
    assert isinstance(found, type)


def test_what_follows_a_first_value_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be 16 kB, and follow each of many values."""
    mended: list[object] = []
    monkeypatch.setattr(foreign, "_mended", lambda value, lenient: mended.append(value) or value)
    assert foreign.parse_first('"a" "\\ud800"', lenient=True) == ("a", 3)
    assert foreign.parse_first('"a" "\ud800"', lenient=True) == ("a", 3)
    assert mended == []
