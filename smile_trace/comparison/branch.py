"""The prompts that a branch changes, without configuration: Python's `Prompt(…)`, files of text
that are a prompt's template or have cases beside them, and versions of MLflow's registry."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from smile_trace._guards.presentable import presentable
from smile_trace.comparison.git import GitFailed, git, said
from smile_trace.comparison.python_prompts import NotPython, prompts_in
from smile_trace.errors import SmileTraceError
from smile_trace.sources.protocol import GROUP

CASES = ".cases.jsonl"
MOST_BYTES = 1_000_000
"""A larger file is not read."""
_REGISTERED = re.compile(r"prompts:/([\w.-]{1,200})/(\d{1,9})(?!\w)")
_NAMING = {".py", ".toml", ".yaml", ".yml"}
"""Endings of files in which versions of the registry are named."""
_FILE = re.compile(rb":(\d+) (\d+) (\w+) (\w+) \w\0([^\0]+)\0")
_ORDINARY = {b"100644", b"100755", b"000000"}


class NoBase(SmileTraceError):
    """It is not known what the branch is compared with; the message says what to do."""


@dataclass(frozen=True)
class ChangedPrompt:
    """A prompt's templates at the base and on the branch, and the file that has the latter."""

    name: str
    before: str
    after: str
    file: str


@dataclass
class Branch:
    """What a branch changes. `base`: a revision as people call it, of which `commit` is the last
    common one; `notes`: sentences on what was not read; `cases`: files of cases by prompt."""

    root: Path
    base: str
    commit: str
    prompts: list[ChangedPrompt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cases: dict[str, Path] = field(default_factory=dict)


class _File(NamedTuple):
    """A changed file; a side is None where it is not there, or nothing that is read."""

    path: str
    before: str | None
    after: str | None


class _Found(dict[str, dict[str, str]]):
    """By prompt its templates (or addresses), each with its file."""

    def add(self, name: str, template: str, file: str) -> None:
        self.setdefault(name, {})[template] = file


def changed_prompts(folder: Path, base: str | None, logged: Callable[[str], str | None]) -> Branch:
    """Find the prompts that differ between the last common commit with `base` and the files of the
    repository that holds `folder`; `logged` names the prompt that has a template in the store.

    `base` is by default the target of the pull request (GITHUB_BASE_REF), else origin's default
    branch, or the commit before where that is the branch itself. Raises NoBase.
    """
    try:
        root = Path(said(folder, "rev-parse", "--show-toplevel"))
    except GitFailed as error:
        raise NoBase(f"{folder} is in no git repository that can be read: {error}") from None
    branch = Branch(root, *_base(root, base))
    listed = said(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for path in filter(lambda path: path.endswith(CASES), listed.split("\0")):
        branch.cases.setdefault(PurePosixPath(path).name.removesuffix(CASES), root / path)
    before, after, files = _Found(), _Found(), list(_changed_files(branch))
    for file in files:
        if file.path.endswith(".py"):
            _read_python(branch, file, before, after)
        elif file.path.endswith(CASES):
            continue
        elif (name := _named(branch, file, logged)) is not None:
            for side, text in ((before, file.before), (after, file.after)):
                if text is not None:
                    side.add(name, text.removesuffix("\n"), file.path)
    branch.prompts += _paired(branch, before, after)
    known = {prompt.name for prompt in branch.prompts}
    branch.prompts += (one for one in _registered(branch, files) if one.name not in known)
    return branch


# -- git ------------------------------------------------------------------------------------------


def _base(root: Path, wanted: str | None) -> tuple[str, str]:
    target = os.environ.get("GITHUB_BASE_REF")
    named = wanted or (f"origin/{target}" if target else None)
    why = ""
    for ref in [named] if named else ["origin/HEAD", "HEAD~1"]:
        try:
            if ref.startswith("-"):
                raise GitFailed("that is not a revision")
            commit = said(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
            common = said(root, "merge-base", commit, "HEAD")
            if named or _differs(root, common):
                return _called(root, ref), common
        except GitFailed as error:
            why = f" ({ref}: {error or 'it has no commit in common with HEAD'})"
    raise NoBase(
        f"there is nothing to compare the branch with{why}: give --base REVISION, or fetch the "
        "history (actions/checkout with fetch-depth: 0)"
    )


def _differs(root: Path, commit: str) -> bool:
    return bool(git(root, "diff", "--raw", "--ignore-submodules", commit, "--"))


def _called(root: Path, ref: str) -> str:
    return said(root, "rev-parse", "--abbrev-ref", ref) if ref == "origin/HEAD" else ref


def _changed_files(branch: Branch) -> Iterator[_File]:
    """The files that changed since the base. A link is not followed: it may lead out of the
    repository."""
    root = branch.root
    raw = git(
        root, "diff", "--raw", "-z", "--no-renames", "--no-abbrev", "--ignore-submodules",
        branch.commit, "--",
    )  # fmt: skip
    changed = list[tuple[list[bytes], bytes, bytes, str]]()
    for *modes, old, new, name in _FILE.findall(raw):
        path = name.decode(errors="surrogateescape")
        if set(modes) <= _ORDINARY:
            changed.append((modes, old, new, path))
        elif PurePosixPath(path).stem in branch.cases:
            branch.notes.append(f"{path} is a link, which is not followed")
    blobs = {blob for _, old, new, _ in changed for blob in (old, new) if blob.strip(b"0")}
    texts = _blobs(root, blobs)
    for modes, old, new, path in changed:
        now = texts.get(new) if new.strip(b"0") or modes[1] == b"000000" else _working(root / path)
        yield _File(path, texts.get(old), now)


def _working(file: Path) -> str | None:
    """A file's text as it is in the working tree, which git has not hashed yet."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size > MOST_BYTES:
        return None
    return _text(file.read_bytes())


def _blobs(root: Path, ids: Iterable[bytes]) -> dict[bytes, str | None]:
    """The texts of git's objects by id; None for what is no UTF-8 text."""
    asked = b"".join(one + b"\n" for one in ids)
    sizes = git(root, "cat-file", "--batch-check=%(objectname) %(objectsize)", given=asked)
    small = [one.split() for one in sizes.splitlines()]
    wanted = b"".join(one[0] + b"\n" for one in small if int(one[1]) <= MOST_BYTES)
    out, at, found = (
        git(root, "cat-file", "--batch=%(objectname) %(objectsize)", given=wanted),
        0,
        {},
    )
    while at < len(out):
        head = out.index(b"\n", at)
        blob, size = out[at:head].split()
        found[blob] = _text(out[head + 1 : head + 1 + int(size)])
        at = head + 2 + int(size)
    return found


def _text(raw: bytes) -> str | None:
    try:
        return None if b"\0" in raw else raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None


# -- what the files hold --------------------------------------------------------------------------


def _read_python(branch: Branch, file: _File, before: _Found, after: _Found) -> None:
    try:
        old, new = (prompts_in(text or "") for text in (file.before, file.after))
    except NotPython as error:
        branch.notes.append(f"{file.path} was not read: {error}")
        return
    for side, written in ((before, old), (after, new)):
        for one in written:
            if one.template is not None:
                side.add(one.name, one.template, file.path)
    known = {one.same for one in old}
    for one in new:
        if one.template is None and one.same not in known:
            where = f"{file.path}, line {one.line}"
            branch.notes.append(f"{one.name} ({where}) was not read: {one.why}")


def _named(branch: Branch, file: _File, logged: Callable[[str], str | None]) -> str | None:
    """The prompt whose template a changed file of text is; None if it is not one."""
    stem = PurePosixPath(file.path).stem
    if (cases := branch.cases.get(stem)) and cases.parent == (branch.root / file.path).parent:
        return stem
    return None if file.before is None else logged(file.before.removesuffix("\n"))


def _paired(branch: Branch, before: _Found, after: _Found) -> Iterator[ChangedPrompt]:
    """The prompts with a template that is in the files of one side only. Of several, those that
    are written last are compared."""
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, {}), after.get(name, {})
        gone, come = [one for one in old if one not in new], [one for one in new if one not in old]
        if not old and come:
            branch.notes.append(f"{name} is new ({new[come[-1]]}): nothing to compare it with")
        elif gone and not new:
            branch.notes.append(f"{name} was deleted ({old[gone[-1]]})")
        elif come:
            if len(come) > 1:
                branch.notes.append(f"{name} has {len(come)} new templates: the last is compared")
            yield ChangedPrompt(name, (gone or [*old])[-1], come[-1], new[come[-1]])


def _registered(branch: Branch, files: Iterable[_File]) -> Iterator[ChangedPrompt]:
    """The prompts of the registry of which another version is named."""
    before, after = _Found(), _Found()
    for file in files:
        if PurePosixPath(file.path).suffix in _NAMING:
            for side, text in ((before, file.before), (after, file.after)):
                for found in _REGISTERED.finditer(text or ""):
                    side.add(found[1], found[0], file.path)
    for one in _paired(branch, before, after):
        try:
            yield ChangedPrompt(one.name, _loaded(one.before), _loaded(one.after), one.file)
        except Exception as error:  # noqa: BLE001  whatever a registry's client raises
            branch.notes.append(f"{one.name} ({one.after}) was not read: {presentable(error)}")


def _loaded(address: str) -> str:
    """The template of an address of MLflow's registry, by the package that reads MLflow. Without
    an address of a server MLflow would make a database here."""
    if not {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"} & os.environ.keys():
        raise SmileTraceError("set MLFLOW_TRACKING_URI to the server that has it")
    for entry in entry_points(group=GROUP, name="mlflow"):
        template: str = import_module(entry.module).load_prompt(address).template
        return template
    raise SmileTraceError("the package smile_trace_mlflow is not installed")
