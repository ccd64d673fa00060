"""`kind = "rerun"`: the decorated function itself, called again without its decorator."""

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar, Literal

from smile_trace.dialects.parts import answer_of, read_message, reasoning_of
from smile_trace.models.base import Capabilities, Model, ModelUnavailable, NotRepeatable, Request
from smile_trace.models.callable import call as call_function
from smile_trace.providers import read_answer
from smile_trace.providers.functions import Repeatable, qualified_name
from smile_trace.records import JSON, Call, Response, chat_messages
from smile_trace.settings import ModelSettings

MARK = "__smile_trace_rerun__"
"""The attribute in which `@trace(rerun=True)` keeps a `Repeatable`."""


class RerunSettings(ModelSettings):
    """The decorated function itself, which must be decorated with `rerun=True`."""

    calls_function: ClassVar[bool] = True

    kind: Literal["rerun"] = "rerun"

    @property
    def address(self) -> str:
        """The address that is shown: whom the function asks is not known."""
        return "the application's own function"

    def open(self, name: str, *, app: str | None = None, call: Call | None = None) -> Model:
        """Return the function that made `call`. Raises ModelUnavailable if there is no captured
        call, or its function may not be called again."""
        if call is None:
            raise ModelUnavailable(
                f'the model {name!r} is a function to be called again (kind = "rerun"): '
                "that explains captured calls only, so give a trace id",
                permanent=True,
            )
        return Rerun(call, app=app)


TABLE = RerunSettings


class Rerun:
    """The function that made a call, called with the perturbed prompt and its other arguments.

    It has to be decorated with `rerun=True` and be in `app`, the operator's module: captured data
    chooses among those functions only, imports nothing, and cannot choose the perturbed parameter.
    Raises NotRepeatable if there is no such function, or it may not be called again;
    ModelUnavailable if the operator's module is not named, or cannot be imported.
    """

    identity = None
    capabilities = Capabilities(calls_function=True)

    def __init__(self, call: Call, *, app: str | None) -> None:
        self.name = call.rerun or call.name
        mark = _find(call, app)
        self._function = mark.function
        self._prompt, self._arguments = _arguments(call, mark)

    def __repr__(self) -> str:
        return f"Rerun({self.name})"

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Unknown, so False."""
        return False

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return the function's answers to the requests, called one after the other."""
        return [await self._one(request) for request in requests]

    async def aclose(self) -> None:
        """Nothing to close."""

    async def _one(self, request: Request) -> Response:
        arguments = {**self._arguments, self._prompt: self._argument(request)}
        bound = functools.partial(self._function, **arguments)
        return await call_function(bound, self._function, _as_captured)

    def _argument(self, request: Request) -> JSON:
        messages = chat_messages(request.messages, as_sent=True)
        if self._prompt == "messages" or len(messages) != 1 or messages[0]["role"] != "user":
            return messages
        return messages[0]["content"]


def _as_captured(result: Any) -> Response:
    """Return what capture would have recorded for this result, so that both texts compare."""
    answer = read_answer(result)
    message = read_message(answer.messages[0]) if answer.messages else None
    if message is not None:
        reason = next(iter(answer.finish_reasons), None)
        text = answer_of(message, reason) or ""
        return Response(text=text, reasoning=reasoning_of(message), finish_reason=reason)
    return Response(failure=answer.no_content or "the function gave no answer")


def _find(call: Call, app: str | None) -> Repeatable:
    if app is None:
        raise ModelUnavailable(
            "calling a function again needs its module: name it with --app MODULE",
            permanent=True,
        )
    if call.rerun is None:
        raise NotRepeatable(
            f"{call.name} cannot be called again: decorate it with @smile_trace.trace(rerun=True)"
        )
    module_name, _, qualified = call.rerun.partition(":")
    if module_name != app and not module_name.startswith(f"{app}."):
        raise NotRepeatable(
            f"{call.rerun} is not in the module {app}: name it with --app {module_name}"
            if module_name != "__main__"
            else f"{call.rerun} was called in a script that cannot be told from others: capture it "
            f"again from a file that can be imported as {app}"
        )
    module = _import(app)
    if module_name != app:  # what the operator's module has imported itself; nothing else is
        module = sys.modules.get(module_name)
        if module is None:
            raise NotRepeatable(
                f"{app} does not import {module_name}: name it with --app {module_name}"
            )
    mark = inspect.getattr_static(_look_up(module, qualified), MARK, None)
    if type(mark) is not Repeatable or qualified_name(mark.function) != call.rerun:
        raise NotRepeatable(
            f"{call.rerun} cannot be called again: it must be at the top level of its module and "
            "be decorated with @smile_trace.trace(rerun=True)"
        )
    return mark


def _look_up(module: Any, qualified: str) -> Any:
    """Return the object of that name in a module or a class there, without running any code."""
    found = module
    for part in qualified.split("."):
        if not isinstance(found, ModuleType if found is module else type):
            return None
        found = inspect.getattr_static(found, part, None)
        if isinstance(found, staticmethod):
            found = found.__func__
    return found


def _arguments(call: Call, mark: Repeatable) -> tuple[str, dict[str, JSON]]:
    """Return the declared parameter that is perturbed, and the other arguments as they were passed.
    Raises NotRepeatable if the record names another parameter."""
    given = call.rerun_arguments or {}
    prompt, arguments = given.get("prompt", "prompt"), given.get("arguments", {})
    if isinstance(prompt, str) and isinstance(arguments, dict):
        bound = mark.parameters.bind((), {**arguments, prompt: "text"})
        if bound is None:  # the function itself says what does not fit
            return prompt, arguments
        found = mark.parameters.find_prompt(bound)
        if found is not None and found[0] == prompt:
            return prompt, arguments
    raise NotRepeatable(
        f"{call.rerun} has no prompt of that name: only the declared parameter is perturbed"
    )


def _import(name: str) -> Any:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise ModelUnavailable(
            f"the module {name} cannot be imported ({type(error).__name__}: {error}): run the "
            "worker where the application runs, in its environment",
            permanent=True,
        ) from error
