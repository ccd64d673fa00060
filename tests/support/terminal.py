"""A program at a terminal: what it wrote, and what an emulated screen shows of it."""

import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from pathlib import Path

import pyte

COLUMNS, LINES = 100, 6000

_HARMLESS = re.compile(
    r"\x1b\[[0-9;]*m"  # colours
    r"|\x1b\[\?25[lh]|\x1b\[1?A|\x1b\[2K"  # a progress bar
    r"|\r(?=\x1b\[2K|\x1b\[1?A|\x1b\[\?25h|\r*\n)"
)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class WatchedScreen(pyte.Screen):
    """A screen that notes what a program may do to a terminal beside writing on it."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, LINES)
        self.noted: list[str] = []

    def set_title(self, param: str) -> None:
        self.noted.append(f"title {param}")

    def set_icon_name(self, param: str) -> None:
        self.noted.append(f"icon name {param}")

    def bell(self, *args: object) -> None:
        self.noted.append("bell")

    def alignment_display(self) -> None:
        self.noted.append("filled the screen")

    def set_margins(self, *args: int | None, **kwargs: object) -> None:
        self.noted.append("set margins")

    def report_device_status(self, mode: int, **kwargs: bool) -> None:
        self.noted.append("reported its state")


class AtTerminal:
    """What a program wrote at a terminal.

    Attributes:
        code: its exit code.
        written: all that it wrote, stdout and stderr.
        lines: the screen's lines that are not empty, without spaces at their ends.
    """

    def __init__(self, code: int, raw: bytes) -> None:
        self.code = code
        self.written = raw.decode()
        self._screen = WatchedScreen()
        pyte.Stream(self._screen).feed(self.written)
        self.lines = [line.rstrip() for line in self._screen.display if line.strip()]

    def check(self) -> None:
        """See that it did nothing to the terminal but colour text and draw progress bars.

        Raises:
            AssertionError: it did.
        """
        left = _CONTROL.findall(_HARMLESS.sub("", self.written))
        assert not left, f"control characters reached the terminal: {set(left)}"
        assert not self._screen.noted


def at_terminal(arguments: Sequence[str], cwd: Path, env: Mapping[str, str] = {}) -> AtTerminal:
    """Run Python with these arguments at a terminal until it ends."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(cwd)
        os.environ.update({"TERM": "xterm-256color", **env})
        os.execv(sys.executable, [sys.executable, *arguments])
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    written = bytearray()
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not read:
            break
        written += read
    os.close(terminal)
    return AtTerminal(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), bytes(written))
