"""What git says of a repository, and of the files that changed since a revision."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from smile_trace.errors import SmileTraceError

MOST_BYTES = 1_000_000
"""A larger file is not read."""
_CHANGE = re.compile(rb":(\d+) (\d+) (\w+) (\w+) \w\0([^\0]+)\0")
_GONE, _ORDINARY = b"000000", {b"000000", b"100644", b"100755"}
_DEFAULTS = ("origin/HEAD", "origin/main", "origin/master", "main", "master", "HEAD~1")
_SIZES = "%(objectname) %(objectsize)"


class GitFailed(SmileTraceError):
    """Git says no, or cannot be run; the message is its own last line."""


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What a git command prints in a folder; `given`: its standard input. Raises GitFailed, also in
    a folder that looks like a bare repository: a branch may bring one that names programs to run.
    """
    try:
        done = subprocess.run(
            ["git", "-c", "safe.bareRepository=explicit", "-C", str(folder), *arguments],
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
    texts = _blobs(root, {blob for change in plain for blob in change[2:4] if blob.strip(b"0")})
    for change in changes:
        _, mode, old, new, name = change
        path = name.decode(errors="replace")
        if change not in plain:
            yield ChangedFile(path, is_link=True)
        elif mode == _GONE or new.strip(b"0"):
            yield ChangedFile(path, texts.get(old), texts.get(new))
        else:
            yield ChangedFile(path, texts.get(old), _working(root / path))


def _working(file: Path) -> str | None:
    """A file as it is in the working tree, which git has not hashed yet."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size > MOST_BYTES:
        return None
    return _text(file.read_bytes())


def _blobs(root: Path, ids: Iterable[bytes]) -> dict[bytes, str | None]:
    """The texts of git's objects by id, of those that are not too large."""
    asked = b"".join(one + b"\n" for one in ids)
    sizes = map(
        bytes.split, git(root, "cat-file", f"--batch-check={_SIZES}", given=asked).splitlines()
    )
    asked = b"".join(one + b"\n" for one, size in sizes if int(size) <= MOST_BYTES)
    out, at = git(root, "cat-file", f"--batch={_SIZES}", given=asked), 0
    found = dict[bytes, str | None]()
    while at < len(out):
        start = out.index(b"\n", at) + 1
        blob, size = out[at:start].split()
        at = start + int(size) + 1
        found[blob] = _text(out[start : at - 1])
    return found


def _text(raw: bytes) -> str | None:
    try:
        return None if b"\0" in raw else raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
