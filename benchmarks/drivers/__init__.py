"""The fifteen driver cases: smile-trace's estimates beside the exact values of its estimand."""
