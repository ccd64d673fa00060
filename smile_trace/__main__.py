"""`python -m smile_trace` is the command `smile-trace`."""

from smile_trace.cli import main

main()
