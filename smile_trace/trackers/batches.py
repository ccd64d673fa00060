"""Many items: delivered in one request or several, with an outcome each in their order, or listed
page by page."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from smile_trace.trackers.http import RequestRejected
from smile_trace.trackers.protocol import Outcome, TrackerUnavailable

R = TypeVar("R")
T = TypeVar("T")

Result = Outcome | RequestRejected

MOST_PAGES = 200
"""Most pages of one list; an endless list is given up there."""


def pages(
    ask: Callable[[str | None], tuple[T, str | None]], endless: Exception | None = None
) -> Iterator[T]:
    """Yield the pages of a list. `ask`: returns a page, by its token, and the token of the next. A
    list that has no end, or goes in circles, ends here, or raises `endless`."""
    token: str | None = None
    for _ in range(MOST_PAGES):
        asked, (page, token) = token, ask(token)
        yield page
        if token is None:
            return
        if token == asked:
            break
    if endless is not None:
        raise endless


def split(items: Sequence[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Yield groups of at most `limit` in size; a larger item goes alone."""
    batch: list[T] = []
    total = 0
    for item in items:
        of_item = size(item)
        if batch and total + of_item > limit:
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += of_item
    if batch:
        yield batch


def attempt(deliver: Callable[[], R]) -> R | RequestRejected:
    """Return the result of a delivery, or its rejection."""
    try:
        return deliver()
    except RequestRejected as rejected:
        return rejected


def outcome_of(deliver: Callable[[], Outcome]) -> Outcome:
    """Return the outcome of a delivery, also if it was rejected."""
    return settled(attempt(deliver))


def settled(result: Result) -> Outcome:
    """Return the outcome of a result that may be a rejected request."""
    return result.outcome if isinstance(result, RequestRejected) else result


def deliver_batch(
    items: Sequence[T],
    prepare: Callable[[Sequence[T]], Callable[[], None]],
    write: Callable[[], None] | None = None,
) -> list[RequestRejected | None]:
    """Write items in one request; if it is rejected, each alone, to find the rejected ones.

    Args:
        prepare: encodes items and returns what writes them.
        write: what it returned for all of them, if they are encoded already.
    """
    try:
        (write or prepare(items))()
    except RequestRejected as rejected:
        if len(items) == 1:
            return [rejected]
        return [result for item in items for result in deliver_batch([item], prepare)]
    return [None] * len(items)


def deliver_each(
    items: Sequence[T], deliver: Callable[[T], Outcome], *, concurrency: int = 1
) -> list[Result]:
    """Deliver items one by one, at most `concurrency` at the same time; see `each`."""
    return each(items, lambda item: attempt(lambda: deliver(item)), concurrency=concurrency)


def each(items: Sequence[T], do: Callable[[T], R], *, concurrency: int = 1) -> list[R]:
    """Return the result of `do` for each item, at most `concurrency` at the same time. Raises
    TrackerUnavailable if the server takes nothing; items that were not begun are left."""
    unavailable = threading.Event()

    def one(item: T) -> R | TrackerUnavailable | None:
        if unavailable.is_set():
            return None
        try:
            return do(item)
        except TrackerUnavailable as error:
            unavailable.set()
            return error

    if concurrency == 1:
        attempts = [one(item) for item in items]
    else:
        with ThreadPoolExecutor(min(concurrency, len(items) or 1)) as pool:
            contexts = [copy_context() for _ in items]  # a context is entered once at a time
            running = [
                pool.submit(context.run, one, item)
                for context, item in zip(contexts, items, strict=True)
            ]
            attempts = [future.result() for future in running]
    results: list[R] = []
    for result in attempts:
        if isinstance(result, TrackerUnavailable):
            raise result
        if result is not None:
            results.append(result)
    return results


def outcomes(results: Sequence[Result]) -> list[Outcome]:
    """Turn rejections into outcomes; if all items failed with 5xx, raise `TrackerUnavailable`."""
    faults = [r for r in results if isinstance(r, RequestRejected) and r.status >= 500]
    if faults and len(faults) == len(results):
        raise TrackerUnavailable(f"{faults[0]}; smile-trace will try again")
    return [settled(result) for result in results]
