"""Git repositories whose branch changes some files."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

_ME = ("-c", "user.name=A", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    done = subprocess.run(
        ["git", *_ME, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, files: Mapping[str, str | None]) -> str:
    """Write files (None deletes), commit them all, and give the commit."""
    for name, text in files.items():
        file = folder / name
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "a change")
    return git(folder, "rev-parse", "HEAD")


def branched(
    folder: Path, before: Mapping[str, str], after: Mapping[str, str | None], *, push: bool = True
) -> Path:
    """A repository on a branch `change`, which makes `after` of `before`; with a remote `origin`
    that has its `main`, as a pull request's checkout does."""
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, before)
    if push:
        origin = folder.parent / f"{folder.name}-origin.git"
        git(folder, "clone", "-q", "--bare", ".", str(origin))
        git(folder, "remote", "add", "origin", str(origin))
        git(folder, "fetch", "-q")
        git(folder, "remote", "set-head", "origin", "main")
    git(folder, "switch", "-q", "-c", "change")
    commit(folder, after)
    return folder


def bringing_a_repository(folder: Path, ran: Path) -> Path:
    """A repository whose branch has a bare one in its folder `app`, which makes git write `ran`."""
    root = branched(folder / "r", {"a.txt": "a"}, {"b.txt": "b"})
    git(root, "clone", "-q", "--bare", ".", "app")
    program = f"touch '{ran}'; false"
    for name, value in (
        ("core.bare", "false"),
        ("core.worktree", "."),
        ("core.fsmonitor", program),
        ("remote.origin.uploadpack", program),
    ):
        git(root / "app", "config", name, value)
    return root
