"""Reads the traces of Lantern, a backend that is made up."""
