"""The command `smile-trace`: a module for the commands of one subject, loaded when one runs."""

from smile_trace.cli.app import main

__all__ = ["main"]
