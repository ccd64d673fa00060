"""A document that misleads: taken out where confirmed failures are right without it."""

import re
from collections.abc import Callable
from pathlib import Path

import smile_trace
from smile_trace.records.suggestion import Suggestions
from smile_trace.store import Store
from tests.support.planted_prompts import plant, settings_in
from tests.support.planted_suggestions import POLITE, CountingModel, judge_worse

TEMPLATE = "Answer from the documents.\n\n{documents}\n\nQuestion: {question}"
OLD = "Prices of 2019: everything costs 99 euros, without any exception."
PRICES = "Prices of today: an item costs as many euros as its number says."


def by_the_old_list(prompt: str) -> str:
    """Whoever is polite gets the price of the old list, as long as it is there."""
    asked = re.search(r"What does item (\d+) cost", prompt)
    assert asked is not None
    misled = OLD in prompt and any(word in prompt for word in POLITE)
    return f"It costs {99 if misled else asked[1]} euros, whatever anybody else may say."


def by_every_list(prompt: str) -> str:
    """The same, and without the old list nobody gets an answer."""
    return by_the_old_list(prompt) if OLD in prompt else "There is no list of prices to go by."


def suggested(folder: Path, model: Callable[[str], str]) -> Suggestions:
    settings = settings_in(folder, explain={"distance": "words"})
    store = Store.open(settings)
    documents = "".join(f"<document>{text}</document>\n" for text in (PRICES, OLD))
    values = [
        {"documents": documents, "question": f"What does item {k} cost?"} for k in range(1, 31)
    ]
    answers = [f"It costs {k} euros, whatever anybody else may say." for k in range(1, 31)]
    plant(store, "shop", "1", TEMPLATE, values, answers=answers)
    judge_worse(store, "shop", model, lambda told: " 99 " in told, 14)
    store.close()
    return smile_trace.suggest("shop", model=CountingModel(model), settings=settings)


def test_the_document_is_named(tmp_path: Path) -> None:
    found = suggested(tmp_path, by_the_old_list)
    [misleading] = [one for one in found.suggestions if one.kind == "document"]
    assert misleading.removed == (f"<document>{OLD}</document>",)
    assert misleading.template == found.template == TEMPLATE
    gained = misleading.trial.cases_gained
    assert gained.count == gained.of >= 5
    assert misleading.trial.moved.count == 0
    assert "harmful" not in {one.kind for one in found.suggestions}, "it is no instruction"


def test_one_that_other_answers_need_is_not_taken_out(tmp_path: Path) -> None:
    found = suggested(tmp_path, by_every_list)
    assert "document" not in {one.kind for one in found.suggestions}
