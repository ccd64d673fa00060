"""What a fleet takes, on paper and hour by hour: `python -m benchmarks.scale`."""
