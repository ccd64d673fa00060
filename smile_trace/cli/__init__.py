"""The command `smile-trace`: a module for the commands of one subject; `app` says which is where."""

from smile_trace.cli.app import main

__all__ = ["main"]
