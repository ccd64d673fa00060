"""`trace`, the decorator, and `span`, the same as a context manager."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar, overload

from smile_trace.capture.call_site import (
    Parameters,
    Repeatable,
    Site,
    importable_name,
    qualified_name,
    short_name,
)
from smile_trace.capture.external_tracing import find_integrations
from smile_trace.capture.recording import Recording, current, reset_current, start_recording
from smile_trace.capture.wrapping import wrap

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
    one the span is context: it surrounds calls and is never explained. `record(...)` inside the
    function states what was really sent.

    The function behaves as before: its result, exceptions, signature and laziness. An internal
    error of capture is logged once and counted.

    Args:
        name: the span's name; by default the function's.
        prompt: the name of the parameter that holds the prompt or the messages.
        model: the model's name, by which the settings find how to call it again.
        provider: e.g. `"openai"`.
        metadata: JSON-able values, attached to the record.
        tags: texts, attached to the record.
        session: the conversation's id; inherited by every record inside.
        user: the end user's id; inherited by every record inside.
        capture_input: False writes no arguments (which makes the span context).
        capture_output: False writes no result.
        rerun: True allows the worker to call the undecorated function again, where the
            operator names its module (`--app`).

    Raises:
        TypeError: the decorated object is not callable, or is a class.
        ValueError: `prompt` names no parameter of the function, or `rerun` is set on one
            that cannot be found by its module and name (a method, a nested function).
    """

    def decorate(target: Any) -> Any:
        if isinstance(target, classmethod | staticmethod):
            return type(target)(decorate(target.__func__))
        if isinstance(target, type) or not callable(target):
            raise TypeError(f"smile_trace.trace decorates functions and methods, not {target!r}")
        find_integrations()
        parameters = Parameters(target, prompt)
        _check(target, parameters, prompt, rerun)
        site = Site(
            name=name or short_name(target),
            parameters=parameters,
            model=model,
            provider=provider,
            metadata=dict(metadata or {}),
            tags=dict(tags or {}),
            session=session,
            user=user,
            capture_input=capture_input,
            capture_output=capture_output,
            rerun=importable_name(target) if rerun else None,
        )
        wrapper = wrap(target, site)
        if rerun:
            wrapper.__smile_trace_rerun__ = Repeatable(target, parameters)
        return wrapper

    return decorate if function is None else decorate(function)


def _check(target: Any, parameters: Parameters, prompt: str | None, rerun: bool) -> None:
    where = qualified_name(target)
    known = parameters.takes_any or not parameters.names or prompt in parameters.names
    if prompt is not None and not known:
        raise ValueError(
            f"smile_trace.trace(prompt={prompt!r}): {where} has no parameter of that name; "
            f"it has {', '.join(parameters.names)}"
        )
    if rerun and ("<locals>" in where or parameters.own is not None):
        raise ValueError(
            f"smile_trace.trace(rerun=True): {where} cannot be found again by its module and "
            "name; decorate a function at the top of a module"
        )


class span:
    """Record a block, as `trace` records a function: `with smile_trace.span("retrieve"): ...`.

    It is context, unless `record(...)` is called directly inside of it. `session` and `user` are
    inherited by every record inside: set here what is known per request.

    Args:
        name: the span's name.
        model: the model's name, by which the settings find how to call it again.
        provider: e.g. `"openai"`.
        metadata: JSON-able values, attached to the record.
        tags: texts, attached to the record.
        session: the conversation's id; inherited by every record inside.
        user: the end user's id; inherited by every record inside.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str | None = None,
        provider: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        session: str | None = None,
        user: str | None = None,
    ) -> None:
        self._site = Site(
            name=str(name),
            model=model,
            provider=provider,
            metadata=dict(metadata or {}),
            tags=dict(tags or {}),
            session=session,
            user=user,
        )
        self._recording: Recording | None = None
        self._token: Any = None

    def __enter__(self) -> "span":
        self._recording = start_recording(self._site, None)
        if self._recording is not None:
            self._token = current.set(self._recording)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        reset_current(self._token)
        if error is None:
            recording.finish()
        else:
            recording.fail(error)
