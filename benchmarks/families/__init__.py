"""Pairs of models of different families: one as the proxy of the other."""
