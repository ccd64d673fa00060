"""What a signal handler of the application's raises inside capture reaches the application."""

import asyncio
import functools
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace._guards.internal_errors import counts
from tests.support.capture_fixtures import spool_files

SIGNAL = signal.SIGUSR1


class Late(Exception):
    """Of the application's own."""


class Gone(BaseException):
    """What `except Exception` lets through."""


def function(number: int, frame: object) -> None:
    raise ERROR


def wrapped(number: int, frame: object) -> None:
    raise ERROR


@functools.wraps(wrapped)
def wrapping(*args: Any, **kwargs: Any) -> None:
    wrapped(*args, **kwargs)


def once(number: int, frame: object) -> None:
    """It puts the handler before it back first."""
    signal.signal(SIGNAL, signal.SIG_DFL)
    raise ERROR


class Handler:
    """A handler, and an object with one."""

    def method(self, number: int, frame: object) -> None:
        raise ERROR

    def __call__(self, *_: object) -> None:
        raise ERROR


def deep(message: str, number: int, frame: object) -> None:
    Handler().method(number, None)


ERROR: BaseException = Late("too late")
HANDLERS: dict[str, Callable[..., None]] = {
    "function": function,
    "lambda": lambda number, frame: Handler().method(number, None),
    "method": Handler().method,
    "object": Handler(),
    "partial": functools.partial(deep, "m"),
    "wrapping": wrapping,
    "once": once,
}
ERRORS = (Late("too late"), TimeoutError("too late"), ValueError("x"), TypeError("x"), Gone("x"))


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = signal.getsignal(SIGNAL)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.signal(SIGNAL, before)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


class Interrupted:
    """The signal arrives while it is looked at."""

    def __repr__(self) -> str:
        signal.raise_signal(SIGNAL)
        return "never seen"


def interrupting(original: Callable[..., Any], *, after: bool = False) -> Callable[..., Any]:
    """The function, called once, before or after which the signal arrives."""
    left = [1]

    def call(*args: Any, **kwargs: Any) -> Any:
        if not left:
            return original(*args, **kwargs)
        left.clear()
        if after:
            original(*args, **kwargs)
        signal.raise_signal(SIGNAL)
        return original(*args, **kwargs)

    return call


def records(home: Path) -> list[str]:
    """The names of the calls whose records can be read."""
    names = []
    for file in spool_files(home / "spool"):
        for line in file.read_bytes().split(b"\n"):
            if line:
                try:
                    document = json.loads(line)
                except ValueError:
                    names.append("torn")
                else:
                    [span] = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
                    names.append(span["name"].rpartition(" ")[2])
    return names


@smile_trace.trace
def before(prompt: str) -> str:
    return "yes"


@smile_trace.trace
def after(prompt: str) -> str:
    return "yes"


@smile_trace.trace
def asked(prompt: str) -> object:
    return Interrupted()


@smile_trace.trace
def outer(prompt: str) -> object:
    return asked(prompt)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("how", HANDLERS)
def test_it_is_the_application_s_whatever_the_handler_is(
    how: str, error: BaseException, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ERROR", error)
    before("x")
    signal.signal(SIGNAL, HANDLERS[how])
    with pytest.raises(type(error)) as raised:
        outer("x")
    assert raised.value is error
    after("x")
    assert [name for name in records(home) if name != "asked"] == ["before", "outer", "after"]
    assert counts() == {}


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "place",
    [
        "os.write",
        "os.fstat",
        "os.scandir",
        "os.open",
        "os.rename",
        "fcntl.flock",
        "time.monotonic",
        "time.time_ns",
        "json.encoder.encode_basestring",
    ],
)
@pytest.mark.parametrize("error", [Late("late"), TimeoutError("late")], ids=repr)
def test_the_spool_can_be_read_wherever_it_arrives(
    place: str, late: bool, error: BaseException, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ERROR", error)
    signal.signal(SIGNAL, function)
    module, _, name = place.rpartition(".")
    holder: Any = {"os": os}.get(module) or __import__(module, fromlist=["x"])
    with monkeypatch.context() as patched:
        patched.setattr(holder, name, interrupting(getattr(holder, name), after=late))
        raised = []
        for _ in range(3):
            try:
                before("x")
            except BaseException as one:  # noqa: BLE001  the test looks at it
                raised.append(one)
    assert raised in ([error], []), "and [] only where capture does not come there"
    after("x")
    assert records(home)[-1] == "after"
    assert "torn" not in records(home)
    assert counts() == {}


def test_a_line_that_was_torn_ends_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(SIGNAL, function)
    before("x")
    write = os.write

    def torn(descriptor: int, data: bytes) -> int:
        write(descriptor, data[: len(data) // 2])
        signal.raise_signal(SIGNAL)
        return len(data) // 2

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", torn)
        with pytest.raises(Late):
            before("x")
    after("x")
    assert records(home) == ["before", "torn", "after"]


def test_it_leaves_every_kind_of_call(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before("x")
    signal.signal(SIGNAL, function)

    @smile_trace.trace
    async def stream(prompt: str) -> AsyncIterator[str]:
        yield "a"
        yield "b"

    async def read() -> None:
        async for _ in stream("x"):
            pass

    @smile_trace.trace
    async def answer(prompt: str) -> str:
        return "a"

    @smile_trace.trace
    def pieces(prompt: str) -> Iterator[str]:
        yield "a"

    calls: list[Callable[[], object]] = [
        lambda: asyncio.run(read()),
        lambda: asyncio.run(answer("x")),
        lambda: list(pieces("x")),
        lambda: after("x"),
    ]
    for call in calls:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", interrupting(os.write))
            with pytest.raises(Late):
                call()
    after("x")
    assert records(home)[-1] == "after"


def test_what_a_handler_s_own_call_meets_stays_inside(home: Path) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise Late("of an object")

    def calling(number: int, frame: object) -> None:
        smile_trace.trace(lambda prompt: Broken())("x")

    signal.signal(SIGNAL, calling)
    asked("x")
    after("x")
    assert records(home)[-1] == "after"
