"""What the worker knows: tables, migrations, queries."""

from smile_trace.store.database import StoreError, StoreUnavailable
from smile_trace.store.store import Store

__all__ = ["Store", "StoreError", "StoreUnavailable"]
