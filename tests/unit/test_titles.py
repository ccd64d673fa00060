"""What a passage is called."""

import pytest

from smile_trace.titles import document_name, title

BODY = "Goods can be returned within 30 days, unworn and with their tags."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"## Returns\n{BODY}", "Returns"),
        (f"**Returns:**\n{BODY}", "Returns"),
        (f"[2] Returns\n{BODY}", "[2] Returns"),
        (f"Title: Returns and refunds\n{BODY}", "Returns and refunds"),
        (f"Document 2:\n{BODY}", "Document 2"),
        (f"[2] {BODY}", "[2] Goods can be returned within 30 …"),
        (f"Document 2: {BODY}", "Document 2 Goods can be returned within 30 …"),
        (f'<doc id="2" title="Returns">{BODY}</doc>', "Returns"),
        (f'<doc id="2">{BODY}</doc>', "doc 2"),
        (f"<document index='2'>\n<source>returns.md</source>\n{BODY}</document>", "returns.md"),
        (f"<doc>\nReturns\n{BODY}\n</doc>", "Returns"),
        (f"退货政策\n{BODY}", "退货政策"),
        (f"Username: admin\n{BODY}", "Username: admin"),
        (f"Product name: Lamp\n{BODY}", "Product name: Lamp"),
        (f"[2] {'退' * 40}", f"[2] {'退' * 32} …"),
        (BODY, None),
        (f"{BODY}\n{BODY}", None),
        (f"---\n{BODY}", None),
        ("Returns", None),
        ("", None),
    ],
)
def test_a_passage_is_called_by_its_title_or_number(text: str, expected: str | None) -> None:
    assert title(text) == expected


def test_a_hostile_text_takes_no_time() -> None:
    spaces = " " * 400_000
    hostile = (
        "<a " + "x=" * 200_000,
        "#" * 400_000,
        f"{spaces}:",
        f"a{spaces}b\nc",
        "[1]" * 200_000,
    )
    for text in hostile:
        assert title(text) is None or len(title(text) or "") <= 80


@pytest.mark.parametrize(
    ("source", "id", "expected"),
    [
        ("returns.md", "7", "returns.md"),
        (None, "faq-7", "faq-7"),
        (None, "beefeater-facade", "beefeater-facade"),
        (None, "b53406e0-5f5e-421a-9eb3-8b86909346a3", None),
        (None, "node_b53406e05f5e421a9eb38b86909346a3", None),
        ("", None, None),
    ],
)
def test_name_of_a_document(source: str | None, id: str | None, expected: str | None) -> None:
    assert document_name(source, id) == expected
