"""Which documents the sentences of an answer name, in the forms that models and APIs write."""

from typing import Any

import pytest

from smile_trace.attribution.segmentation.citing import citing_sentences, documents_in
from smile_trace.records import Citation, Document, Message, Prompted, TextPart

TEXTS = ("Kettles have a warranty of 24 months.", "Returns are free.", "Ships in two days.")
NAMES = ("docs/warranty.md", "returns.md", "shipping.md")


def _cited(
    answer: str, *, prefix: str = "[{}] ", start: int = 1, **more: Any
) -> list[tuple[str, list[int], list[str]]]:
    """Each sentence with the documents that it cites, and what it cites that is none."""
    content, documents = "", []
    for number, (text, name) in enumerate(zip(TEXTS, NAMES, strict=True), start):
        content += prefix.format(number)
        place = (0, len(content), len(content) + len(text))
        documents.append(Document(text=text, source=name, place=place))
        content += text + "\n\n"
    prompted = Prompted(
        messages=(Message(role="user", content=content + "What is the warranty?"),),
        answer=answer,
        documents=tuple(documents),
        **more,
    )
    return _found(prompted)


def _found(prompted: Prompted) -> list[tuple[str, list[int], list[str]]]:
    sentences = citing_sentences(prompted, documents_in(prompted))
    answer = prompted.answer or ""
    return [(answer[slice(*one.span)], sorted(one.cites), one.unknown) for one in sentences]


@pytest.mark.parametrize(
    "answer",
    [
        "It is 24 months [1]. Returns are free [2].",
        "It is 24 months. [1] Returns are free.[2]",
        "It is 24 months [docs/warranty.md]. Returns are free [returns].",
        "It is 24 months [^1]. Returns are free [^2].\n\n[^1]: warranty.md\n[^2]: returns.md",
        "It is 24 months 【4:0†warranty.md】. Returns are free 【4:1†returns.md】.",
        "It is 24 months (source: warranty.md). Returns are free (see returns.md).",
        "It is 24 months [doc 1]. Returns are free [Source 2].",
        "It is 24 months [7]. Returns are free [2].\n\nSources:\n[7] docs/warranty.md",
    ],
)
def test_forms_of_citations_in_a_text(answer: str) -> None:
    assert [found[1] for found in _cited(answer)[:2]] == [[0], [1]]


def test_a_sentence_is_measured_without_the_citation_at_its_end() -> None:
    texts = [found[0] for found in _cited("It is 24 months [1]. Returns are free [2][3].")]
    assert texts == ["It is 24 months", "Returns are free"]


def test_a_link_belongs_to_the_sentence_that_begins_with_it() -> None:
    cited = _cited("It is 24 months. [Returns](returns.md) are free.")
    assert [one[1] for one in cited] == [[], [1]]


HOSTILE = {
    "citations": "A word [1]. " * 20_000,
    "spaces": "A" + " " * 100_000 + "word [1].",
    "footnotes": "A word [1]." + "\n[1] returns.md" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_long_answer_takes_linear_time(name: str) -> None:
    """Each takes tenths of a second; in quadratic time it would be minutes."""
    assert _cited(HOSTILE[name])[0][0].startswith("A")


def test_many_documents_take_linear_time() -> None:
    """A second; in quadratic time it would be a minute."""
    content = "".join(f"[{number}] a fact\n\n" for number in range(1, 10_000))
    user = Message(role="user", content=f"{content}What?")
    [(_, cites, _)] = _found(Prompted(messages=(user,), answer="It is so [900]."))
    assert cites == [899]


def test_several_documents_and_one_that_there_is_not() -> None:
    assert _cited("It is so [1, 3]. And so [9].") == [
        ("It is so", [0, 2], []),
        ("And so", [], ["[9]"]),
    ]


def test_a_range_of_documents() -> None:
    for dash in "-–":
        assert [one[1] for one in _cited(f"It is so [1{dash}3]. And so [2].")] == [[0, 1, 2], [1]]


def test_a_file_that_there_is_not_is_cited_all_the_same() -> None:
    assert [one[2] for one in _cited("So [refunds.md]. And (source: packing.md). It [1].")] == [
        ["[refunds.md]"],
        ["(source: packing.md)"],
        [],
    ]


def test_a_list_begins_with_its_citation() -> None:
    assert [one[1] for one in _cited("- [2] Returns are free\n- [1] It is 24 months")] == [[1], [0]]


def test_documents_are_called_by_the_numbers_in_the_prompt() -> None:
    cited = _cited("It is 24 months [12].", start=12)
    assert [one[1] for one in cited] == [[0]]


def test_documents_without_numbers_are_counted() -> None:
    assert [one[1] for one in _cited("Ships in two days [3].", prefix="")] == [[2]]


@pytest.mark.parametrize("answer", ["It is so [sic].", "See a[i] and [x](https://a.b).", "Plain."])
def test_brackets_that_cite_nothing(answer: str) -> None:
    assert _cited(answer) == []


def test_an_answer_about_nothing_that_was_given_cites_nothing() -> None:
    prompted = Prompted(messages=(Message(role="user", content="Hi"),), answer="Use x [1].")
    assert documents_in(prompted) == []


def _blocks(*citations: Citation) -> Prompted:
    parts = [
        TextPart(content=text, extra={"type": "document", "title": name})
        for text, name in zip(TEXTS, NAMES, strict=True)
    ]
    user = Message(role="user", parts=(*parts, TextPart(content="What is the warranty?")))
    answer = "It is 24 months. Returns are free."
    return Prompted(messages=(user,), answer=answer, citations=citations)


@pytest.mark.parametrize(
    "citation",
    [
        Citation(start=0, end=16, document=1),
        Citation(start=16, end=16, source="returns.md"),
        Citation(start=0, end=16, passage="Returns  are free."),
    ],
)
def test_citations_that_came_with_the_answer(citation: Citation) -> None:
    assert [found[1] for found in _found(_blocks(citation))] == [[1], []]


def test_documents_in_blocks_have_their_titles() -> None:
    assert tuple(one.source for one in documents_in(_blocks())) == NAMES


def test_a_document_in_a_bare_element_is_called_by_its_text() -> None:
    content = "".join(f"<document>\n{text}\n</document>\n" for text in TEXTS) + "What is it?"
    prompted = Prompted(messages=(Message(role="user", content=content),), answer="So [1].")
    assert [one.source for one in documents_in(prompted)] == list(TEXTS)
