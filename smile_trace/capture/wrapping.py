"""Wrapping of every kind of function, indistinguishable from the original.

A plain function gets a plain wrapper, any other a `Transparent`, which `inspect`, `isinstance` and
pickle see as the original. It only binds its arguments before the first step, as the original.
"""

import functools
import inspect
import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any

from smile_trace.capture.recording import (
    Recording,
    Site,
    current,
    open_streams,
    reset_current,
    start_recording,
)
from smile_trace.capture.runtime import state


def wrap(target: Any, site: Site) -> Any:
    """Wrap the target to record every call."""
    function = target
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    if inspect.iscoroutinefunction(function):
        return Transparent(target, _coroutine_caller(target, site))
    if inspect.isasyncgenfunction(function):
        return Transparent(target, _generator_caller(target, site, _run_async_generator))
    if inspect.isgeneratorfunction(function):
        return Transparent(target, _generator_caller(target, site, _run_generator))
    caller = _function_caller(target, site)
    if isinstance(target, types.FunctionType):
        return functools.wraps(target)(caller)
    return Transparent(target, caller)


class Transparent:
    """A wrapper that delegates everything but the call to the wrapped callable."""

    def __init__(self, target: Any, caller: Callable[..., Any]) -> None:
        functools.update_wrapper(self, target)
        self.__smile_trace_call__ = caller

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the wrapped callable, captured."""
        return self.__smile_trace_call__(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None or not hasattr(type(self.__wrapped__), "__get__"):
            return self
        return types.MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":  # missing while it is being copied
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.__wrapped__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A function is pickled by its name, under which the wrapper is found when unpickled.
        if isinstance(self.__wrapped__, types.FunctionType):
            return self.__wrapped__.__qualname__
        return self.__wrapped__.__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


def _function_caller(target: Any, site: Site) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        recording = start_recording(site, _bind(site, args, kwargs)) if state.enabled else None
        if recording is None:
            return target(*args, **kwargs)
        token = current.set(recording)
        try:
            result = target(*args, **kwargs)
        except BaseException as error:
            reset_current(token)
            recording.fail(error)
            raise
        reset_current(token)
        recording.finish(result)
        return result

    return call


def _coroutine_caller(target: Any, site: Site) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if not state.enabled:
            return target(*args, **kwargs)
        start = functools.partial(target, *args, **kwargs)
        arguments = _bind(site, args, kwargs)
        if arguments is None:
            # Either it raises now, as it would undecorated, or its signature is wrong.
            running = start()
            return _copy_name(_run_coroutine(lambda: running, site, {}), target)
        return _copy_name(_run_coroutine(start, site, arguments), target)

    return call


async def _run_coroutine(start: Callable[[], Any], site: Site, arguments: dict[str, Any]) -> Any:
    recording = start_recording(site, arguments)
    if recording is None:
        return await start()
    open_streams.add(recording)
    try:
        result = await _stepwise(start(), recording)
    except BaseException as error:
        recording.fail(error)
        raise
    recording.finish(result)
    return result


def _generator_caller(target: Any, site: Site, run: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        generator = target(*args, **kwargs)
        if not state.enabled:
            return generator
        arguments = _bind(site, args, kwargs) or {}
        return _copy_name(run(generator, site, arguments), target)

    return call


def _run_generator(
    generator: Generator[Any, Any, Any], site: Site, arguments: dict[str, Any]
) -> Generator[Any, Any, Any]:
    recording = start_recording(site, arguments)
    if recording is None:
        return (yield from generator)
    open_streams.add(recording)
    try:
        result = yield from _drive(generator, recording, recording.add_chunk)
    except BaseException as error:
        recording.fail(error)
        raise
    recording.finish(result)
    return result


async def _run_async_generator(
    generator: AsyncGenerator[Any, Any], site: Site, arguments: dict[str, Any]
) -> AsyncGenerator[Any, Any]:
    recording = start_recording(site, arguments)
    if recording is not None:
        open_streams.add(recording)
    step: Callable[[], Any] = functools.partial(generator.asend, None)
    try:
        while True:
            try:
                item = await _stepwise(step(), recording)
            except StopAsyncIteration:
                break
            if recording is not None:
                recording.add_chunk(item)
            try:
                sent = yield item
            except GeneratorExit:
                await _stepwise(generator.aclose(), recording)
                raise
            except BaseException as error:  # noqa: BLE001  handed on into the generator
                step = functools.partial(generator.athrow, error)
            else:
                step = functools.partial(generator.asend, sent)
    except BaseException as error:
        if recording is not None:
            recording.fail(error)
        raise
    if recording is not None:
        recording.finish()


async def _stepwise(awaitable: Any, recording: Recording | None) -> Any:
    """Await with the recording current only while the awaitable runs, not while it waits."""
    if recording is None or not hasattr(awaitable, "send"):
        return await awaitable
    return await _drive_awaitable(awaitable, recording)


@types.coroutine
def _drive_awaitable(awaitable: Any, recording: Recording) -> Generator[Any, Any, Any]:
    return (yield from _drive(awaitable, recording, None))


def _drive(
    steps: "Generator[Any, Any, Any] | Coroutine[Any, Any, Any]",
    recording: Recording,
    take: Callable[[Any], None] | None,
) -> Generator[Any, Any, Any]:
    """`yield from steps` (PEP 380), with the recording current only inside each step."""
    step: Callable[[], Any] = functools.partial(steps.send, None)
    while True:
        token = current.set(recording)
        try:
            item = step()
        except StopIteration as stop:
            return stop.value
        finally:
            reset_current(token)
        if take is not None:
            take(item)
        try:
            sent = yield item
        except GeneratorExit:
            token = current.set(recording)
            try:
                steps.close()
            finally:
                reset_current(token)
            raise
        except BaseException as error:  # noqa: BLE001  handed on into the function
            step = functools.partial(steps.throw, error)
        else:
            step = functools.partial(steps.send, sent)


def _bind(site: Site, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    return {} if site.parameters is None else site.parameters.bind(args, kwargs)


def _copy_name(running: Any, target: Any) -> Any:
    running.__name__ = getattr(target, "__name__", running.__name__)
    running.__qualname__ = getattr(target, "__qualname__", running.__qualname__)
    return running
