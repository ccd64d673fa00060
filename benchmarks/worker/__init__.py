"""How fast the worker is, in how much memory, and whether it keeps its books."""
