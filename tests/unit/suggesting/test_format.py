"""A format on which the answers depend less: proposed where there is one, and only there."""

import re
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from smile_trace.comparison.templates import VARIABLE
from smile_trace.records.suggestion import Suggestions
from smile_trace.store import Store
from smile_trace.suggesting import suggest
from smile_trace.suggesting.kinds.format import formats
from tests.support.planted_prompts import plant, settings_in
from tests.support.planted_suggestions import CountingModel

TEMPLATE = "You work in a shop. You know every price.\nQuestion: {question}\nAnswer:"


def calm_in_capitals(prompt: str) -> str:
    """Answers in this one format, and in any with its labels in capitals."""
    asked = re.search(r"What does item (\d+) cost", prompt)
    assert asked is not None
    own = prompt == TEMPLATE.format(question=f"What does item {asked[1]} cost?")
    if own or "QUESTION:" in prompt:
        return f"Item {asked[1]} costs {asked[1]} euros."
    return "That is something which nobody here has ever heard of."


def never_calm(prompt: str) -> str:
    """Another answer in every other format."""
    asked = re.search(r"What does item (\d+) cost", prompt)
    assert asked is not None
    words = ("Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf")
    return " ".join(words[crc32(f"{prompt} {k}".encode()) % len(words)] for k in range(12))


def suggested(folder: Path, model: Callable[[str], str]) -> Suggestions:
    settings = settings_in(folder, explain={"distance": "words"})
    store = Store.open(settings)
    values = [{"question": f"What does item {k} cost?"} for k in range(1, 31)]
    plant(store, "shop", "1", TEMPLATE, values)
    store.close()
    return suggest("shop", model=CountingModel(model), settings=settings)


def test_other_formats_have_the_same_variables() -> None:
    found = formats(TEMPLATE)
    assert len({text for _, text in found}) >= 5
    assert {tuple(VARIABLE.findall(text)) for _, text in found} == {("question",)}


def test_the_calmer_format_is_found(tmp_path: Path) -> None:
    found = suggested(tmp_path, calm_in_capitals)
    [calmer] = [one for one in found.suggestions if one.kind == "format"]
    assert "QUESTION: {question}" in calmer.template
    probed = calmer.trial.probed
    assert probed is not None
    assert probed.after.count < probed.before.count
    assert calmer.trial.answers.changed == 0


def test_where_no_format_is_calmer_none_is_proposed(tmp_path: Path) -> None:
    found = suggested(tmp_path, never_calm)
    assert "format" not in {one.kind for one in found.suggestions}
