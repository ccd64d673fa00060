"""The command `smile-trace`: a module for the commands of one subject; `app` says where each is."""

from smile_trace.cli.app import main

__all__ = ["main"]
