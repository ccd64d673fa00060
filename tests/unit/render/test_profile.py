"""A profile in the terminal and as a page."""

import io

import pytest
from rich.console import Console

import smile_trace
from smile_trace.records.profile import Profile
from smile_trace.render import print_profile, profile_to_frame
from smile_trace.render.difference import difference
from tests.support.planted import PlantedModel

HOSTILE = "<script>alert(1)</script>\x1b[31m \u202e"


@pytest.fixture(scope="module")
def profile() -> Profile:
    """Of a model whose answer, which is hostile, changes with a greeting."""
    return smile_trace.profile(
        f"What is the price of it? {HOSTILE}",
        model=PlantedModel(
            lambda prompt: "No idea." if prompt.count("\n\n") else f"12 euros {HOSTILE}",
            deterministic=False,
        ),
        answer=f"12 euros {HOSTILE}",
        budget=60,
    )


def test_the_page_escapes_what_others_wrote(profile: Profile) -> None:
    page = profile.to_html()
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "<ins>" in page
    assert page.startswith("<!doctype html>")
    assert profile._repr_html_().startswith('<div class="smile-profile">')


def test_the_terminal_shows_every_probe_and_the_worst_variant(profile: Profile) -> None:
    out = io.StringIO()
    print_profile(profile, Console(file=out, width=80))
    text = out.getvalue()
    assert "\x1b" not in text
    assert "changes it" in text
    assert "Filler added: " in text
    assert "A planted instruction: not asked. It needs a document" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_table_has_a_row_for_each_probe(profile: Profile) -> None:
    frame = profile_to_frame(profile)
    assert list(frame["name"]) == list(profile.results)
    assert frame.set_index("name").loc["length", "status"] == "found"


def test_only_what_differs_is_shown_with_a_little_around_it() -> None:
    from smile_trace.records import Message

    long = "word " * 100
    one, other = (Message(role="user", content=f"{long}{end} {long}") for end in ("red", "blue"))
    pieces = difference([one], [other])
    assert [(p.kind, p.text) for p in pieces if p.kind != "same"] == [
        ("removed", "red"),
        ("added", "blue"),
    ]
    assert sum(len(p.text) for p in pieces) < 400
