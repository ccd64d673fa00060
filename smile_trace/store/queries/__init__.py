"""What the command line, comparisons and trackers read from the store."""
