"""The user's call is sacred: decorated and undecorated functions behave the same."""

import asyncio
import contextlib
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import smile_trace
from smile_trace._guards import internal_errors
from smile_trace.testing import Captured, captured


class Unprintable:
    """A value that raises at every question."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


ODD = Unprintable()
CYCLE: list[Any] = []
CYCLE.append(CYCLE)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(max_size=20),
    st.builds(lambda: ODD),
    st.just(CYCLE),
    st.just(10**6000),
    st.just("\ud800 lone"),
    st.just(object()),
    st.builds(lambda: [{"role": "user", "content": ODD}]),
    st.builds(lambda: [{"role": ODD, "content": "x"}]),
    st.just({"role": "user"}),
    st.builds(lambda: {1: {2: ODD}}),
    st.lists(st.fixed_dictionaries({"role": st.text(), "content": st.text()})),
    st.sampled_from([int, len, print, ValueError("a value"), range(3), {1, 2}, 1j, ...]),
)
ERRORS = st.sampled_from(
    [ValueError("x"), KeyError(), Odd(), StopIteration(7), StopAsyncIteration(), GeneratorExit(),
     SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), RecursionError()]
)  # fmt: skip
SIGNATURES = st.sampled_from(
    ["", "a", "a, b", "a, b=1", "*a", "**a", "a, *b, c=2, **d", "a, /", "a, /, b, *, c", "prompt",
     "messages, model='m'", "self, prompt", "*, prompt", "prompt=None, /, **k", "cls, *prompt"]
)  # fmt: skip
KINDS = {
    "function": "def f({s}):\n  E(); return R",
    "coroutine": "async def f({s}):\n  await asyncio.sleep(0); E(); return R",
    "generator": "def f({s}):\n  got = yield 1\n  E()\n  yield got\n  return R",
    "async generator": "async def f({s}):\n  got = yield 1\n  E()\n  yield got",
}


def outcome(call: Callable[[], Any]) -> tuple[Any, ...]:
    """What a call gives: its result, or the very exception with its type."""
    try:
        return ("result", call())
    except BaseException as error:  # noqa: BLE001  any, to compare it
        return ("error", type(error), error.args, error.__cause__)


def drive(make: Callable[[], Any]) -> list[tuple[Any, ...]]:
    """Everything that can be seen of one call: when it fails, what it gives step by step."""
    first = outcome(make)
    if first[0] == "error":
        return [first]
    running = first[1]
    seen: list[tuple[Any, ...]] = [("kind", type(running).__name__)]
    if inspect.isawaitable(running):
        return [*seen, outcome(lambda: asyncio.run(_wait(running)))]
    if inspect.isgenerator(running):
        steps = (lambda: next(running), lambda: running.send("sent"), lambda: next(running))  # type: ignore[arg-type]
        return [*seen, *map(outcome, steps)]
    if inspect.isasyncgen(running):
        return [*seen, *asyncio.run(_steps(running))]
    return [*seen, first]


async def _wait(awaitable: Any) -> Any:
    return await awaitable


async def _steps(running: Any) -> list[tuple[Any, ...]]:
    seen = []
    for value in (None, "sent", None):
        try:
            seen.append(("result", await running.asend(value)))
        except BaseException as error:  # noqa: BLE001  any, to compare it
            seen.append(("error", type(error), error.args))  # type: ignore[arg-type]
    return seen


@settings(max_examples=200)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    signature=SIGNATURES,
    args=st.lists(VALUES, max_size=4),
    kwargs=st.dictionaries(st.sampled_from(["a", "b", "c", "prompt", "model"]), VALUES, max_size=3),
    result=VALUES,
    error=st.one_of(st.none(), ERRORS),
)
def test_any_function_behaves_the_same(
    kind: str, signature: str, args: list[Any], kwargs: dict[str, Any], result: Any, error: Any
) -> None:
    def fail() -> None:
        if error is not None:
            raise error

    scope: dict[str, Any] = {"R": result, "E": fail, "asyncio": asyncio}
    exec(KINDS[kind].format(s=signature), scope)
    plain = scope["f"]
    traced = smile_trace.trace(plain)
    expected = drive(lambda: plain(*args, **kwargs))
    with captured() as seen:
        got = drive(lambda: traced(*args, **kwargs))
    assert repr_safe(got) == repr_safe(expected)
    assert inspect.signature(traced) == inspect.signature(plain)
    if expected[0][0] != "error":
        assert len(seen.spans) == 1
    assert "a call could not be recorded" not in internal_errors.counts()


def repr_safe(seen: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Identities in place of values: the very same object must come out."""
    return [tuple(x if isinstance(x, str | type) else id_of(x) for x in item) for item in seen]


def id_of(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(id_of(v) for v in value)
    return value if isinstance(value, int | str | float) and value == value else id(value)


@settings(max_examples=30)
@given(st.lists(st.sampled_from("fcga"), min_size=1, max_size=6), st.integers(0, 8))
def test_nested_calls_have_their_caller_as_parent(kinds: list[str], fails_at: int) -> None:
    def make(depth: int) -> Callable[[str], Any]:
        """A function of the given kind that runs the next one to its end."""

        def below(prompt: str) -> None:
            if depth + 1 < len(kinds):
                run(make(depth + 1)(prompt))
            if depth == fails_at:
                raise ValueError(depth)

        def function(prompt: str) -> None:
            below(prompt)

        async def coroutine(prompt: str) -> None:
            below(prompt)

        def generator(prompt: str) -> Any:
            yield 1
            below(prompt)

        async def async_generator(prompt: str) -> Any:
            yield 1
            below(prompt)

        kind = {"f": function, "c": coroutine, "g": generator, "a": async_generator}[kinds[depth]]
        return smile_trace.trace(name=str(depth))(kind)

    def run(running: Any) -> None:
        """Everything here ends without waiting, so no event loop is needed."""
        if inspect.isgenerator(running):
            list(running)
        elif inspect.isasyncgen(running):
            run(_all_of(running))
        elif inspect.isawaitable(running):
            with contextlib.suppress(StopIteration):
                running.send(None)  # type: ignore[attr-defined]

    with captured() as seen:
        result = outcome(lambda: run(make(0)("p")))
        assert smile_trace.current_trace_id() is None
    assert result[0] == ("error" if fails_at < len(kinds) else "result")
    spans = {int(span.name.rpartition(" ")[2]): span for span in seen.spans}
    assert sorted(spans) == list(range(len(kinds)))
    for depth, span in spans.items():
        assert span.parent_id == (spans[depth - 1].span_id if depth else None)
        assert span.status == ("error" if depth <= fails_at < len(kinds) else "unset")


async def _all_of(running: Any) -> list[Any]:
    return [item async for item in running]


@smile_trace.trace
async def in_a_module(prompt: str) -> str:
    """Its documentation."""
    return prompt


class Host:
    @smile_trace.trace
    def method(self, prompt: str) -> str:
        return prompt

    @smile_trace.trace
    async def amethod(self, prompt: str) -> str:
        return prompt

    @smile_trace.trace
    @classmethod
    def of_class(cls, prompt: str) -> str:
        return cls.__name__ + prompt

    @staticmethod
    @smile_trace.trace
    def of_nobody(prompt: str) -> str:
        return prompt

    def __call__(self, prompt: str) -> str:
        return prompt


def test_methods(found: Captured) -> None:
    host = Host()
    assert host.method("a") == "a"
    assert asyncio.run(host.amethod("b")) == "b"
    assert Host.of_class("c") == "Hostc"
    assert Host.of_nobody("d") == host.of_nobody("d") == "d"
    assert inspect.ismethod(host.amethod)
    assert inspect.iscoroutinefunction(host.amethod)
    assert [c.messages[0].content for c in found.calls] == list("abcdd")


def test_partials_and_callable_objects(found: Captured) -> None:
    import functools

    def two(tone: str, prompt: str) -> str:
        return tone + prompt

    assert smile_trace.trace(functools.partial(two, "kind "))("a") == "kind a"
    assert smile_trace.trace(Host())("b") == "b"
    assert [c.messages[0].content for c in found.calls] == ["a", "b"]
    assert [c.name for c in found.calls] == ["two", "Host"]


def test_looks_like_the_original() -> None:
    assert in_a_module.__doc__ == "Its documentation."
    assert in_a_module.__name__ == "in_a_module"
    assert inspect.iscoroutinefunction(in_a_module)
    assert inspect.isfunction(in_a_module)
    assert list(inspect.signature(in_a_module).parameters) == ["prompt"]
    assert pickle.loads(pickle.dumps(in_a_module)) is in_a_module
    assert in_a_module("x").__name__ == "in_a_module"


@smile_trace.trace
def lazy(prompt: str) -> Any:
    """A generator that says when it begins."""
    BEGUN.append(prompt)
    yield prompt


BEGUN: list[str] = []


def test_laziness_is_kept(found: Captured) -> None:
    assert inspect.isgeneratorfunction(lazy)
    BEGUN.clear()
    generator = lazy("x")
    assert BEGUN == []
    with pytest.raises(TypeError, match=r"lazy\(\) missing 1 required positional argument"):
        lazy()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"in_a_module\(\) got an unexpected keyword"):
        in_a_module(other=1)  # type: ignore[call-arg, unused-coroutine]
    assert list(generator) == ["x"]
    assert len(found.spans) == 1


def test_decorating_anything_else_is_an_error() -> None:
    with pytest.raises(TypeError, match="decorates functions and methods"):
        smile_trace.trace(Host)
    with pytest.raises(TypeError, match="decorates functions and methods"):
        smile_trace.trace(3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="has no parameter of that name; it has question"):
        smile_trace.trace(prompt="text")(lambda question: question)
    with pytest.raises(ValueError, match="decorate a function at the top of a module"):
        smile_trace.trace(rerun=True)(lambda question: question)


def test_frameworks_see_the_function(found: Captured) -> None:
    import typer
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from typer.testing import CliRunner

    app = FastAPI()

    @app.get("/sync")
    @smile_trace.trace
    def read(prompt: str, count: int = 1) -> str:
        return prompt * count

    @app.get("/async")
    @smile_trace.trace
    async def aread(prompt: str) -> str:
        return prompt

    client = TestClient(app)
    assert client.get("/sync", params={"prompt": "a", "count": "2"}).json() == "aa"
    assert client.get("/async", params={"prompt": "b"}).json() == "b"
    assert client.get("/async").status_code == 422

    cli = typer.Typer()
    cli.command()(smile_trace.trace(lambda prompt="c": print(prompt)))
    assert CliRunner().invoke(cli, ["--help"]).exit_code == 0
    assert [c.messages[0].content for c in found.calls] == ["a", "b"]


async def test_concurrent_requests_never_mix(found: Captured) -> None:
    @smile_trace.trace
    async def inner(prompt: str) -> str:
        await asyncio.sleep(0.001 * (int(prompt) % 3))
        return prompt

    def blocking(prompt: str) -> str:
        return sync_inner(prompt)

    @smile_trace.trace
    def sync_inner(prompt: str) -> str:
        return prompt

    @smile_trace.trace
    async def request(number: int) -> str | None:
        await asyncio.gather(inner(str(number)), inner(str(number)))
        await asyncio.to_thread(blocking, str(number))
        return smile_trace.current_trace_id()

    ids = await asyncio.gather(*(request(n) for n in range(40)))
    traces: dict[str, set[str]] = {}
    for call in found.calls:
        traces.setdefault(call.trace_id, set()).add(call.messages[0].content)
    assert len(found.calls) == 120
    assert traces == {str(ids[n]): {str(n)} for n in range(40)}


def test_a_generator_is_current_only_while_it_runs(found: Captured) -> None:
    @smile_trace.trace
    def outer(prompt: str) -> Any:
        yield smile_trace.current_trace_id()
        yield smile_trace.current_trace_id()

    a, b = outer("a"), outer("b")
    seen = [next(a), next(b), smile_trace.current_trace_id(), next(a), next(b)]
    assert seen[0] == seen[3] != seen[1] == seen[4]
    assert seen[2] is None


def test_seeded_random_numbers_are_unchanged(found: Captured) -> None:
    import random

    random.seed(7)
    expected = random.random()
    random.seed(7)
    Host().method("x")
    assert random.random() == expected


def test_an_internal_error_never_reaches_the_caller(
    found: Captured, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from smile_trace.capture import recording

    def broken(*_: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(recording, "answer_attributes", broken)
    host = Host()
    assert [host.method("x"), host.method("y")] == ["x", "y"]
    assert internal_errors.counts() == {"a call could not be recorded": 2}
    assert len([r for r in caplog.records if r.name == "smile_trace"]) == 1


def test_nothing_is_written_while_disabled(home: Any) -> None:
    smile_trace.configure(enabled=False)
    assert Host().method("x") == "x"
    assert asyncio.run(in_a_module("y")) == "y"
    assert list(lazy("z")) == ["z"]
    assert not (home / "spool").exists()
    smile_trace.configure(enabled=True)
    Host().method("x")
    assert len(list((home / "spool").glob("*.jsonl"))) == 1
