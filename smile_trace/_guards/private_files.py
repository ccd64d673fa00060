"""Files and folders that are this user's alone, and settings that nobody else can have written.

Access by others is taken away from our own files; what belongs to others or is no plain file or
folder is refused, with a command that mends it. Nothing follows a link or waits for a pipe, except
`read_written`, which applies OpenSSH's rule for `~/.ssh/config`: the file, the links to it and the
folder of each belong to this user or root, and nobody else may write there. In a sticky folder,
such as /tmp, others cannot replace files. Folders further up are not checked: whoever moves one can
only put his own in its place, whose file is refused. Standard library only, for capture.
"""

import errno
import os
import pwd
import shlex
import stat
from pathlib import Path
from typing import NamedTuple


class NotPrivate(OSError):
    """A file or folder is not this user's, or is no plain one; the message says what to do."""


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file, without following a link or waiting for a pipe. Raises
    NotPrivate if it is a link, a pipe, a device or a socket; OSError if it is a folder or cannot be
    opened."""
    try:
        state = os.lstat(path)
    except FileNotFoundError:
        pass
    else:  # asked before, because opening a device may do something
        _check_regular(path, state)
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotPrivate(f"{path} is a symbolic link") from None
        raise
    try:
        _check_regular(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_own(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open this user's own regular file; raises NotPrivate or OSError for any other."""
    descriptor = open_regular(path, flags)
    owner = os.fstat(descriptor).st_uid
    if owner != os.geteuid():
        os.close(descriptor)
        raise NotPrivate(f"{path} belongs to {user_name(owner)}")
    return descriptor


def tighten_folder(path: Path) -> bool:
    """Take a folder of this user's from everybody else; True if it was open to others. Raises
    NotPrivate if it is another user's, or no folder; OSError if it is not there, or cannot be
    changed."""
    check_owner(path)
    state = os.stat(path)
    if not stat.S_ISDIR(state.st_mode):
        raise NotPrivate(f"{path} is not a folder: move it away")
    return _tighten(path, state, 0o700)


def check_owner(*folders: Path) -> None:
    """Raise NotPrivate if one of the folders that are there, or a link to it, is another user's."""
    for path in folders:
        for follow in (False, True):
            try:
                owner = os.stat(path, follow_symlinks=follow).st_uid
            except FileNotFoundError:
                break
            if owner != os.geteuid():
                raise NotPrivate(_take(path, owner))


def tighten_file(path: Path) -> bool:
    """Take a file of this user's from everybody else; True if it was open to others.

    It is never opened: closing it would end SQLite's locks on it. Raises NotPrivate if it is
    another user's, or no regular file; OSError if it is not there, or cannot be changed.
    """
    state = os.lstat(path)
    name = shlex.quote(str(path))
    if stat.S_ISLNK(state.st_mode):
        raise NotPrivate(
            f"{path} is a symbolic link, which is not followed: put the file itself there, with "
            f'`cp --remove-destination "$(readlink -f {name})" {name}`'
        )
    if not stat.S_ISREG(state.st_mode):
        raise NotPrivate(f"{path} is not a regular file: remove it with `rm {name}`")
    if state.st_uid != os.geteuid():
        raise NotPrivate(_take(path, state.st_uid))
    return _tighten(path, state, 0o600)


def make_private(folder: Path) -> None:
    """Create a folder, and its missing parents, with mode 0700."""
    if not folder.parent.exists():
        make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def is_own_folder(path: Path) -> bool:
    """Whether it is a folder, no link, that only this user can write to."""
    try:
        state = os.lstat(path)
    except OSError:
        return False
    mine = state.st_uid == os.geteuid() and not state.st_mode & 0o022
    return stat.S_ISDIR(state.st_mode) and mine


def user_name(uid: int) -> str:
    """The name of a user of this machine, in words."""
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the user with id {uid}"


def _check_regular(path: Path, state: os.stat_result) -> None:
    if stat.S_ISREG(state.st_mode):
        return
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFSOCK: "a socket",
    }
    raise NotPrivate(f"{path} is {kinds.get(stat.S_IFMT(state.st_mode), 'no regular file')}")


def _tighten(path: Path, state: os.stat_result, mode: int) -> bool:
    if not state.st_mode & 0o077:
        return False
    try:
        path.chmod(stat.S_IMODE(state.st_mode) & mode)
    except OSError as error:
        if error.errno != errno.EROFS:  # nobody can plant anything there either
            raise
        return False
    return True


def _take(path: Path, owner: int) -> str:
    return (
        f"{path} belongs to {user_name(owner)}, and is not used: run this as that user, "
        f"or take it with `sudo chown -R {os.geteuid()} {shlex.quote(str(path))}`, after "
        "checking that nothing in it is forged"
    )


MOST_LINKS = 40
"""The most links that lead from one to the next, as in Linux."""


class Written(NamedTuple):
    """A file's content; `by_administrator` if root alone wrote it while we are another user."""

    content: bytes
    by_administrator: bool


def read_written(path: Path) -> Written:
    """Read a file that only this user or root can have written; Windows is not checked. Raises
    NotPrivate if another user owns, or may write, it, a link to it or its folder; OSError if it
    cannot be read."""
    if not hasattr(os, "geteuid"):
        return Written(path.read_bytes(), False)
    # Opened once: what is looked at is what is read.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise NotPrivate(f"{path} is not a regular file and is not read: move it away")
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
    raise NotPrivate(f"{path} is a symbolic link that leads back to itself: move it away")


def _check_folder(path: Path) -> None:
    folder = path.parent
    state = os.stat(folder)
    if state.st_uid not in (0, os.geteuid()):
        raise NotPrivate(
            f"{folder} belongs to {user_name(state.st_uid)}, who could replace {path.name}, "
            "so it is not read: move it to a folder of your own, or take over this one with "
            f"`sudo chown {os.geteuid()} {shlex.quote(str(folder))}`"
        )
    if not state.st_mode & stat.S_ISVTX:
        _check_mode(folder, folder, state)


def _check_owner(path: Path, owner: int, take: str) -> None:
    if owner in (0, os.geteuid()):
        return
    raise NotPrivate(
        f"{path} belongs to {user_name(owner)}, and is not read, because it says where "
        f"prompts and keys go: work in another folder, or take it over with `sudo {take} "
        f"{os.geteuid()} "
        f"{shlex.quote(str(path))}`, after checking what it says"
    )


def _check_mode(path: Path, opened: Path | int, state: os.stat_result) -> None:
    """Check that nobody but its owner and this user may write there."""
    others = bool(state.st_mode & stat.S_IWOTH)
    group = bool(state.st_mode & stat.S_IWGRP) and not _is_private_group(opened, state)
    if not (others or group) or os.statvfs(opened).f_flag & os.ST_RDONLY:
        return  # a file system that is mounted for reading, as Kubernetes mounts settings
    who = "everybody" if others else "its group"
    raise NotPrivate(
        f"{path} can be written by {who}, so no settings are read there, because they say "
        f"where prompts and keys go: `chmod go-w {shlex.quote(str(path))}`, after checking "
        "what they say"
    )


def _is_private_group(opened: Path | int, state: os.stat_result) -> bool:
    """Whether the group is that of one user alone, the owner or this one, and its bits mean it.
    Debian, Ubuntu and Red Hat give each user such a group, and files 0664."""
    if _has_access_list(opened):
        return False
    return any(_is_group_of(state.st_gid, uid) for uid in {state.st_uid, os.geteuid()})


def _is_group_of(gid: int, uid: int) -> bool:
    """Whether a group is a user's own: with the user's name and no other known member, or, if a
    container has names for neither, with the user's number."""
    import grp

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
    """Whether the group's bits stand for further users and groups (POSIX ACLs)."""
    try:
        return bool(os.getxattr(opened, "system.posix_acl_access"))
    except (AttributeError, OSError):  # another system, or none there
        return False
