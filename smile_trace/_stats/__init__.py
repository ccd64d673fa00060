"""Statistics that several packages need and SciPy lacks."""
