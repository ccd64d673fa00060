"""The pages of the site: the Markdown of the repository, and what it links to.

They lie as in the repository, so that a link that works there works here. What is no Markdown
(a source file, a notebook, a folder) becomes a page, and HTML is one already: the site is whole
without the repository.
"""

import json
import posixpath
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from pygments.lexers import find_lexer_class_for_filename

START = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")
PICTURES = (".png", ".svg")
_CODE = re.compile(r"^([ ]*)(```+).*?^\1\2|(`+)[^`].*?\3", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"""(?P<before>\]\(|\b(?:src|srcset|href)=")(?P<path>[^)\s"#:]+)(?=[)"#])""")


def pages_of(root: Path, files: Iterable[str]) -> dict[str, str | bytes]:
    """What the site is made from, by its path in it.

    Args:
        root: the repository.
        files: those of its paths that may be shown.

    Raises:
        FileNotFoundError: a page links to what is not among them.
    """
    tree = _Tree(root, files)
    waiting = [*START, *(name for name in tree.files if re.fullmatch(r"docs/.*\.md", name))]
    made: dict[str, str | bytes] = {}
    while waiting:
        name = waiting.pop()
        if tree.place(name) not in made:
            made[tree.place(name)], linked = tree.page(name)
            waiting += linked
    return made


class _Tree:
    """The repository's files and folders, each with its place in the site."""

    def __init__(self, root: Path, files: Iterable[str]) -> None:
        self.root = root
        self.files = sorted(files)
        self.folders = {str(parent) for name in self.files for parent in Path(name).parents}

    def place(self, name: str) -> str:
        """Where it stands in the site."""
        if name in self.folders:
            readme = f"{name}/README.md"
            return readme if readme in self.files else f"{name}/index.md"
        shown = name.removeprefix(".")  # a hidden folder is no part of a site
        return shown if name.endswith((".md", ".html", *PICTURES)) else f"{shown}.md"

    def page(self, name: str) -> tuple[str | bytes, list[str]]:
        """Its content, and what it links to."""
        if name in self.folders:
            readme = f"{name}/README.md"
            return (
                self.page(readme) if readme in self.files else self._linked(name, self._list(name))
            )
        if name.endswith(PICTURES):
            return (self.root / name).read_bytes(), []
        text = (self.root / name).read_text(encoding="utf-8")
        if name.endswith(".md"):
            return self._linked(name, text)
        if name.endswith(".html"):
            text, linked = self._linked(name, text)
            return _to_built_pages(text), linked
        if name.endswith(".ipynb"):
            return _notebook(name, text), []
        return f"# {Path(name).name}\n\n`{name}`\n\n{_fenced(text, name)}", []

    def _list(self, folder: str) -> str:
        """Links to the files of a folder."""
        names = [
            name.removeprefix(f"{folder}/") for name in self.files if name.startswith(f"{folder}/")
        ]
        return "\n".join([f"# {folder}\n", *(f"- [{name}]({name})" for name in names)])

    def _linked(self, name: str, text: str) -> tuple[str, list[str]]:
        """The text with its links as the site has them; and what they lead to."""
        base = name if name in self.folders else posixpath.dirname(name)
        linked = []

        def moved(match: re.Match[str]) -> str:
            target = posixpath.normpath(posixpath.join(base, match["path"]))
            if target not in self.files and target not in self.folders:
                raise FileNotFoundError(f"{name} links to {match['path']}, which is not there.")
            linked.append(target)
            here = posixpath.dirname(self.place(name)) or "."
            return match["before"] + posixpath.relpath(self.place(target), here)

        return _outside_code(text, lambda prose: _LINK.sub(moved, prose)), linked


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text, its prose changed, its blocks and spans of code as they were."""
    done, parts = 0, []
    for code in _CODE.finditer(text):
        parts += [change(text[done : code.start()]), code.group()]
        done = code.end()
    return "".join([*parts, change(text[done:])])


def _to_built_pages(text: str) -> str:
    """A finished page, its links leading to what becomes of the Markdown."""
    return re.sub(r'(\bhref="[^"]*)\.md"', r'\1.html"', text.replace('/README.md"', '/index.md"'))


def _notebook(name: str, text: str) -> str:
    """A notebook's cells, one after the other."""
    cells = json.loads(text)["cells"]
    return "\n\n".join(
        "".join(cell["source"])
        if cell["cell_type"] == "markdown"
        else _fenced("".join(cell["source"]), "cell.py")
        for cell in cells
    )


def _fenced(text: str, name: str) -> str:
    """A block of code in the language that the file's name says."""
    lexer = find_lexer_class_for_filename(name)
    language = lexer.aliases[0] if lexer else "text"
    fence = "`" * (1 + max(map(len, ["``", *re.findall("`+", text)])))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"
