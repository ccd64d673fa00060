"""Queries of the command line, comparisons and trackers."""
