"""OTLP: captured traces and their explanations, to any backend that takes OpenTelemetry."""

from smile_trace_otlp.tracker import OtlpTracker

__all__ = ["OtlpTracker"]
