"""Results that are huge, and objects that raise what ends a process."""

import array
import dataclasses
import os
import signal
from collections import UserDict, UserList
from types import MappingProxyType, SimpleNamespace
from typing import Annotated, Any

import numpy as np
import pydantic
import pytest

import smile_trace
from smile_trace._guards.jsonable import (
    MAX_CHARACTERS,
    MAX_HASHED,
    MAX_ITEMS,
    MAX_NODES,
    Shortened,
    binary,
    bounded,
    bounded_repr,
    is_json,
    jsonable,
)
from smile_trace.testing import Captured


def nodes(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(nodes, items))


MILLION = [list(range(1000)) for _ in range(1000)]
DEEP: Any = 1
for _ in range(50):
    DEEP = [DEEP, 2]
LONG = list(range(1_000_000))


class Model(pydantic.BaseModel):
    """A model that is dumped without limits by its own method."""

    numbers: Any


class Hiding(pydantic.BaseModel):
    """A model with fields that it does not show as they are."""

    model_config = pydantic.ConfigDict(extra="allow")

    numbers: list[int]
    hidden: str = pydantic.Field("hidden", exclude=True)
    masked: str = "masked"
    either: Annotated[str, pydantic.PlainSerializer(lambda text: "***")] = "either"

    @pydantic.field_serializer("masked")
    def mask(self, text: str) -> str:
        return "***"


class Everything(pydantic.BaseModel):
    """A model that writes itself."""

    numbers: list[int]

    @pydantic.model_serializer
    def write(self) -> str:
        return "nothing"


@dataclasses.dataclass
class Data:
    """A dataclass."""

    numbers: Any


@dataclasses.dataclass(slots=True)
class Slots:
    """A dataclass without a dictionary of its own."""

    numbers: Any


class Matrix(np.ndarray):
    """Each of its rows is a whole matrix again."""

    def __getitem__(self, key: Any) -> Any:
        return self


class Dumps:
    """Something that has pydantic's method without being a model."""

    def __init__(self, numbers: Any) -> None:
        self.numbers = numbers

    def model_dump(self) -> Any:
        raise AssertionError("it is large")


OBJECT_ARRAY = np.empty(2000, dtype=object)
OBJECT_ARRAY.fill(LONG)
CYCLE = Model(numbers=[])
CYCLE.numbers.append(CYCLE)

OBJECTS: dict[str, Any] = {
    "a model": Model(numbers=LONG),
    "a model of floats": Model(numbers=[0.5] * 1_000_000),
    "a model of texts": Model(numbers=["x" * 100_000] * 1000),
    "models in a model": Model(numbers=[Model(numbers=LONG)] * 1000),
    "small models": Model(numbers=[Model(numbers=[1, 2])] * 100_000),
    "a list of models": [Model(numbers=LONG)] * 1000,
    "a deep model": Model(numbers=DEEP),
    "a model in itself": CYCLE,
    "a model with more": Hiding(numbers=LONG, more=LONG),
    "a model that writes itself": [Everything(numbers=LONG)],
    "a look-alike": [Dumps(LONG)],
    "a dataclass": Data(LONG),
    "a dataclass with slots": Slots(LONG),
    "a dataclass of models": Data([Model(numbers=LONG)]),
    "an array": np.arange(1_000_000),
    "an array of arrays": np.zeros((1000, 1000)),
    "an array of many axes": np.zeros((1,) * 32),
    "a matrix": np.zeros((2, 1_000_000)).view(Matrix),
    "an array of objects": OBJECT_ARRAY,
    "the standard library's array": array.array("d", LONG),
    "a mapping": MappingProxyType(dict.fromkeys(LONG, 1)),
    "a user's dictionary": UserDict(dict.fromkeys(LONG, 1)),
    "a user's list": UserList(LONG),
    "a long key": {tuple(LONG): 1},
}
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


def assert_bounded_and_marked(value: object) -> None:
    converted, shortened = bounded(value)
    assert shortened
    assert nodes(converted) <= MAX_NODES + 60
    assert len(str(converted)) < MAX_CHARACTERS + MAX_NODES * 20
    assert bounded(value) == (converted, True)
    assert bounded(converted)[1]


@pytest.mark.parametrize("name", SHAPES)
def test_a_conversion_is_bounded_and_marked(name: str) -> None:
    assert_bounded_and_marked(SHAPES[name])
    assert not is_json(SHAPES[name]) or name in ("long texts", "long keys")


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_bounded_and_marked(name: str) -> None:
    assert_bounded_and_marked(OBJECTS[name])


class Countable(pydantic.BaseModel):
    """A model that tells how often it was dumped."""

    numbers: list[int]

    def model_dump(self, **options: Any) -> Any:
        raise AssertionError("it is large")


@pytest.mark.parametrize("wrap", [lambda large: large, lambda large: {"a": [large]}])
def test_a_large_model_is_never_dumped(wrap: Any, found: Captured) -> None:
    large = Countable(numbers=LONG)

    @smile_trace.trace
    def ask(prompt: str, other: Any) -> Any:
        smile_trace.record(parameters={"tools": large})
        return wrap(large)

    ask("x", large)
    [call] = found.calls
    assert call.truncated
    assert '"numbers":[0,1,2,3,' in (call.answer or "")


def test_a_small_model_is_written_as_it_dumps_itself() -> None:
    small = Hiding(numbers=[1], more=2)
    written = {"numbers": [1], "masked": "***", "either": "***", "more": 2}
    assert bounded([small]) == ([written], False)
    assert bounded(Everything(numbers=[1])) == ("nothing", False)
    assert bounded(Slots([1])) == ({"numbers": [1]}, False)


def test_a_large_model_keeps_hidden_what_it_hides() -> None:
    converted = jsonable(Hiding(numbers=LONG, more="more"))
    assert converted.keys() == {"numbers", "more", "…"}
    assert jsonable([Everything(numbers=LONG)]) == [f"<{__name__}.Everything>"]


def test_arrays_are_lists_of_numbers() -> None:
    assert bounded(np.array([[1, 2], [3, 4]])) == ([[1, 2], [3, 4]], False)
    assert bounded([np.int64(1), np.float32(0.5), np.array(7)]) == ([1, 0.5, 7], False)
    assert bounded(np.arange(MAX_ITEMS + 5))[0][-1] == "<5 more>"
    assert bounded(array.array("i", [1, 2])) == ([1, 2], False)


@pytest.mark.parametrize("large", [SimpleNamespace(held=LONG), (LONG,), Data(LONG)])
def test_what_is_large_is_not_printed(large: Any) -> None:
    assert isinstance(bounded_repr(large), Shortened)
    assert bounded_repr(SimpleNamespace(held=1)) == "namespace(held=1)"


def test_a_message_of_too_many_parts_is_truncated(found: Captured) -> None:
    def ask(prompt: str, parts: int) -> Any:
        return {"role": "assistant", "content": ["part"] * parts}

    smile_trace.trace(ask)("x", MAX_ITEMS + 1)
    smile_trace.trace(ask)("x", MAX_ITEMS)
    assert [call.truncated for call in found.calls] == [True, False]


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
    assert found["sha256_of_first_mib"] == binary(bytes(MAX_HASHED))["sha256"]


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
