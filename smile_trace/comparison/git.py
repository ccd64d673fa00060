"""What git says of a repository. Nothing in it is run: no hook, no filter, no code."""

import subprocess
from pathlib import Path

from smile_trace.errors import SmileTraceError


class GitFailed(SmileTraceError):
    """Git says no, or cannot be run; the message is its own last line."""


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What a git command prints in a folder; `given`: its standard input. Raises GitFailed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            input=given,
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git could not be run: {error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitFailed(lines[-1] if lines else "git says nothing more")
    return done.stdout


def said(folder: Path, *arguments: str) -> str:
    """What a git command prints, as one text without the final line break. Raises GitFailed."""
    return git(folder, *arguments).decode(errors="surrogateescape").removesuffix("\n")
