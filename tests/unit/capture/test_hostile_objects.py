"""Results that are huge, and objects that raise what ends a process."""

import os
import signal
from typing import Any

import pytest

import smile_trace
from smile_trace.capture.jsonable import (
    MAX_CHARACTERS,
    MAX_HASHED,
    MAX_ITEMS,
    MAX_NODES,
    Shortened,
    binary,
    bounded,
    is_json,
)
from smile_trace.testing import Captured


def nodes(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(nodes, items))


MILLION = [list(range(1000)) for _ in range(1000)]
DEEP: Any = 1
for _ in range(50):
    DEEP = [DEEP, 2]
SHAPES = {
    "a million numbers": MILLION,
    "one long list": list(range(1_000_000)),
    "a dictionary": {str(n): n for n in range(100_000)},
    "dictionaries": [{str(n): n for n in range(1000)} for _ in range(100)],
    "a set": set(range(100_000)),
    "a view": dict.fromkeys(range(100_000)).keys(),
    "long texts": ["x" * 100_000] * 1000,
    "long keys": {str(n) * 100_000: n for n in range(9)},
    "deep": DEEP,
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_conversion_is_bounded_and_marked(name: str) -> None:
    converted, shortened = bounded(SHAPES[name])
    assert shortened
    assert nodes(converted) <= MAX_NODES + 60
    assert len(str(converted)) < MAX_CHARACTERS + MAX_NODES * 20
    assert bounded(SHAPES[name]) == (converted, True)
    assert bounded(converted)[1]
    assert not is_json(SHAPES[name]) or name in ("long texts", "long keys")


def test_the_marks_say_what_is_missing() -> None:
    assert bounded(list(range(MAX_ITEMS + 5)))[0][-1] == "<5 more>"
    assert bounded({str(n): n for n in range(MAX_ITEMS + 5)})[0]["…"] == "<5 more>"
    text = bounded(["x" * (MAX_CHARACTERS + 1)])[0][0]
    assert text.endswith("… [truncated by smile-trace: 262,145 characters]")
    assert isinstance(text, Shortened)
    assert bounded([1, "a", {"b": None}]) == ([1, "a", {"b": None}], False)


def test_large_bytes_are_hashed_in_part() -> None:
    data = bytearray(MAX_HASHED + 1)
    found = binary(memoryview(data))
    assert found["bytes"] == MAX_HASHED + 1
    assert "sha256" not in found
    assert found["sha256_of_first_4_mib"] == binary(bytes(MAX_HASHED))["sha256"]


def test_a_call_with_a_shortened_answer_is_truncated(found: Captured) -> None:
    smile_trace.trace(lambda prompt: MILLION)("x")
    smile_trace.trace(lambda prompt: [1, 2])("x")
    assert [call.truncated for call in found.calls] == [True, False]
    assert len(found.lines[0]) < 100_000


class Raises:
    """Every look at it ends the process."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def __repr__(self) -> str:
        raise self._error

    def __getattr__(self, name: str) -> Any:
        raise self.__dict__["_error"]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_an_object_raises_stays_inside(error: type[BaseException], found: Captured) -> None:
    hostile = Raises(error)

    @smile_trace.trace
    def ask(prompt: str, other: Any) -> Any:
        smile_trace.record(response=hostile, parameters={"tools": hostile})
        return hostile

    assert ask("x", hostile) is hostile

    @smile_trace.trace(prompt="prompt")
    def context(prompt: Any) -> Any:
        return {hostile: 1}

    assert len(context(hostile)) == 1
    assert len(found.spans) == 2


def test_an_exit_of_a_redactor_stays_inside() -> None:
    def leave(text: str) -> str:
        raise SystemExit

    smile_trace.configure(redact=[leave])
    with smile_trace.testing.captured():
        assert smile_trace.trace(lambda prompt: "answer")("x") == "answer"


def test_the_function_s_own_exit_is_its_own() -> None:
    @smile_trace.trace
    def leave(prompt: str) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit, match="3"):
        leave("x")


class Interrupted:
    """A signal arrives while it is looked at."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __repr__(self) -> str:
        os.kill(os.getpid(), self._number)
        for _ in range(1000):
            pass
        return "too late"


def test_a_real_interrupt_reaches_the_application() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            smile_trace.trace(lambda prompt: Interrupted(signal.SIGINT))("x")
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_exit_of_a_signal_handler_reaches_the_application() -> None:
    def terminate(number: int, frame: object) -> None:
        raise SystemExit(7)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        with pytest.raises(SystemExit, match="7"):
            smile_trace.trace(lambda prompt: Interrupted(signal.SIGTERM))("x")
    finally:
        signal.signal(signal.SIGTERM, before)


class Unprintable(Exception):
    """Its text ends the process."""

    def __str__(self) -> str:
        raise SystemExit


def test_an_exception_whose_text_raises_is_the_function_s_own(found: Captured) -> None:
    @smile_trace.trace
    def ask(prompt: str) -> None:
        raise Unprintable

    with pytest.raises(Unprintable):
        ask("x")
    [call] = found.calls
    assert call.status == "raised"
    assert "no message" in (call.error or "")
