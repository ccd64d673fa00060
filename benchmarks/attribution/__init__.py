"""Attributions side by side with the peers: planted truth, and a real model.

`python -m benchmarks.attribution` in an environment of its own (`make bench-attribution`).
"""
