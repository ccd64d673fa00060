"""Variants judged by people, on a local page or in a tracker's queues, and by a model that is
measured against them."""
