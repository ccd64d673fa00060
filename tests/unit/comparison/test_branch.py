"""Which prompts a branch changes, found without configuration and without running its code."""

import os
import tracemalloc
from pathlib import Path

import pytest

from smile_trace.comparison.branch import Branch, changed_prompts
from smile_trace.comparison.git import NoBase
from smile_trace.comparison.given_cases import as_calls
from smile_trace.comparison.python_prompts import prompts_in
from tests.support.branches import branched, bringing_a_repository, commit, git

PYTHON = '''
import textwrap
import smile_trace as st
from smile_trace import Prompt as P
from elsewhere import Prompt

RULES = "Be brief. " + "Be kind.\\n"
SUPPORT = P("support", version="1", template=RULES + """{rule}Question: {{question}}""")
TRIAGE = st.Prompt(name="triage", version=2, template=textwrap.dedent("""\\
    Sort this: {{text}}
    """).strip())
OTHER = Prompt("not ours", version="1", template="{rule}")
'''


@pytest.fixture(autouse=True)
def _nobody_s_pull_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_BASE_REF", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)


def found(folder: Path, base: str | None = None, **logged: str) -> Branch:
    names = {template: name for name, template in logged.items()}
    return changed_prompts(folder, base, lambda text: names.get(text.strip()), lambda _: {})


def test_templates_in_python_are_folded_as_python_does() -> None:
    support, triage = prompts_in(PYTHON.format(rule="Always. "))
    assert (support.name, support.template) == (
        "support",
        "Be brief. Be kind.\nAlways. Question: {question}",
    )
    assert (triage.name, triage.template) == ("triage", "Sort this: {text}")


def test_names_that_multiply_are_not_put_together() -> None:
    """2 KB that stand for 60⁸ texts."""
    names = "".join(f"A{k + 1} = {' + '.join([f'A{k}'] * 60)}\n" for k in range(8))
    made = 'Prompt("p", version="1", template=A8)\nPrompt("q", version="1", template="Hi")\n'
    found = prompts_in(f"from smile_trace import Prompt\nA0 = ''\n{names}{made}")
    assert [(one.name, one.template) for one in found] == [("p", None), ("q", "Hi")]


def test_prompts_in_python_are_paired_by_name(tmp_path: Path) -> None:
    """Also where they move to another file; what cannot be read is said."""
    more = (
        'NEW = P("new", version="1", template="Hello {{name}}")\n'
        'F = P("f", version="1", template=f"{{RULES}}")\n'
        'G = P("g", version="1", template=OTHER.template)\n'
        'H = P(RULES[2:], version="1", template="Hello")\n'
        'def made(SUPPORT): return P("made", version="1", template=SUPPORT)\n'
        'I = P("half", version="1", template="\\ud800")\n'
    )
    gone = 'from smile_trace import Prompt\nOLD = Prompt("old", version="1", template="Bye")\n'
    before = {"app.py": PYTHON.format(rule=""), "gone.py": gone, "bad.py": "x = 1"}
    after = {
        "app.py": None,
        "gone.py": None,
        "lib/moved.py": (PYTHON + more).format(rule="Never lie. "),
        "bad.py": "x = (",
        "raises.py": "raise SystemExit('it was run')",
    }
    branch = found(branched(tmp_path / "r", before, after))
    assert branch.base == "origin/main"
    [one] = branch.prompts
    assert (one.name, one.file) == ("support", "lib/moved.py")
    assert "Never lie" in one.after
    assert "Never lie" not in one.before
    said = "\n".join(branch.notes)
    for expected in (
        "new is new (lib/moved.py)",
        "old was deleted (gone.py)",
        "f (lib/moved.py, line 14) was not read: its template is an f-string",
        "g (lib/moved.py, line 15) was not read: its template is OTHER.template, which",
        "a prompt (lib/moved.py, line 16) was not read: its name is not written as a string",
        "made (lib/moved.py, line 17) was not read: its template is SUPPORT, which",
        "half (lib/moved.py, line 18) was not read",
        "bad.py was not read: it is not valid in this release of Python (line 1)",
    ):
        assert expected in said


def test_files_of_text(tmp_path: Path) -> None:
    """Those with cases beside them, and those that are a logged template; no others, and no link
    out of the repository."""
    before = {
        "prompts/triage.txt": "Sort {text}\n",
        "prompts/triage.cases.jsonl": "{}\n",
        "prompts/link.md": "Old {text}",
        "prompts/link.cases.jsonl": "{}\n",
        "prompts/a.cases.jsonl": "{}\n",
        "prompts/lonely.txt": "Ask {text}\n",
        "texts/hello.md": "Greet {name}.\n",
        "notes.txt": "a",
        "image.txt": "b",
    }
    folder = branched(tmp_path / "r", before, {"prompts/triage.txt": "Sort {text} now\n"})
    changed = {"texts/hello.md": "Greet {name} warmly.\n", "notes.txt": "b", "image.txt": "\0"}
    commit(folder, {**changed, "prompts/lonely.txt": "Say {text}", "prompts/a.cases.jsonl": None})
    (folder / "prompts" / "link.md").unlink()
    os.symlink("/etc/passwd", folder / "prompts" / "link.md")
    branch = found(folder, greeting="Greet {name}.")
    assert [(one.name, one.before, one.after) for one in branch.prompts] == [
        ("triage", "Sort {text}", "Sort {text} now"),
        ("greeting", "Greet {name}.", "Greet {name} warmly."),
    ]
    assert branch.notes == [
        "prompts/a.cases.jsonl was deleted: only logged calls can be asked",
        "prompts/link.md is a link, which is not followed",
        "prompts/lonely.txt was not checked: none of the newest 2,000 logged calls sends its "
        "text, and there is no lonely.cases.jsonl beside it",
    ]
    assert branch.unchecked == ["prompts/lonely.txt"]


def test_a_repository_among_the_files_is_not_used(tmp_path: Path) -> None:
    """Its settings name a program that git would run."""
    folder = bringing_a_repository(tmp_path, tmp_path / "ran")
    with pytest.raises(NoBase, match="bare repository"):
        found(folder / "app", base="HEAD")
    assert not (tmp_path / "ran").exists()


def test_files_of_one_name_in_several_folders(tmp_path: Path) -> None:
    """Are told apart by their folders."""
    names = [f"{place}/hello.{end}" for place in ("de", "en") for end in ("txt", "cases.jsonl")]
    before = dict.fromkeys(names, "{}")
    branch = found(branched(tmp_path / "r", before, {"en/hello.txt": "Say {hello}"}))
    assert [one.name for one in branch.prompts] == ["en/hello"]
    assert branch.cases["en/hello"] == branch.root / "en" / "hello.cases.jsonl"


def test_cases_that_would_be_too_long_are_left_out() -> None:
    """A terabyte, of a template of one megabyte and a case of four."""
    templates = "Hi {a}", "{a}" * 300_000
    cases = [{"a": "x" * 4_000_000}, {"a": "y"}]
    [one] = as_calls("p", cases, templates, "m", {})
    assert one.messages[0].content == "Hi y"
    assert as_calls("p", cases, templates[::-1], "m", {})[0].messages[0].content == "y" * 300_000


def test_versions_of_a_registry(tmp_path: Path) -> None:
    """Without its address it is said that they were not compared."""
    before = {
        "app.toml": 'a = "prompts:/hours/1"\nb = "prompts:/same/4"',
        "app.py": "'prompts:/x/1'",
    }
    after = {
        "app.toml": 'a = "prompts:/hours/3"\nb = "prompts:/same/4"',
        "app.py": "'prompts:/x/1' ",
    }
    branch = found(branched(tmp_path / "r", before, after))
    [note] = branch.notes
    assert note == (
        "hours (prompts:/hours/3) was not read: set MLFLOW_TRACKING_URI to the server that has it"
    )


def test_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The common commit with the pull request's target, whatever that gained since."""
    files = {"a.txt": "One {x}", "a.cases.jsonl": "{}"}
    folder = branched(tmp_path / "r", files, {"a.txt": "Two {x}"})
    origin = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(tmp_path / "r-origin.git"), "other")
    commit(origin, {"a.txt": "Three {x}"})
    git(origin, "push", "-q", "origin", "HEAD:main", "HEAD:next")
    git(folder, "fetch", "-q")
    monkeypatch.setenv("GITHUB_BASE_REF", "next")
    branch = found(folder)
    assert branch.base == "origin/next"
    assert [one.before for one in branch.prompts] == ["One {x}"]
    assert found(folder, base="HEAD").prompts == []
    for wrong in ("--output=x", "nowhere"):
        with pytest.raises(NoBase, match="give --base REVISION"):
            found(folder, base=wrong)
    monkeypatch.delenv("GITHUB_BASE_REF")
    git(folder, "switch", "-q", "-C", "main", "origin/main")
    assert found(folder).base == "HEAD~1", "on the default branch itself"
    alone = branched(tmp_path / "alone", files, {"a.txt": "Two {x}"}, push=False)
    commit(alone, {"notes.txt": "later"})
    assert found(alone).base == "main", "without a remote"
    with pytest.raises(NoBase, match="not in a git repository"):
        found(tmp_path)


def test_a_large_branch_is_read_file_by_file(tmp_path: Path) -> None:
    megabytes = {f"{k}.txt": f"{k}" * 450_000 for k in range(10, 30)}
    old = {"p.txt": "Old.", "p.cases.jsonl": "{}\n", **dict.fromkeys(megabytes, "small")}
    folder = branched(tmp_path / "r", old, {"p.txt": "New.", **megabytes, "z.txt": "z" * 1_100_000})
    tracemalloc.start()
    try:
        [prompt] = found(folder).prompts
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (prompt.before, prompt.after) == ("Old.", "New.")
    assert most < 10_000_000


def test_calls_within_calls_take_no_square_of_their_length() -> None:
    within = 'Prompt("a", template=[' + "1," * 20_000 + "])"
    for _ in range(80):
        within = f"Prompt({within})"
    found = prompts_in(f"from smile_trace import Prompt\n{within}\n")
    assert len(found) == 81
    assert sum(len(one.same) for one in found) < 22_000_000
