"""What the worker knows: tables, migrations, queries."""

from smile_trace.store.database import StoreError
from smile_trace.store.store import Store

__all__ = ["Store", "StoreError"]
