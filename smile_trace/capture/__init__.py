"""Capture: the only part that runs in the application's process. It starts no thread, never blocks
on a network or another process, and writes each call to the spool before the call returns."""
