"""A template in a file, as it stands and as it stood in a git revision."""

import subprocess
from pathlib import Path

from smile_trace.errors import SmileTraceError


class NoTemplate(SmileTraceError):
    """A template cannot be read; the message says what to do."""


def read_file(file: Path) -> str:
    """The template in a file, without the line break that ends it.

    Raises:
        NoTemplate: it cannot be read, or is no UTF-8 text.
    """
    try:
        return file.read_text(encoding="utf-8").removesuffix("\n")
    except OSError as error:
        raise NoTemplate(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NoTemplate(f"{file} is no UTF-8 text: convert it first") from None


def read_revision(file: Path, ref: str) -> str:
    """The template as it stood in a git revision of the repository around it.

    Raises:
        NoTemplate: no git, no such revision, or the file was not in it.
    """
    if ref.startswith("-"):
        raise NoTemplate(f"{ref!r} is no git revision: write one such as HEAD~1 or a tag")
    name = f"{ref}:./{file.name}"
    try:
        shown = subprocess.run(
            ["git", "-C", str(file.absolute().parent), "show", "--end-of-options", name],
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoTemplate(f"git could not be run for {file}: {error}") from None
    if shown.returncode:
        said = shown.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else "git says nothing more"
        raise NoTemplate(f"{file} has no revision {ref!r}: {why}")
    try:
        return shown.stdout.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise NoTemplate(f"{file} was no UTF-8 text in {ref!r}") from None
