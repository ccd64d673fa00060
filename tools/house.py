"""`python -m tools.house`: the house in figures, and the picture of its packages.

A package is a folder of `smile_trace`, a module that stands beside them, or one of its own. Its
floor is one above the highest that it imports; packages that import each other in a circle share a
floor. `--write` puts the picture into docs/architecture.md, and a test holds that it is there.
"""

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- made by `python -m tools.house --write` -->\n```text\n", "```\n<!-- end -->"
SMALL = 100
"""Lines of a file that is small."""
FOLDER = 15
"""Files that a folder may have."""

Arrows = Mapping[str, frozenset[str]]
"""The packages that each package imports."""


class Module(NamedTuple):
    """A file: its dotted name, its folder, its text and its syntax."""

    name: str
    folder: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """Lines of the file."""
        return self.text.count("\n")

    @property
    def definitions(self) -> int:
        """Functions and classes at the top of the module."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return sum(isinstance(statement, kinds) for statement in self.tree.body)

    @property
    def docstring_lines(self) -> int:
        """Lines of docstrings, those under a constant included."""
        alone = [node for node in ast.walk(self.tree) if isinstance(node, ast.Expr)]
        texts = [n for n in alone if isinstance(getattr(n.value, "value", None), str)]
        return sum((n.end_lineno or n.lineno) - n.lineno + 1 for n in texts)

    def imported(self, *, types: bool) -> Iterator[str]:
        """Dotted names of what is imported, wherever in the file: `a.b` of `from a import b`.

        Args:
            types: also what is imported for types alone (`if TYPE_CHECKING`).
        """
        for node in _walk(self.tree, types):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


class House:
    """The code of a checkout.

    Args:
        root: the checkout.
        types: count imports for types alone, too; the linter does not, and nothing runs them.
    """

    def __init__(self, root: Path = ROOT, *, types: bool = False) -> None:
        self.modules = [*_modules(root)]
        self._types = types

    @cached_property
    def arrows(self) -> Arrows:
        """The packages that each one imports, but for `smile_trace` itself."""
        arrows: dict[str, set[str]] = {package_of(module.name): set() for module in self.modules}
        for module in self.modules:
            package = package_of(module.name)
            for name in module.imported(types=self._types):
                other = package_of(name)
                if other in arrows and other not in (package, "smile_trace"):
                    arrows[package].add(other)
        return {package: frozenset(others) for package, others in arrows.items()}

    @cached_property
    def circles(self) -> list[list[str]]:
        """Packages that import each other."""
        above = {package: reachable(self.arrows, package) for package in self.arrows}
        together = {
            tuple(sorted({package} | {o for o in above[package] if package in above[o]}))
            for package in self.arrows
        }
        return [list(packages) for packages in sorted(together) if len(packages) > 1]

    @cached_property
    def floors(self) -> dict[str, int]:
        """The floor of each package, counted from 0."""
        circle = {package: frozenset(packages) for packages in self.circles for package in packages}
        floors: dict[str, int] = {}

        def floor(package: str) -> int:
            if package not in floors:
                packages = circle.get(package, frozenset((package,)))
                below = {other for one in packages for other in self.arrows[one]} - packages
                height = max((floor(other) + 1 for other in below), default=0)
                floors.update(dict.fromkeys(packages, height))
            return floors[package]

        return {package: floor(package) for package in self.arrows}

    def figures(self) -> dict[str, str]:
        """What is counted, in words, and how much it is."""
        lines = sum(module.lines for module in self.modules)
        doc = sum(module.docstring_lines for module in self.modules)
        count = len(self.modules)
        folders = Counter(module.folder for module in self.modules)
        full = sorted(f"{name} ({n})" for name, n in folders.items() if n > FOLDER)
        alone = sum(module.definitions == 1 for module in self.modules)
        small = sum(module.lines <= SMALL for module in self.modules)
        return {
            "lines": f"{lines:,}",
            "lines of docstrings": f"{doc:,}",
            "files": f"{count}",
            "lines a file": f"{lines / count:.0f}",
            f"files of at most {SMALL} lines": f"{small}",
            "files with one definition": f"{alone}",
            f"folders above {FOLDER} files": ", ".join(full) or "none",
            **self.shape(),
        }

    def shape(self) -> dict[str, str]:
        """What is counted of the packages and their imports."""
        return {
            "packages": f"{len(self.arrows)}",
            "floors": f"{max(self.floors.values()) + 1}",
            "arrows": f"{sum(map(len, self.arrows.values()))}",
            "circles": "; ".join(" ↔ ".join(packages) for packages in self.circles) or "none",
        }

    def packages(self) -> list[tuple[str, int, int]]:
        """Every package with its files and lines, the largest first."""
        files = Counter(package_of(module.name) for module in self.modules)
        lines = Counter[str]()
        for module in self.modules:
            lines[package_of(module.name)] += module.lines
        return [(package, files[package], held) for package, held in lines.most_common()]

    def picture(self) -> str:
        """The floors from the top, each package with the packages below that it stands on.

        An arrow that another way of arrows replaces is left out (the transitive reduction).
        """
        width = max(map(len, self.arrows))
        rows = []
        for floor in range(max(self.floors.values()), -1, -1):
            here = sorted(package for package, height in self.floors.items() if height == floor)
            for number, package in enumerate(here):
                direct = self._direct(package)
                name = f"{floor:>2}  " if number == 0 else "    "
                rows.append(f"{name}{package:<{width}}{' → ' if direct else ''}{', '.join(direct)}")
        return "\n".join(row.rstrip() for row in rows) + "\n"

    def _direct(self, package: str) -> list[str]:
        others = self.arrows[package]
        further = {
            beyond
            for other in others
            if package not in reachable(self.arrows, other)
            for beyond in reachable(self.arrows, other)
        }
        return sorted(others - further, key=lambda other: (-self.floors[other], other))


def package_of(name: str) -> str:
    """`worker` of `smile_trace.worker.ingest`; `smile_trace_mlflow` of that package."""
    first, *rest = name.split(".")
    return rest[0] if first == "smile_trace" and rest else first


def reachable(arrows: Arrows, start: str) -> set[str]:
    """The packages that a package imports, by whatever way."""
    seen: set[str] = set()
    waiting = [*arrows[start]]
    while waiting:
        package = waiting.pop()
        if package not in seen:
            seen.add(package)
            waiting += arrows[package]
    return seen


def with_picture(page: str, picture: str) -> str:
    """The page with the picture between its two marks; ValueError if it has none."""
    return with_between(page, BEGIN, picture, END)


def with_between(page: str, begin: str, text: str, end: str) -> str:
    """The page with the text between two marks.

    Raises:
        ValueError: it has no such marks.
    """
    head, found, rest = page.partition(begin)
    _, ended, tail = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"the page has no place for the text: {begin!r} … {end!r}")
    return f"{head}{begin}{text}{end}{tail}"


def _walk(node: ast.AST, types: bool) -> Iterator[ast.AST]:
    yield node
    for inner in ast.iter_child_nodes(node):
        if types or not (isinstance(inner, ast.If) and "TYPE_CHECKING" in ast.dump(inner.test)):
            yield from _walk(inner, types)


def _modules(root: Path) -> Iterator[Module]:
    """Every file of what is installed."""
    tops = [root, root / "integrations"]
    for top in tops:
        for installed in sorted(top.glob("smile_trace*")):
            for file in sorted(installed.rglob("*.py")):
                parts = file.relative_to(top).with_suffix("").parts
                text = file.read_text("utf-8")
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                folder = file.parent.relative_to(top).as_posix()
                yield Module(name, folder, text, ast.parse(text))


def main() -> int:
    """Print the figures and the picture, or write the picture; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.house", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="another checkout")
    parser.add_argument("--write", action="store_true", help="the picture into architecture.md")
    given = parser.parse_args()
    house = House(given.root)
    if given.write:
        PAGE.write_text(with_picture(PAGE.read_text("utf-8"), house.picture()), "utf-8")
        return 0
    with_types = House(given.root, types=True).shape()
    figures = house.figures() | {f"{what}, types included": n for what, n in with_types.items()}
    for what, how_much in figures.items():
        print(f"{what:<32}{how_much}")
    print()
    for package, files, lines in house.packages():
        print(f"{package:<24}{files:>5} files {lines:>7,} lines")
    print()
    print(house.picture(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
