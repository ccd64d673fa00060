"""What git says of a repository, and of the files that changed since a revision."""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from smile_trace.errors import SmileTraceError

MOST_BYTES = 1_000_000
"""A larger file is not read."""
_CHANGE = re.compile(rb":(\d+) (\d+) (\w+) (\w+) \w\0([^\0]+)\0")
_GONE, _ORDINARY = b"000000", {b"000000", b"100644", b"100755"}
_DEFAULTS = ("origin/HEAD", "origin/main", "origin/master", "main", "master", "HEAD~1")
_SIZES = "%(objectname) %(objectsize)"
_GIT = ("git", "-c", "safe.bareRepository=explicit", "-C")


class GitFailed(SmileTraceError):
    """Git says no, or cannot be run; the message is its own last line."""


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What a git command prints in a folder; `given`: its standard input. Raises GitFailed, also in
    a folder that looks like a bare repository: a branch may bring one that names programs to run.
    """
    try:
        done = subprocess.run(
            [*_GIT, str(folder), *arguments],
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
    return git(folder, *arguments).decode(errors="replace").removesuffix("\n")


class NoBase(SmileTraceError):
    """It is not known what a branch is compared with; the message says what to do."""


def base_of(root: Path, wanted: str | None) -> tuple[str, str]:
    """What a branch is compared with, as people call it, and the last commit in common with it: by
    default the target of the pull request (GITHUB_BASE_REF), else the default branch (origin's
    before the one here), or the commit before where nothing differs from it. Raises NoBase."""
    target = os.environ.get("GITHUB_BASE_REF")
    named = wanted or (f"origin/{target}" if target else None)
    why = ""
    for ref in [named] if named else _DEFAULTS:
        try:
            if ref.startswith("-"):
                raise GitFailed("that is not a revision")
            commit = said(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
            common = said(root, "merge-base", commit, "HEAD")
            if named or git(root, "diff", "--raw", "--ignore-submodules", common, "--"):
                head = ref == "origin/HEAD"
                return said(root, "rev-parse", "--abbrev-ref", ref) if head else ref, common
        except GitFailed as error:
            why = f" ({ref}: {error})"
    raise NoBase(
        f"there is nothing to compare the branch with{why}: give --base REVISION, or fetch the "
        "history (actions/checkout with fetch-depth: 0)"
    )


class ChangedFile(NamedTuple):
    """A file that changed. A text is None where the file is not there, is no UTF-8 text or is too
    large; `is_link`: it is, or was, a link, which may lead out of the repository and is not read.
    """

    path: str
    before: str | None = None
    after: str | None = None
    is_link: bool = False


def changed_files(root: Path, commit: str) -> Iterator[ChangedFile]:
    """The files that differ between a commit and the working tree. Raises GitFailed."""
    how = ("-z", "--no-renames", "--no-abbrev", "--ignore-submodules")
    changes = _CHANGE.findall(git(root, "diff", "--raw", *how, commit, "--"))
    plain = {change for change in changes if {*change[:2]} <= _ORDINARY}
    blobs = {blob for change in plain for blob in change[2:4] if blob.strip(b"0")}
    with _reading(root, blobs) as text_of:
        for change in changes:
            _, mode, old, new, name = change
            path = name.decode(errors="replace")
            if change not in plain:
                yield ChangedFile(path, is_link=True)
            elif mode == _GONE or new.strip(b"0"):
                yield ChangedFile(path, text_of(old), text_of(new))
            else:
                yield ChangedFile(path, text_of(old), working_text(root / path))


def earlier_texts(root: Path, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Paths and texts that the newest 200 commits gave these files; none if git takes too long."""
    how = ("--literal-pathspecs", "log", "-200", "--format=", "--raw", "-z", "--no-renames")
    try:
        found = _CHANGE.findall(git(root, *how, "--no-abbrev", "HEAD", "--", *paths))
    except GitFailed:
        return
    with _reading(root, {blob for *_, blob, _ in found if blob.strip(b"0")}) as text_of:
        for *_, blob, name in found:
            if (text := text_of(blob)) is not None:
                yield name.decode(errors="replace"), text


def working_text(file: Path) -> str | None:
    """A file as it is in the working tree; None as for a `ChangedFile`."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size > MOST_BYTES:
        return None
    return _text(file.read_bytes())


@contextmanager
def _reading(root: Path, ids: Iterable[bytes]) -> Iterator[Callable[[bytes], str | None]]:
    """What gives the text of one of git's objects: they are read one at a time, since a branch may
    change a gigabyte of them. None for one that is too large."""
    asked = b"".join(one + b"\n" for one in ids)
    told = git(root, "cat-file", f"--batch-check={_SIZES}", given=asked).splitlines()
    sizes = {one: int(size) for one, size in map(bytes.split, told) if size.isdigit()}
    command = [*_GIT, str(root), "cat-file", f"--batch={_SIZES}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        given, out = reader.stdin, reader.stdout

        def text_of(blob: bytes) -> str | None:
            if sizes.get(blob, MOST_BYTES + 1) > MOST_BYTES:
                return None
            given.write(blob + b"\n")
            given.flush()
            out.readline()
            return _text(out.read(sizes[blob] + 1)[:-1])

        yield text_of


def _text(raw: bytes) -> str | None:
    try:
        return None if b"\0" in raw else raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
