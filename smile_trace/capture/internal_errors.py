"""Internal errors of capture: logged once, counted, never raised into the user's call."""

import contextlib
import logging
from collections import Counter
from types import CodeType
from typing import Any

logger = logging.getLogger("smile_trace")

_counts: Counter[str] = Counter()
_logged: set[str] = set()


def report_error(what: str, error: BaseException | None = None) -> None:
    """Count an internal error, and log it the first time. Never raises.

    Args:
        what: one short sentence without variable parts; it is the key of the count.
        error: the exception, where there was one.
    """
    _counts[what] += 1
    if what in _logged:
        return
    _logged.add(what)
    # Logging handlers are the application's and may raise.
    with contextlib.suppress(Exception):
        _log(what, error)


def _log(what: str, error: BaseException | None) -> None:
    try:
        logger.warning(
            "smile-trace: %s%s; your call goes on, further cases are only counted",
            what,
            "" if error is None else f" ({type(error).__name__}: {error})",
        )
    except RecursionError:
        _logged.discard(what)  # the stack is too deep to say it here: the next case says it


def keep_inside(error: BaseException) -> None:
    """Raise `error` again unless it came out of an object that capture was reading.

    A `SystemExit` or `KeyboardInterrupt` that somebody's attribute or `__repr__` raises stays
    inside. One that a signal raised (Ctrl-C, a handler of SIGTERM) was meant for the process: the
    default handler raises between two instructions, a handler of the application's own is in the
    traceback.
    """
    if isinstance(error, Exception):
        return
    if not isinstance(error, SystemExit | KeyboardInterrupt | GeneratorExit):
        if type(error).__name__ != "CancelledError":
            raise error
        return
    frames: list[tuple[CodeType, int]] = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append((traceback.tb_frame.f_code, traceback.tb_lasti))
        traceback = traceback.tb_next
    if frames and any(code in _signal_handlers() for code, _ in frames):
        raise error
    if isinstance(error, KeyboardInterrupt) and not (frames and _raises(*frames[-1])):
        raise error


def _signal_handlers() -> set[CodeType]:
    import signal

    found = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while hasattr(handler, "func"):  # a partial
            handler = handler.func
        if not hasattr(handler, "__code__") and not hasattr(handler, "__func__"):
            handler = vars(type(handler)).get("__call__")
        code = getattr(getattr(handler, "__func__", handler), "__code__", None)
        if code is not None:
            found.add(code)
    return found


def _raises(code: CodeType, at: int) -> bool:
    """Whether the instruction is a `raise`."""
    import opcode

    return code.co_code[at] in (opcode.opmap["RAISE_VARARGS"], opcode.opmap["RERAISE"])


def counts() -> dict[str, int]:
    """How often each error occurred in this process."""
    return dict(_counts)


def reset() -> None:
    """Forget all errors: a forked child and each test count their own."""
    _counts.clear()
    _logged.clear()
