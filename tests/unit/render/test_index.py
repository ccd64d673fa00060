"""The page that lists explanations."""

from smile_trace.render.index import MOST, Entry, index_to_html
from tests.support.explained import HOSTILE


def test_hostile_text_is_text() -> None:
    entry = Entry(
        prompt=HOSTILE,
        version=HOSTILE,
        function=HOSTILE,
        model=HOSTILE,
        driver=HOSTILE,
        status=HOSTILE,
        answer=HOSTILE,
        summary=HOSTILE,
        page=HOSTILE,
    )
    page = index_to_html(HOSTILE, [entry])
    page.encode()  # no lone surrogate
    assert "<script" not in page


def test_very_many_are_counted() -> None:
    page = index_to_html("a day", [Entry(status="reliable", driver="x")] * (MOST + 3))
    assert page.count("<article>") == MOST
    assert "and 3 more" in page
