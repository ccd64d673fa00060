"""Helpers for the texts that people read, and for what stands in texts."""
