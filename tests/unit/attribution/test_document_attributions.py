"""What was measured goes back to each retrieved document, and what was not is not claimed."""

import asyncio
from collections.abc import Callable

import pytest

from smile_trace.dialects.document_search import Finder
from smile_trace.explaining.driver import run
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.studies import make_study
from smile_trace.records import Document, Explanation, ExplanationSettings, Message, Prompted
from smile_trace.render import driver_text, to_html, to_markdown
from smile_trace.render.phrases import document_sentence
from tests.support.document_renderings import ENGLISH
from tests.support.planted import PlantedModel

pytestmark = pytest.mark.thorough

SOURCES = ("warranty.md", "returns.md", "delivery.md", "gifts.md")


KNOWS: Callable[[str], str] = lambda p: "It lasts 24 months." if "24 months" in p else "I am sorry."  # noqa: E731


def explained(
    unit: str = "document", protect: tuple[str, ...] = (), budget: int = 40, count: int = 4
) -> Explanation:
    documents = [
        Document(id=f"d{k}", source=source, text=text, score=0.5, span_id="5", position=k)
        for k, (source, text) in enumerate(zip(SOURCES, ENGLISH, strict=True))
    ][:count]
    content = "\n\n".join(document.text for document in documents)
    messages = (Message(role="user", content=f"{content}\n\nHow long is the warranty?"),)
    prompted = Prompted(
        messages=messages,
        answer="It lasts 24 months.",
        documents=tuple(Finder().find(documents, messages)),
    )
    options = ExplainOptions(unit=unit, protect=protect)
    settings = ExplanationSettings(model="planted", unit=unit, budget=budget)
    model = PlantedModel(KNOWS)
    return asyncio.run(run(make_study(prompted, model, options, settings, signal="text"), model))


def test_removed_alone() -> None:
    found = explained()
    first, *others = found.documents
    assert (first.id, first.source, first.score, first.span_id) == ("d0", "warranty.md", 0.5, "5")
    assert [d.measured for d in found.documents] == ["alone"] * 4
    assert first.significant
    assert first.attribution == found.ranked[0].attribution > 0.9
    assert (first.ci_low or 0) <= first.attribution <= (first.ci_high or 0)
    assert first.leave_one_out == found.ranked[0].leave_one_out == 1
    assert not any(d.significant for d in others)
    assert Explanation.model_validate_json(found.model_dump_json()).documents == found.documents
    # It is called by its source.
    assert found.summary.startswith("The answer depends on “warranty.md” (")
    assert driver_text(found) == "warranty.md"
    assert "warranty.md: The warranty" in to_html(found)
    assert "warranty.md: The warranty" in to_markdown(found).replace("\\", "")
    assert document_sentence(first, found, "").endswith("the answer depends on it")


def test_its_finer_parts_do_not_hide_it() -> None:
    """`auto` goes into the document that matters: its own attribution is of the level above."""
    found = explained("auto", budget=60)
    assert found.coarser
    first, *others = found.documents
    assert (first.measured, first.significant) == ("alone", True)
    passage = next(s for s in found.coarser if s.title == "warranty.md")
    assert first.attribution == passage.attribution
    assert not any(d.significant for d in others)
    assert "notably on" in found.summary


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_alone_also_in_a_short_prompt(count: int) -> None:
    """Its words were few enough to begin with, but then no document had a value of its own."""
    found = explained("auto", count=count)
    assert [d.measured for d in found.documents] == ["alone"] * count
    assert found.documents[0].significant


def test_in_pieces_it_has_no_attribution() -> None:
    found = explained("sentence")
    assert [d.measured for d in found.documents] == ["in_pieces"] * 4
    assert [d.attribution for d in found.documents] == [None] * 4
    assert [d.significant for d in found.documents] == [True, False, False, False]
    assert document_sentence(found.documents[0], found, "").endswith("depends on a part inside it")


def test_what_is_protected_was_not_measured() -> None:
    found = explained(protect=(ENGLISH[1],))
    assert [d.measured for d in found.documents] == ["alone", "never", "alone", "alone"]
    assert "never removed" in document_sentence(found.documents[1], found, "")


def test_with_the_rest_of_its_message() -> None:
    found = explained("message", count=2)
    assert [d.measured for d in found.documents] == ["with_others"] * 2
    assert [d.attribution for d in found.documents] == [None] * 2
