"""Files that decide where prompts and keys go, and who can have written them.

As OpenSSH does with `~/.ssh/config`: the file, the links to it and the folder of each belong to
this user or to root, and nobody else may write there. A folder with the sticky bit, such as /tmp,
may be written by everybody: what is in it cannot be replaced. Further up is not looked at: whoever
may move a folder can put one of his own there, whose file is then his. Standard library only.
"""

import os
import shlex
import stat
from pathlib import Path
from typing import NamedTuple

from smile_trace._guards.private_files import NotPrivate, user_name

MOST_LINKS = 40
"""Links that lead from one to the next, as Linux follows them."""


class Written(NamedTuple):
    """What stands in a file, and whether root alone wrote it while we are another user."""

    content: bytes
    by_administrator: bool


def read_written(path: Path) -> Written:
    """Read a file that only this user or root can have written. Windows is not asked who did.

    Raises:
        NotPrivate: another user owns it, a link to it or its folder, or may write there; the
            message says how to mend it.
        OSError: it cannot be read.
    """
    if not hasattr(os, "geteuid"):
        return Written(path.read_bytes(), False)
    # Opened once: what is looked at is what is read.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise NotPrivate(f"{path} is no regular file, and is not read: move it away")
        _check_owner(path, state.st_uid, "chown")
        _check_mode(path, descriptor, state)
        owners = {state.st_uid, *_owners_of_links(path, state)}
        return Written(file.read(), owners == {0} and os.geteuid() != 0)


def _owners_of_links(path: Path, opened: os.stat_result) -> set[int]:
    """The owners of the links from `path` to the file that was opened."""
    owners: set[int] = set()
    here = path.absolute()
    for _ in range(MOST_LINKS):
        _check_folder(here)
        state = os.lstat(here)
        if not stat.S_ISLNK(state.st_mode):
            if not os.path.samestat(state, opened):
                raise NotPrivate(f"{path} was replaced while it was read: start again")
            return owners
        _check_owner(here, state.st_uid, "chown -h")
        owners.add(state.st_uid)
        here = here.parent / os.readlink(here)
    raise NotPrivate(f"{path} is a symbolic link without an end: move it away")


def _check_folder(path: Path) -> None:
    folder = path.parent
    state = os.stat(folder)
    if state.st_uid not in (0, os.geteuid()):
        raise NotPrivate(
            f"{folder} belongs to {user_name(state.st_uid)}, who can put another file in the place "
            f"of {path.name}, which is therefore not read: move it into a folder of yours, or take "
            f"this one with `sudo chown {os.geteuid()} {shlex.quote(str(folder))}`"
        )
    if not state.st_mode & stat.S_ISVTX:
        _check_mode(folder, folder, state)


def _check_owner(path: Path, owner: int, take: str) -> None:
    if owner in (0, os.geteuid()):
        return
    raise NotPrivate(
        f"{path} belongs to {user_name(owner)}, and is not read, because it says where prompts and "
        f"keys go: work in another folder, or take it with `sudo {take} {os.geteuid()} "
        f"{shlex.quote(str(path))}`, once you have seen what it says"
    )


def _check_mode(path: Path, opened: Path | int, state: os.stat_result) -> None:
    """See that nobody but its owner and this user may write there."""
    others = bool(state.st_mode & stat.S_IWOTH)
    group = bool(state.st_mode & stat.S_IWGRP) and not _is_private_group(opened, state)
    if not (others or group) or os.statvfs(opened).f_flag & os.ST_RDONLY:
        return  # a file system that is mounted for reading, as Kubernetes mounts settings
    who = "everybody" if others else "its group"
    raise NotPrivate(
        f"{path} can be written by {who}, and no settings are read there, because they say where "
        f"prompts and keys go: `chmod go-w {shlex.quote(str(path))}`, once you have seen what "
        "they say"
    )


def _is_private_group(opened: Path | int, state: os.stat_result) -> bool:
    """Whether the group is that of one user alone, the owner or this one, and its bits speak of
    it. Debian, Ubuntu and Red Hat give each user such a group, and files 0664."""
    if _has_access_list(opened):
        return False
    return any(_is_group_of(state.st_gid, uid) for uid in {state.st_uid, os.geteuid()})


def _is_group_of(gid: int, uid: int) -> bool:
    """Whether a group has a user's name and no other member that this machine knows. Where a
    container has names for neither, the same number says it."""
    import grp
    import pwd

    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = None
    try:
        group = grp.getgrgid(gid)
    except KeyError:
        return user is None and gid == uid
    if user is None or group.gr_name != user or not set(group.gr_mem) <= {user}:
        return False
    return all(entry.pw_name == user for entry in pwd.getpwall() if entry.pw_gid == gid)


def _has_access_list(opened: Path | int) -> bool:
    """Whether the bits of the group stand for further users and groups (POSIX ACLs)."""
    try:
        return bool(os.getxattr(opened, "system.posix_acl_access"))
    except (AttributeError, OSError):  # another system, or none there
        return False
