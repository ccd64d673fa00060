"""Random misfortune, planned by a seed, and the books that must balance afterwards."""
