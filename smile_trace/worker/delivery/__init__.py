"""From the store to the trackers: traces, explanations, comparisons."""
