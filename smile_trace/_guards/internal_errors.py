"""Errors of ours: logged once, counted, and never raised into the user's call.

Signal handlers of the application are told apart from our errors, and delayed if they must be.
"""

import contextlib
import logging
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from inspect import CO_VARARGS
from itertools import pairwise
from types import CodeType, FrameType, TracebackType
from typing import Any

logger = logging.getLogger("smile_trace")

_counts: Counter[str] = Counter()
_logged: set[str] = set()


def report_error(what: str, error: BaseException | None = None) -> None:
    """Count an internal error, and log it the first time. Never raises.

    `what` is one short sentence without variable parts, because it is the key of the count.
    """
    _counts[what] += 1
    if what in _logged:
        return
    _logged.add(what)
    # Logging handlers are the application's and may raise.
    with suppressed(Exception):
        _log(what, error)


def _log(what: str, error: BaseException | None) -> None:
    try:
        logger.warning(
            "smile-trace: %s%s; your call is not affected, and further cases are only counted",
            what,
            "" if error is None else f" ({type(error).__name__}: {error})",
        )
    except RecursionError:
        _logged.discard(what)  # the stack is too deep to say it here: the next case says it


def keep_inside(error: BaseException) -> None:
    """Raise `error` again unless it is capture's own, or of an object that capture was reading.

    Whatever an attribute or a `__repr__` raises stays inside, even `SystemExit` or
    `KeyboardInterrupt`. An exception of a signal (Ctrl-C, a time limit, a handler of SIGTERM) was
    meant for the application: Ctrl-C's default handler raises between two instructions, the
    application's own handler is in the traceback. Handlers not written in Python and exceptions
    sent by another thread (`PyThreadState_SetAsyncExc`) leave no trace: only Ctrl-C is told apart.
    """
    if _of_a_handler(error):
        raise error
    if isinstance(error, Exception | SystemExit | GeneratorExit):
        return
    if not isinstance(error, KeyboardInterrupt):
        if type(error).__name__ != "CancelledError":
            raise error
        return
    frames = list(_frames(error))
    if not (frames and _raises(frames[-1][0].f_code, frames[-1][1])):
        raise error


class suppressed:
    """Suppress exceptions of these types inside, except what a signal handler raises."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return isinstance(error, self._kinds) and not _of_a_handler(error)


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """The frames that an exception went through, from here, and where it left each of them."""
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lasti
        traceback = traceback.tb_next


def _of_a_handler(error: BaseException) -> bool:
    """Whether a signal handler raised it: an installed one, or a replaced one, recognised because
    it was called with the very frame that it interrupted. A handler that finds the stack full does
    so because of our frames: that stays inside."""
    if isinstance(error, RecursionError):
        return False
    frames = [frame for frame, _ in _frames(error)]
    if len(frames) < 2:
        return False
    handlers = _signal_handlers()
    return any(
        frame.f_code in handlers or _was_given(frame, interrupted)
        for interrupted, frame in pairwise(frames)
    )


def _was_given(frame: FrameType, other: FrameType) -> bool:
    """Whether a frame's function was given another frame as an argument."""
    code = frame.f_code
    names = [*code.co_varnames[: code.co_argcount]]
    if code.co_flags & CO_VARARGS:
        names.append(code.co_varnames[code.co_argcount + code.co_kwonlyargcount])
    if not names:
        return False
    held = frame.f_locals
    arguments = (held.get(name) for name in names)
    return any(
        one is other or (type(one) is tuple and any(item is other for item in one))
        for one in arguments
    )


def _signal_handlers() -> set[CodeType]:
    handlers = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while hasattr(handler, "func"):  # a partial
            handler = handler.func
        if not hasattr(handler, "__code__") and not hasattr(handler, "__func__"):
            handler = vars(type(handler)).get("__call__")
        code = getattr(getattr(handler, "__func__", handler), "__code__", None)
        if code is not None:
            handlers.add(code)
    return handlers


def _raises(code: CodeType, at: int) -> bool:
    import opcode

    return code.co_code[at] in (opcode.opmap["RAISE_VARARGS"], opcode.opmap["RERAISE"])


def counts() -> dict[str, int]:
    """The number of times that each error occurred in this process."""
    return dict(_counts)


def reset() -> None:
    """Forget all errors: a forked child and each test count their own."""
    _counts.clear()
    _logged.clear()


@contextlib.contextmanager
def handlers_wait() -> Iterator[None]:
    """Let handlers that are written in Python wait for the end of the block.

    A handler may make a call that needs the runtime and a spool file itself. If making those takes
    longer than the time to the next signal (a timer, a slow disk), handlers would nest endlessly.
    Python runs handlers in the main thread; elsewhere nothing is done. A signal that ends the
    process by default still does, and Ctrl-C arrives.
    """
    if threading.get_ident() != threading.main_thread().ident:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # Handlers of what has arrived already run here, and may raise.
        signal.pthread_sigmask(signal.SIG_BLOCK, _handled())
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _handled() -> list[int]:
    handlers = [(number, signal.getsignal(number)) for number in signal.valid_signals()]
    return [n for n, h in handlers if callable(h) and h is not signal.default_int_handler]
