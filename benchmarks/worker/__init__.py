"""How fast the worker is, and in how much memory (`make bench-worker`, `make soak`)."""
