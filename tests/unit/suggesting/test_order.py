"""An order on which the answers depend less: proposed where there is one, and only there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from smile_trace.suggesting.kinds.order import orders_of
from tests.support.planted_suggestions import PRICES, suggested_for_prices


def reading(calm: Callable[[str], bool], calmed: str = "costs") -> Callable[[str], str]:
    """Knows only what stands first, unless the prompt is a calm one."""

    def told(prompt: str) -> str:
        asked = re.search(r"What does item (\d+) cost", prompt)
        assert asked is not None
        if calm(prompt):
            return f"Item {asked[1]} {calmed} {asked[1]} euros."
        first = prompt.index("<document>") + len("<document>")
        known = prompt.startswith("Item", first)
        return f"Item {asked[1]} costs {asked[1]} euros." if known else "Nobody here knows of it."

    return told


def asked_before(prompt: str) -> bool:
    return 0 <= prompt.find("Question:") < prompt.index("<document>")


def test_the_question_is_put_before_the_documents(tmp_path: Path) -> None:
    found = suggested_for_prices(tmp_path, reading(asked_before))
    [ordered] = [one for one in found.suggestions if one.kind == "order"]
    assert ordered.template == f"Question: {{question}}\n\n{PRICES}"
    assert ordered.what == "Another order: its last part at the beginning as well"
    probed = ordered.trial.probed
    assert probed is not None
    assert (probed.probe, probed.before.count, probed.after.count) == ("order", 12, 0)
    assert ordered.trial.answers.changed == 0
    assert ordered.tokens_saved == -6.0


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (reading(lambda _: True), "the answers to 0 of 12 calls depend"),
        (reading(lambda _: False), "no other order of the prompt helps"),
        (reading(asked_before, "might be sold for"), "no other order of the prompt helps"),
    ],
    ids=["no order matters", "every order matters", "the calm order gives other answers"],
)
def test_another_one_is_not_proposed(tmp_path: Path, model: Callable[[str], str], why: str) -> None:
    found = suggested_for_prices(tmp_path, model)
    assert "order" not in {one.kind for one in found.suggestions}
    [missed] = [one for one in found.not_proposed if one.kind == "order"]
    assert why in missed.why


def test_orders_of_a_template() -> None:
    assert [text for _, text in orders_of("a\n\nb\nc\n\nd")] == [
        "d\n\na\n\nb\nc\n\nd",
        "d\n\na\n\nb\nc",
        "b\nc\n\nd\n\na",
    ]
    assert [text for _, text in orders_of("a\nb")] == ["b\na\nb", "b\na"]
    assert orders_of("a") == orders_of("") == []
