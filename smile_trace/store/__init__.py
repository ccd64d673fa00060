"""The worker's database: tables, migrations, queries. The only package with SQL."""

from smile_trace.store.database import StoreError, StoreUnavailable
from smile_trace.store.store import Store

__all__ = ["Store", "StoreError", "StoreUnavailable"]
