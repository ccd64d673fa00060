"""Seeded simulations on planted truths: what the estimate, the test and the status hold."""
