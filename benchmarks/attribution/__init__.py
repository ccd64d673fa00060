"""Attributions side by side with the peers, on a real model.

`python -m benchmarks.attribution` in an environment of its own (`make bench-attribution`).
"""
