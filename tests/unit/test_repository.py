"""What is checked about the repository: its imports, installs, release checks and pages."""

import ast
import importlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from smile_trace.errors import ExtraMissing
from tests.support.paths import ROOT
from tools.installs.smoke import SMOKE, STRICT
from tools.release_checks.advisories import read_report
from tools.release_checks.licences import is_allowed, judge
from tools.site.pages import START, pages_of

pytestmark = pytest.mark.thorough

FOLDERS = ("unit", "integration", "e2e")


def imported(path: Path) -> set[str]:
    """The modules that a file names in its imports, those in functions included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level or None] if node.level else ()
            module = ".".join([*package, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "examples"])
def test_helpers_are_imported_from_support_only(folder: str) -> None:
    forbidden = tuple(f"tests.{kind}." for kind in FOLDERS)
    found = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in imported(path)
        if f"{name}.".startswith(forbidden) or name.endswith(".conftest")
    }
    assert sorted(found) == []


def test_support_holds_no_tests() -> None:
    assert [*(ROOT / "tests" / "support").rglob("test_*.py")] == []


NOT_FOR_USERS = {"demo", "dev", "release"}
"""`demo` is three others together; its model and its server are installed by the Makefile."""


def test_every_extra_is_installed_and_run() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    assert extras >= NOT_FOR_USERS
    assert set(SMOKE) - {""} == extras - NOT_FOR_USERS
    assert set(STRICT) <= set(SMOKE)


def test_contract_suites_say_which_extra_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "smile_trace_contracts", raising=False)
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'smile-trace\[testing\]'"):
        importlib.import_module("smile_trace_contracts")


def test_what_is_run_is_python() -> None:
    for extra, code in SMOKE.items():
        compile(code, f"[{extra}]", "exec")


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (report(GOOD), "passed"),
        (report(GOOD, BAD), "failed"),
        (report(UNKNOWN, BAD), "failed"),
        (report(UNKNOWN, UNKNOWN), "not checked"),
        (report(GOOD, UNKNOWN), "not checked"),
        (report(), "not checked"),
        ("", "not checked"),
        ("{}", "not checked"),
    ],
)
def test_advisories(text: str, state: str) -> None:
    assert read_report("pypi", text, "it broke").state == state


def test_a_vulnerability_is_named() -> None:
    assert read_report("pypi", report(BAD)).findings == ("b 1: CVE-1, mended in 2",)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT License", True),
        ("Apache-2.0 OR GPL-2.0-or-later", True),
        ("Apache-2.0 AND GPL-2.0-or-later", False),
        ("(MIT OR GPL-3.0-only) AND ISC", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("GPL-3.0-only", False),
        ("Other/Proprietary License", False),
        ("", False),
    ],
)
def test_licences(licence: str, allowed: bool) -> None:
    assert is_allowed(licence) is allowed


def test_an_exception_has_a_name() -> None:
    outcome = judge([("psycopg_binary", "LGPL-3.0-only"), ("psycopg-other", "LGPL-3.0-only")])
    assert outcome.state == "failed"
    assert outcome.findings == ("psycopg-other: LGPL-3.0-only",)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small one, whose pages say nothing yet."""
    for name in START:
        (tmp_path / name).write_text("")
    for folder in ("docs/images", "deploy", "examples"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def _pages(repository: Path) -> dict[str, str | bytes]:
    files = [path for path in repository.rglob("*") if path.is_file()]
    return pages_of(repository, [str(path.relative_to(repository)) for path in files])


def test_links_lead_to_the_same_places_as_in_the_repository(repository: Path) -> None:
    (repository / "docs/a.md").write_text(
        "[up](../README.md#b) [file](../deploy/run.sh) [folder](../deploy) [e](../examples)\n"
        '<img src="images/x.png"> [out](https://example.org) [here](#c)'
    )
    (repository / "docs/images/x.png").write_bytes(b"\x89PNG")
    (repository / "deploy/run.sh").write_text("echo ```\n")
    (repository / "examples/README.md").write_text("# Examples")
    pages = _pages(repository)
    assert pages["docs/a.md"] == (
        "[up](../README.md#b) [file](../deploy/run.sh.md) [folder](../deploy/index.md) "
        "[e](../examples/README.md)\n"
        '<img src="images/x.png"> [out](https://example.org) [here](#c)'
    )
    assert pages["docs/images/x.png"] == b"\x89PNG"
    assert pages["deploy/run.sh.md"] == "# run.sh\n\n`deploy/run.sh`\n\n````bash\necho ```\n````\n"
    assert pages["deploy/index.md"] == "# deploy\n\n- [run.sh](run.sh.md)"


def test_a_finished_page_stays_one_and_leads_to_what_is_built(repository: Path) -> None:
    (repository / "docs/a.md").write_text("[p](p.html)")
    (repository / "docs/p.html").write_text('<a href="../README.md">up</a> <a href="a.md">a</a>')
    pages = _pages(repository)
    assert pages["docs/a.md"] == "[p](p.html)"
    assert pages["docs/p.html"] == '<a href="../index.html">up</a> <a href="a.html">a</a>'


def test_code_stays_as_it_is(repository: Path) -> None:
    text = "`[a](b.md)` and\n\n```text\n[a](b.md)\n```\n"
    (repository / "docs/a.md").write_text(text)
    assert _pages(repository)["docs/a.md"] == text


def test_a_notebook_is_its_cells(repository: Path) -> None:
    cells = (
        '{"cells": [{"cell_type": "markdown", "source": ["# A\\n", "b"]},'
        ' {"cell_type": "code", "source": ["1 + 1"]}]}'
    )
    (repository / "examples/n.ipynb").write_text(cells)
    (repository / "docs/a.md").write_text("[n](../examples/n.ipynb)")
    assert _pages(repository)["examples/n.ipynb.md"] == "# A\nb\n\n```python\n1 + 1\n```\n"


def test_a_link_to_nothing_is_named(repository: Path) -> None:
    (repository / "docs/a.md").write_text("[n](../nothing.py)")
    with pytest.raises(FileNotFoundError, match=r"docs/a\.md links to \.\./nothing\.py"):
        _pages(repository)
