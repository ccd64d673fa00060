"""The command `smile-trace`: a module per command or two, loaded when that command runs."""

from smile_trace.cli.app import main

__all__ = ["main"]
