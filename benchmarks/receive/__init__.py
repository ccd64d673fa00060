"""What the OTLP/HTTP receiver takes: `python -m benchmarks.receive`, see `__main__.py`."""
