"""The picture of the packages and the page of the public surface are what the code has."""

from pathlib import Path

import pytest

from tools import house, surface


@pytest.fixture(scope="module")
def built() -> house.House:
    """All modules are read for it."""
    return house.House()


@pytest.mark.thorough
def test_the_picture_is_that_of_the_code(built: house.House) -> None:
    page = house.PAGE.read_text("utf-8")
    made = house.with_picture(page, built.picture())
    assert page == made, "run `python -m tools.house --write`"


@pytest.mark.thorough
def test_the_public_surface_is_on_its_page(
    built: house.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface, "House", lambda: built)
    page = surface.PAGE.read_text("utf-8")
    assert page == surface.written(page), "run `python -m tools.surface`"


def make(root: Path, files: dict[str, str]) -> house.House:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return house.House(root)


def test_packages_stand_above_what_they_import(tmp_path: Path) -> None:
    built = make(
        tmp_path,
        {
            "smile_trace/__init__.py": "from smile_trace.attic import door\n",
            "smile_trace/errors.py": '"""Errors."""\n\n\nclass Wrong(Exception):\n    pass\n',
            "smile_trace/cellar.py": "from smile_trace.errors import Wrong\n",
            "smile_trace/attic/door.py": (
                "import smile_trace.cellar\nfrom smile_trace import errors\n"
                "def open():\n    from smile_trace.attic import window\n"
            ),
            "smile_trace/attic/window.py": "import smile_trace\n",
            "integrations/smile_trace_tower/__init__.py": "from smile_trace.attic import door\n",
        },
    )
    assert built.floors == {
        "errors": 0,
        "cellar": 1,
        "attic": 2,
        "smile_trace": 3,
        "smile_trace_tower": 3,
    }
    assert built.circles == []
    assert built.arrows["attic"] == {"cellar", "errors"}
    assert [line.split() for line in built.picture().splitlines()] == [
        ["3", "smile_trace", "→", "attic"],
        ["smile_trace_tower", "→", "attic"],
        ["2", "attic", "→", "cellar"],
        ["1", "cellar", "→", "errors"],
        ["0", "errors"],
    ]
    figures = built.figures()
    assert (figures["files"], figures["arrows"], figures["floors"]) == ("6", "5", "4")
    assert figures["files with one definition"] == "2"
    assert figures["lines of docstrings"] == "1"


def test_a_circle_shares_a_floor(tmp_path: Path) -> None:
    built = make(
        tmp_path,
        {
            "smile_trace/left/a.py": "import smile_trace.right.b\nimport smile_trace.base\n",
            "smile_trace/right/b.py": "import smile_trace.left.a\n",
            "smile_trace/base.py": (
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
                "    from smile_trace.right.b import B\n"
            ),
        },
    )
    assert built.circles == [["left", "right"]]
    assert built.floors == {"left": 1, "right": 1, "base": 0}
    assert built.figures()["circles"] == "left ↔ right"
    with_types = house.House(tmp_path, types=True)
    assert with_types.shape()["circles"] == "base ↔ left ↔ right"


def test_a_page_without_a_place_for_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface, "lists", lambda: "lists")
    with pytest.raises(ValueError, match="no place"):
        house.with_picture("# A page\n", "picture")
    with pytest.raises(ValueError, match="no place"):
        surface.written("# A page\n")
