"""Where bars are drawn."""

import io
import os
import pty

from rich.console import Console

from smile_trace.cli.progress import in_terminal


def test_a_notebook_is_no_terminal_whatever_it_says() -> None:
    assert not in_terminal(Console(file=io.StringIO(), force_terminal=True))


def test_a_terminal_is_one() -> None:
    ends = pty.openpty()
    with open(ends[1], "w", encoding="utf-8") as terminal:
        assert in_terminal(Console(file=terminal, force_terminal=True))
    os.close(ends[0])
