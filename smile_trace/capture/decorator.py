"""`trace`: the decorator for every kind of function."""

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, TypeVar, overload

from smile_trace.capture.recording import Recording, begin
from smile_trace.capture.sites import Site, qualified_name, read_signature, short_name
from smile_trace.capture.state import state

F = TypeVar("F", bound=Callable[..., Any])


@overload
def trace(function: F, /) -> F: ...


@overload
def trace(
    *,
    name: str | None = None,
    prompt: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    session: str | None = None,
    user: str | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    rerun: bool = False,
) -> Callable[[F], F]: ...


def trace(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    prompt: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    session: str | None = None,
    user: str | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    rerun: bool = False,
) -> Any:
    """Record every call of a function, coroutine function, generator or async generator.

    The prompt is the argument named by `prompt=`, else `prompt` or `messages`, else the only
    text among the parameters without a default (or, where there is none, among all). Without
    one the record is context: it stands around calls and is never explained. `record(...)`
    inside the function states what was really sent.

    The function stays as it is: its result, exceptions, signature and laziness. Where capture
    itself fails, that is logged once and counted.

    Args:
        name: the span's name; by default the function's.
        prompt: the name of the parameter that holds the prompt or the messages.
        model: the model's name, by which the settings map it to how it is asked again.
        provider: e.g. `"openai"`.
        metadata: JSON-able values that stand on the record.
        tags: texts that stand on the record.
        session: the conversation's id.
        user: the end user's id.
        capture_input: False writes no arguments (and so makes the record context).
        capture_output: False writes no result.
        rerun: True allows the worker to call the undecorated function again, where the
            operator names its module (`--app`).

    Raises:
        TypeError: what is decorated cannot be called.
        ValueError: `prompt` names no parameter of the function.
    """

    def decorate(target: Any) -> Any:
        if isinstance(target, classmethod | staticmethod):
            return type(target)(decorate(target.__func__))
        if isinstance(target, type) or not callable(target):
            raise TypeError(f"smile_trace.trace decorates functions and methods, not {target!r}")
        site = Site(
            name=name or short_name(target),
            signature=read_signature(target),
            prompt=prompt,
            model=model,
            provider=provider,
            metadata=dict(metadata or {}),
            tags=dict(tags or {}),
            session=session,
            user=user,
            capture_input=capture_input,
            capture_output=capture_output,
            rerun=qualified_name(target) if rerun else None,
        )
        _check_prompt(site, target)
        wrapper = _wrap(target, site)
        if rerun:
            wrapper.__smile_trace_rerun__ = target
        return wrapper

    return decorate if function is None else decorate(function)


def _check_prompt(site: Site, target: Any) -> None:
    if site.prompt is None or site.signature is None:
        return
    parameters = site.signature.parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    if site.prompt not in parameters and not takes_any:
        raise ValueError(
            f"smile_trace.trace(prompt={site.prompt!r}): {qualified_name(target)} has no "
            f"parameter of that name; it has {', '.join(parameters) or 'none'}"
        )


def _wrap(target: Any, site: Site) -> Any:
    function = target
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    if inspect.iscoroutinefunction(function):
        wrapper: Any = _wrap_coroutine(target, site)
    elif inspect.isasyncgenfunction(function):
        wrapper = _wrap_async_generator(target, site)
    elif inspect.isgeneratorfunction(function):
        wrapper = _wrap_generator(target, site)
    else:
        wrapper = _wrap_function(target, site)
    return functools.wraps(target)(wrapper)


def _wrap_function(target: Any, site: Site) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        recording = begin(site, args, kwargs) if state.enabled else None
        if recording is None:
            return target(*args, **kwargs)
        try:
            with recording.here():
                result = target(*args, **kwargs)
        except BaseException as error:
            recording.fail(error)
            raise
        recording.finish(result)
        return result

    return wrapper


def _wrap_coroutine(target: Any, site: Site) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        recording = begin(site, args, kwargs) if state.enabled else None
        if recording is None:
            return await target(*args, **kwargs)
        try:
            with recording.here():
                result = await target(*args, **kwargs)
        except BaseException as error:
            _fail(recording, error)
            raise
        recording.finish(result)
        return result

    return wrapper


def _wrap_generator(target: Any, site: Site) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        recording = begin(site, args, kwargs) if state.enabled else None
        if recording is None:
            return (yield from target(*args, **kwargs))
        try:
            result = yield from _drive(target(*args, **kwargs), recording)
        except BaseException as error:
            _fail(recording, error)
            raise
        recording.finish(result)
        return result

    return wrapper


def _drive(generator: Generator[Any, Any, Any], recording: Recording) -> Generator[Any, Any, Any]:
    """`yield from generator` with the recording current only inside each step."""
    step: Callable[[], Any] = functools.partial(next, generator)
    while True:
        try:
            with recording.here():
                item = step()
        except StopIteration as stop:
            return stop.value
        recording.chunk(item)
        try:
            sent = yield item
        except GeneratorExit:
            with recording.here():
                generator.close()
            raise
        except BaseException as error:  # noqa: BLE001  handed on into the generator
            step = functools.partial(generator.throw, error)
        else:
            step = functools.partial(generator.send, sent)


def _wrap_async_generator(target: Any, site: Site) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        recording = begin(site, args, kwargs) if state.enabled else None
        generator = target(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(generator.asend, None)
        try:
            while True:
                try:
                    if recording is None:
                        item = await step()
                    else:
                        with recording.here():
                            item = await step()
                except StopAsyncIteration:
                    break
                if recording is not None:
                    recording.chunk(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    await generator.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001  handed on into the generator
                    step = functools.partial(generator.athrow, error)
                else:
                    step = functools.partial(generator.asend, sent)
        except BaseException as error:
            if recording is not None:
                _fail(recording, error)
            raise
        if recording is not None:
            recording.finish(None)

    return wrapper


def _fail(recording: Recording, error: BaseException) -> None:
    """The true state of something that can be cancelled or left."""
    if isinstance(error, GeneratorExit):
        recording.finish(None, "abandoned")
    elif isinstance(error, asyncio.CancelledError):
        recording.fail(error, "cancelled")
    else:
        recording.fail(error)
