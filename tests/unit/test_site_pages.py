"""The pages of the documentation site: what they are made from, and where their links lead."""

from pathlib import Path

import pytest

from tools.site.pages import START, pages_of


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
