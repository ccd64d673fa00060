"""Three ways to get the log-probability of a given answer."""
