"""Build the site: `python -m tools.site`. A warning (of a link, an anchor, a name) is an error."""

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import smile_trace
from smile_trace._text.lists import listed
from smile_trace.hub import build, read_entries
from smile_trace.hub.gallery import index_of, row_of
from tools.site.pages import pages_of

ROOT = Path(__file__).parents[2]
ASSETS = ("iframe-worker.js", "site.css", "site.js")
GALLERY = ROOT / "docs" / "gallery" / "explanations.smile.jsonl"
TITLE = "Two hundred explanations of the benchmarks' prompts"
FEATURED = (
    "e3c9b83c96",  # one sentence of fifteen holds the answer
    "e730b8b382",  # a wrong answer, and the word that it went by
    "37293b5aff",  # two countries in one question
    "1658261026",  # examples, and the last question
    "a59ef6579b",  # a wrong sentiment
    "56f8b8fd23",  # no word matters
)
"""How the pages begin that the gallery opens with, in place of its newest ones."""


def main() -> None:
    """Put the pages into `.site/pages` and build `.site/html` from them.

    Raises:
        SystemExit: a page is in no menu; or zensical, or the parser of docstrings, found something
            wrong. It says what.
    """
    listing = _output("git", "ls-files", "--cached", "--others", "--exclude-standard")
    files = [name for name in listing.splitlines() if (ROOT / name).is_file()]
    pages = pages_of(ROOT, files)
    pages["docs/reference/command-line.md"] = _command_line()
    python = str(pages["docs/reference/python.md"])
    pages["docs/reference/python.md"] = python.replace("::: smile_trace.explain\n", _explain(), 1)
    pages |= {name: (Path(__file__).parent / name).read_bytes() for name in ASSETS}
    nav = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    written = [name for name in files if re.fullmatch(r"docs/.*\.md", name)]
    if missing := [name for name in written if f'"{name}"' not in nav]:
        raise SystemExit(f"The nav of zensical.toml lacks {listed(missing)}.")
    shutil.rmtree(ROOT / ".site", ignore_errors=True)
    for name, content in pages.items():
        path = ROOT / ".site" / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    _gallery(ROOT / ".site" / "pages" / "gallery")
    said = _python("zensical", "build", "--strict")
    print(said)
    if re.search("^griffe: ", said, re.MULTILINE):
        raise SystemExit("A docstring is not what its function is.")


def _gallery(folder: Path) -> None:
    """Every explanation of the gallery, those that show most first.

    Raises:
        SystemExit: one of these is gone.
    """
    entries = [entry for _, entry in read_entries(GALLERY)]
    build(folder, entries, title=TITLE)
    rows = sorted(map(row_of, entries), key=lambda row: row.date, reverse=True)
    first = [row for begin in FEATURED for row in rows if row.page.startswith(begin)]
    if len(first) < len(FEATURED):
        raise SystemExit("The gallery has other explanations now: choose FEATURED among them.")
    index = index_of([*first, *(row for row in rows if row not in first)], TITLE)
    back = '<header>\n<p><a href="../index.html">smile-trace</a></p>'
    (folder / "index.html").write_text(index.replace("<header>", back, 1), "utf-8")


def _command_line() -> str:
    """Every command with its options, as typer tells them."""
    said = _python("typer", "smile_trace.cli.app", "utils", "docs", "--name", "smile-trace")
    sentences = re.findall(r"^#+ `smile-trace [^`]*\b(\w+)`\n\n(.+)$", said, re.MULTILINE)

    def whole(match: re.Match[str]) -> str:
        found = (s for n, s in sentences if n == match["name"] and s.startswith(match["cut"]))
        return f"* `{match['name']}`: {next(found)}"

    said = re.sub(r"^\* `(?P<name>\w+)`: (?P<cut>.+?)\.\.\.$", whole, said, flags=re.MULTILINE)
    return said.replace("# `smile-trace`", "# Command line", 1)


def _explain() -> str:
    """The reference of `explain()`, whose arguments are fields, which no parser of sources sees."""
    taken = inspect.signature(smile_trace.explain).parameters.values()
    signature = ", ".join(f"{one.name}={one.default!r}" for one in taken)
    text, *sections = re.split(
        r"^(Args|Raises):\n", inspect.getdoc(smile_trace.explain) or "", flags=re.MULTILINE
    )
    parts = [
        "### explain {#smile_trace.explain}",
        f"```python\nexplain({signature.replace(', ', ', *, ', 1)})\n```",
        text.strip(),
    ]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        entries = [" ".join(entry.split()) for entry in re.split(r"\n(?=    \S)", body.rstrip())]
        named = (re.sub(r"^([\w, ]+): ", r"`\1`: ", entry) for entry in entries)
        parts += [f"**{title}:**", "\n".join(f"* {entry}" for entry in named)]
    return "\n\n".join(parts) + "\n\n"


def _python(module: str, *arguments: str) -> str:
    return _output(sys.executable, "-m", module, *arguments)


def _output(*command: str) -> str:
    """What a command says.

    Raises:
        SystemExit: it failed, with that.
    """
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise SystemExit(done.stdout)
    return done.stdout


if __name__ == "__main__":
    main()
