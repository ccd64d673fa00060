"""Every test here has a store in a folder of its own."""

from tests.support.stores import settings, store

__all__ = ["settings", "store"]
