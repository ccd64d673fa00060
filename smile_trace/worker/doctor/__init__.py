"""What `smile-trace doctor` looks at, and what it repairs."""

from smile_trace.worker.doctor.examine import examine
from smile_trace.worker.doctor.findings import Finding
from smile_trace.worker.doctor.repair import forget_tracker, repair

__all__ = ["Finding", "examine", "forget_tracker", "repair"]
