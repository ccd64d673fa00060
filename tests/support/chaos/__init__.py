"""Seeded fault injection into the whole worker, and the accounting that must hold afterwards."""
