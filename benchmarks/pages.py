"""Tables in the pages of docs/, each between two comments that name it."""

from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def put(text: str, page: str, name: str) -> None:
    """Put text between `<!-- name: begin -->` and `<!-- name: end -->` of a page."""
    path = DOCS / page
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = path.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
