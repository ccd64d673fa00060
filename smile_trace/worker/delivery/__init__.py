"""Delivery from the store to the trackers: traces, explanations, comparisons."""
