"""Signal handlers of the application, kept waiting for a moment."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def handlers_wait() -> Iterator[None]:
    """While the block runs, let handlers that are written in Python wait for its end.

    A handler may make a call of its own, which needs the runtime and a spool file, too. Where
    making those takes longer than the time until the next signal (an interval timer, a slow
    disk), each handler would begin anew inside the one before it, and none would ever end.

    Python runs handlers in the main thread; elsewhere nothing is done. What ends the process by
    default still ends it, and Ctrl-C arrives.
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
