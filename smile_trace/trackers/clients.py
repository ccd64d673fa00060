"""Vendors' own clients, loaded without what nobody asks them for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Import a client as if these optional packages were not installed: pandas, PyArrow and
    Matplotlib take 100 MB of a worker. Afterwards they can be imported; one that is loaded already
    stays."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
