"""Ids of spans: never shared by forked children, made without the application's seeded `random`."""

import os
import random

_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


def new_trace_id() -> int:
    """A non-zero 128-bit id."""
    return _random.getrandbits(128) or 1


def new_span_id() -> int:
    """A non-zero 64-bit id."""
    return _random.getrandbits(64) or 1
