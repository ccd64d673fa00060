"""Helpers for the texts that people read, and for finding things in texts."""
