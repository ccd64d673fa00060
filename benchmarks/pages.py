"""Tables in pages of Markdown, each between two comments that name it."""

from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def put(text: str, page: Path, name: str) -> None:
    """Put text between `<!-- name: begin -->` and `<!-- name: end -->` of a page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def readme(file: str) -> Path:
    """The README beside a module, by its `__file__`."""
    return Path(file).with_name("README.md")
