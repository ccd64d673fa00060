"""Files and folders that are this user's alone.

What is ours and open to others is tightened; what belongs to somebody else, or is no plain file
or folder, is refused with the command that mends it. Nothing here follows a link or waits for the
other end of a pipe. Standard library only: capture needs it, too.
"""

import errno
import os
import pwd
import shlex
import stat
from pathlib import Path


class NotPrivate(OSError):
    """A file or folder is not this user's, or is no plain one; the message says what to do."""


def open_regular(path: Path, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """A descriptor of a regular file, without following a link or waiting for a pipe.

    Raises:
        NotPrivate: it is something else: a link, a pipe, a device, a socket.
        OSError: it cannot be opened; a folder is one, too.
    """
    try:
        state = os.lstat(path)
    except FileNotFoundError:
        pass
    else:  # asked before, because opening a device may do something
        _check_regular(path, state)
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
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


def open_own(path: Path, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """As `open_regular`, of a file that belongs to this user.

    Raises:
        NotPrivate: also where it belongs to another user.
        OSError: it cannot be opened.
    """
    descriptor = open_regular(path, flags, mode)
    owner = os.fstat(descriptor).st_uid
    if owner != os.geteuid():
        os.close(descriptor)
        raise NotPrivate(f"{path} belongs to {user_name(owner)}")
    return descriptor


def tighten_folder(path: Path) -> bool:
    """Take a folder of this user's from everybody else; True where it was open to others.

    Raises:
        NotPrivate: it is another user's, or no folder.
        OSError: it is not there, or cannot be changed.
    """
    link, state = os.lstat(path), os.stat(path)
    for one in (link, state):
        if one.st_uid != os.geteuid():
            raise NotPrivate(_take(path, one.st_uid))
    if not stat.S_ISDIR(state.st_mode):
        raise NotPrivate(f"{path} is no folder: move it away")
    return _tighten(path, state, 0o700)


def tighten_file(path: Path) -> bool:
    """Take a file of this user's from everybody else; True where it was open to others.

    It is never opened: closing it would end SQLite's locks on it.

    Raises:
        NotPrivate: it is another user's, or no regular file.
        OSError: it is not there, or cannot be changed.
    """
    state = os.lstat(path)
    name = shlex.quote(str(path))
    if stat.S_ISLNK(state.st_mode):
        raise NotPrivate(
            f"{path} is a symbolic link, which is not followed: put the file itself there, with "
            f'`cp --remove-destination "$(readlink -f {name})" {name}`'
        )
    if not stat.S_ISREG(state.st_mode):
        raise NotPrivate(f"{path} is no regular file: remove it with `rm {name}`")
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
        f"{path} belongs to {user_name(owner)}, and is not used: run the worker as that user, "
        f"or take it with `sudo chown -R {os.geteuid()} {shlex.quote(str(path))}`, once you have "
        "seen that nothing in it is forged"
    )
