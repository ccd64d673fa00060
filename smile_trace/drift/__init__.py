"""Drift: whether a model still answers a fixed set of requests as it did."""
