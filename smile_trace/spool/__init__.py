"""The spool: finished spans as lines of OTLP/JSON in append-only files of this process."""

from smile_trace.spool.losses import read_losses
from smile_trace.spool.writer import (
    RECEIVED_SUFFIX,
    Spool,
    SpoolFull,
    limits,
    spool_filled,
    writer_alive,
)

__all__ = [
    "RECEIVED_SUFFIX",
    "Spool",
    "SpoolFull",
    "limits",
    "read_losses",
    "spool_filled",
    "writer_alive",
]
