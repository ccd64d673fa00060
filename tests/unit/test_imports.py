"""Tests share through tests/support only: none imports from another test or a conftest."""

import ast
from pathlib import Path

import pytest

from tests.support.paths import ROOT

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
