"""Settings files that others wrote, or may write, are not read."""

import grp
import os
import pwd
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from smile_trace._guards import private_files
from smile_trace._guards.private_files import NotPrivate, read_written
from smile_trace.settings import Settings, SettingsError
from smile_trace.ship.settings import read_settings

TEXT = "[sampling]\nrate = 0.5\n"


@pytest.fixture
def file(shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of this user in a folder of this user, in one that is everybody's."""
    folder = shared_folder / "work"
    folder.mkdir(mode=0o755)
    path = folder / "smile_trace.toml"
    path.write_text(TEXT)
    path.chmod(0o644)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(shared_folder / "home"))
    return path


def owned(path: Path, uid: int) -> None:
    os.chown(path, uid, -1, follow_symlinks=False)


def linked(path: Path, uid: int, owner_of_link: int) -> None:
    """The file behind a link; each with its owner."""
    target = path.with_name("target.toml")
    path.rename(target)
    path.symlink_to(target)
    owned(target, uid)
    owned(path, owner_of_link)


PLANTED: dict[str, Callable[[Path, int], object]] = {
    "another user's file": owned,
    "another user's folder": lambda path, other: owned(path.parent, other),
    "another user's link to a file of ours": lambda path, other: linked(path, 0, other),
    "our link to another user's file": lambda path, other: linked(path, other, 0),
    "a file that everybody may write": lambda path, _: path.chmod(0o646),
    "a file that a group may write": lambda path, _: (os.chown(path, -1, 100), path.chmod(0o664)),
    "a folder that everybody may write": lambda path, _: path.parent.chmod(0o777),
    "a folder that a group may write": lambda path, _: (
        os.chown(path.parent, -1, 100),
        path.parent.chmod(0o775),
    ),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
@pytest.mark.parametrize("read", [Settings, read_settings], ids=["settings", "ship"])
def test_what_others_can_have_written_is_refused_with_what_mends_it(
    planted: Callable[[Path, int], object], read: Callable[[], object], file: Path, other: int
) -> None:
    planted(file, other)
    with pytest.raises(SettingsError) as caught:
        read()
    said = str(caught.value)
    assert str(file.parent) in said
    assert "`sudo chown" in said or "`chmod go-w" in said
    assert "\n" not in said
    if "chown" in said:
        assert pwd.getpwuid(other).pw_name in said


def test_the_command_that_is_named_mends_it(file: Path, other: int) -> None:
    owned(file, other)
    file.chmod(0o666)
    for _ in range(2):
        with pytest.raises(NotPrivate) as caught:
            read_written(file)
        match shlex.split(str(caught.value).split("`")[1]):
            case ["sudo", "chown", uid, named]:
                owned(Path(named), int(uid))
            case ["chmod", "go-w", named]:
                Path(named).chmod(0o644)
            case command:
                pytest.fail(f"{command} mends nothing")
    assert read_written(file).content.decode() == TEXT


def test_a_file_of_this_user_is_read_also_in_a_sticky_folder(
    shared_folder: Path, file: Path
) -> None:
    (shared_folder / "smile_trace.toml").write_text(TEXT)
    assert read_written(shared_folder / "smile_trace.toml").content.decode() == TEXT
    assert Settings().sampling.rate == 0.5


class Names(SimpleNamespace):
    """The users and groups of a machine: user 1000 is ann, and everybody's group is 100."""

    users: dict[int, tuple[str, int]]
    groups: dict[int, tuple[str, list[str]]]

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def entry(uid: int) -> SimpleNamespace:
            name, gid = self.users[uid]
            return SimpleNamespace(pw_name=name, pw_gid=gid)

        def group(gid: int) -> SimpleNamespace:
            name, members = self.groups[gid]
            return SimpleNamespace(gr_name=name, gr_mem=members)

        monkeypatch.setattr(pwd, "getpwuid", entry)
        monkeypatch.setattr(pwd, "getpwall", lambda: [entry(uid) for uid in self.users])
        monkeypatch.setattr(grp, "getgrgid", group)


@pytest.mark.parametrize(
    ("users", "groups", "private"),
    [
        ({1000: ("ann", 1000)}, {1000: ("ann", [])}, True),
        ({1000: ("ann", 1000)}, {1000: ("ann", ["ann"])}, True),
        ({}, {}, True),  # a container that knows neither
        ({1000: ("ann", 1000)}, {1000: ("ann", ["bob"])}, False),
        ({1000: ("ann", 1000), 1001: ("bob", 1000)}, {1000: ("ann", [])}, False),
        ({1000: ("ann", 1000)}, {1000: ("staff", [])}, False),  # who else is in it need not show
        ({1000: ("ann", 1000)}, {}, False),
        ({}, {1000: ("staff", [])}, False),
    ],
)
def test_a_group_is_private_that_has_the_users_name_and_nobody_else(
    users: dict[int, tuple[str, int]],
    groups: dict[int, tuple[str, list[str]]],
    private: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Names(users=users, groups=groups).use(monkeypatch)
    assert private_files._is_group_of(1000, 1000) is private


def test_files_of_umask_002_are_read(file: Path) -> None:
    """As Debian, Ubuntu and Red Hat make them: 0664, of the group of the user's name."""
    file.chmod(0o664)
    file.parent.chmod(0o775)
    if grp.getgrgid(file.stat().st_gid).gr_name != pwd.getpwuid(os.geteuid()).pw_name:
        pytest.skip("this user has no group of its own")
    assert read_written(file).content.decode() == TEXT


def test_an_access_list_says_that_the_groups_bits_are_others(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.chmod(0o664)
    monkeypatch.setattr(private_files, "_is_group_of", lambda *_: True)
    monkeypatch.setattr(os, "getxattr", lambda *_: b"a list")
    with pytest.raises(NotPrivate, match="chmod go-w"):
        read_written(file)


def test_a_file_that_is_exchanged_meanwhile_is_not_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = private_files._check_owner

    def exchanged(path: Path, *rest: object) -> None:
        path.rename(path.with_name("before"))
        path.write_text("[sampling]\nrate = 1.0\n")
        monkeypatch.setattr(private_files, "_check_owner", check)

    monkeypatch.setattr(private_files, "_check_owner", exchanged)
    with pytest.raises(NotPrivate, match="replaced while it was read"):
        read_written(file)


def test_settings_on_a_file_system_for_reading_are_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes mounts them so, in a folder of root's with mode 0777, behind two links."""
    data = file.parent / "..2026"
    data.mkdir(mode=0o777)
    data.chmod(0o777)
    file.rename(data / file.name)
    (file.parent / "..data").symlink_to(data.name)
    file.symlink_to(f"..data/{file.name}")
    file.parent.chmod(0o777)
    with pytest.raises(NotPrivate):
        read_written(file)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    assert read_written(file).content.decode() == TEXT
