"""Capture: the part that runs in the application's process, and in no other.

It imports the standard library, OpenTelemetry and what is as light of ours, starts no thread, never
blocks on a network or another process, and writes each finished call to the spool before the call
returns.
"""
