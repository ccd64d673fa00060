"""The prompts that a branch changes, without configuration: Python's `Prompt(…)`, files of text
that are a prompt's template or have cases beside them, and versions of MLflow's registry."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath

from smile_trace._guards.presentable import presentable
from smile_trace.comparison.git import (
    ChangedFile,
    GitFailed,
    NoBase,
    base_of,
    changed_files,
    earlier_texts,
    said,
    working_text,
)
from smile_trace.comparison.python_prompts import NotPython, prompts_in
from smile_trace.comparison.sent_texts import MOST_READ, Sent
from smile_trace.errors import SmileTraceError
from smile_trace.sources.protocol import GROUP

CASES = ".cases.jsonl"
_REGISTERED = re.compile(r"prompts:/([\w.-]{1,200})/(\d{1,9})(?!\w)")
_NAMING = {".py", ".toml", ".yaml", ".yml"}
"""Endings of files in which versions of the registry are named."""
_TEXTS = {".txt", ".md", ".j2", ".jinja", ".jinja2", ".prompt"}
"""Endings of files that hold a template."""
LONGEST, MOST_FILES = 100_000, 200
"""Characters of a template, and files beside the changed ones that calls may send."""


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
    common one; `notes`: sentences on what was not read; `unchecked`: files of changed prompts
    of which nothing could be asked; `cases`: files of cases by prompt; `sent`: calls by prompt that
    send its file."""

    root: Path
    base: str
    commit: str
    prompts: list[ChangedPrompt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    cases: dict[str, Path] = field(default_factory=dict)
    sent: Mapping[str, Sent] = field(default_factory=dict)


class _Found(dict[str, dict[str, str]]):
    """By prompt its templates (or addresses), each with its file."""

    def add(self, name: str, template: str, file: str) -> None:
        self.setdefault(name, {})[template] = file


def changed_prompts(
    folder: Path,
    base: str | None,
    logged: Callable[[str], str | None],
    sent: Callable[[Mapping[str, Iterable[str]]], Mapping[str, Sent]],
) -> Branch:
    """Find the prompts that differ between the last common commit with `base` and the files of the
    repository that holds `folder`; `logged` names the prompt that has a template in the store,
    `sent` finds the calls there that send one of the texts of a file. Raises NoBase."""
    try:
        root = Path(said(folder, "rev-parse", "--show-toplevel"))
    except GitFailed as error:
        raise NoBase(f"{folder} is not in a git repository that can be read: {error}") from None
    branch = Branch(root, *base_of(root, base))
    listed = said(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    paths, unknown = listed.split("\0"), dict[str, ChangedFile]()
    cases = [path.removesuffix(CASES) for path in paths if path.endswith(CASES)]
    stems = Counter(PurePosixPath(path).name for path in cases)
    for path in cases:
        stem = PurePosixPath(path).name
        branch.cases[stem if stems[stem] == 1 else path] = root / f"{path}{CASES}"
    before, after, old, new = _Found(), _Found(), _Found(), _Found()
    for file in changed_files(root, branch.commit):
        _read_addresses(file, old, new)
        if file.is_link and PurePosixPath(file.path).stem in branch.cases:
            branch.notes.append(f"{file.path} is a link, which is not followed")
        elif file.path.endswith(".py"):
            _read_python(branch, file, before, after)
        elif file.path.endswith(CASES):
            if file.after is None:
                branch.notes.append(f"{file.path} was deleted: only logged calls can be asked")
        else:
            name = _named(branch, file, logged)
            for side, text in ((before, file.before), (after, file.after)):
                if name is not None and text is not None:
                    side.add(name, text.removesuffix("\n"), file.path)
            if _may_be_sent(file) and not logged(file.before or ""):
                stem = PurePosixPath(file.path).stem
                free = stem not in unknown and stem not in branch.cases
                unknown[name or (stem if free else file.path)] = file
    branch.sent = sent(_texts(root, unknown, paths)) if unknown else {}
    for name, file in unknown.items():
        wanted = PurePosixPath(file.path).with_suffix(CASES).name
        if name in branch.sent and name not in branch.cases:
            before.add(name, (file.before or "").strip(), file.path)
            after.add(name, (file.after or "").strip(), file.path)
        elif name not in branch.cases and _is_prompt(file.path):
            branch.unchecked.append(file.path)
            branch.notes.append(
                f"{file.path} was not checked: none of the newest {MOST_READ:,} logged calls sends "
                f"its text, and there is no {wanted} beside it"
            )
    branch.prompts += _paired(branch, before, after)
    known = {prompt.name for prompt in branch.prompts}
    branch.prompts += (one for one in _registered(branch, old, new) if one.name not in known)
    return branch


# -- what the files hold --------------------------------------------------------------------------


def _read_python(branch: Branch, file: ChangedFile, before: _Found, after: _Found) -> None:
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


def _named(branch: Branch, file: ChangedFile, logged: Callable[[str], str | None]) -> str | None:
    """The prompt whose template a changed file of text is; None if it is not one."""
    whole = PurePosixPath(file.path).with_suffix("")
    for name in (whole.name, str(whole)):  # the latter where several folders have such a file
        if branch.cases.get(name) == branch.root / f"{whole}{CASES}":
            return name
    return None if file.before is None else logged(file.before)


def _is_prompt(path: str) -> bool:
    """Whether a file of text is a prompt by its name or a folder's."""
    file = PurePosixPath(path.lower())
    return "prompt" in str(file) and file.suffix in _TEXTS and file.stem != "readme"


def _may_be_sent(file: ChangedFile) -> bool:
    """Whether a changed file may be a template."""
    longest = max(len(file.before or ""), len(file.after or ""))
    named = PurePosixPath(file.path.lower()).suffix in _TEXTS
    return bool(file.before and file.after) and named and longest <= LONGEST


def _texts(
    root: Path, files: Mapping[str, ChangedFile], paths: Iterable[str]
) -> dict[str, list[str]]:
    """What calls may send: of changed files the texts of all versions, of other prompts, by path,
    that of now."""
    texts = {name: [one.before or "", one.after or ""] for name, one in files.items()}
    names = {one.path: name for name, one in files.items()}
    for path, text in earlier_texts(root, names):
        texts[names[path]].append(text)
    others = [path for path in paths if _is_prompt(path) and path not in names][:MOST_FILES]
    return {path: [working_text(root / path) or ""] for path in others} | texts


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


def _read_addresses(file: ChangedFile, before: _Found, after: _Found) -> None:
    if PurePosixPath(file.path).suffix in _NAMING:
        for side, text in ((before, file.before), (after, file.after)):
            for found in _REGISTERED.finditer(text or ""):
                side.add(found[1], found[0], file.path)


def _registered(branch: Branch, before: _Found, after: _Found) -> Iterator[ChangedPrompt]:
    """The prompts of the registry of which another version is named."""
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
