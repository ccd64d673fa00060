"""The spool: finished spans as lines of OTLP/JSON in append-only files of this process."""

from smile_trace.capture.spool.losses import read_losses
from smile_trace.capture.spool.writer import (
    RECEIVED_SUFFIX,
    Spool,
    SpoolFull,
    spool_filled,
    writer_alive,
)

__all__ = ["RECEIVED_SUFFIX", "Spool", "SpoolFull", "read_losses", "spool_filled", "writer_alive"]
