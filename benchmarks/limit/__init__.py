"""How near the limit: the performance table, written by one command."""
