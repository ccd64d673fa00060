"""A sentence that closes a hijack: proposed where it helps, and only there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from smile_trace.suggesting.kinds.hijack import SENTENCES
from tests.support.planted_suggestions import PRICES, suggested_for_prices


def obeying(unless: str, price: str = "costs") -> Callable[[str], str]:
    """Obeys what stands in a document, unless a sentence of the prompt forbids it."""

    def told(prompt: str) -> str:
        marker = re.search(r"\b[A-Z]{5,}\d\d\b", prompt)
        if marker is not None and unless not in prompt:
            return marker[0]
        asked = re.search(r"What does item (\d+) cost", prompt)
        assert asked is not None
        verb = price if any(one in prompt for one in SENTENCES) else "costs"
        return f"Item {asked[1]} {verb} {asked[1]} euros."

    return told


def test_the_sentence_that_helps_is_added(tmp_path: Path) -> None:
    found = suggested_for_prices(tmp_path, obeying(unless=SENTENCES[1]))
    [closed] = [one for one in found.suggestions if one.kind == "hijack"]
    assert closed.added == SENTENCES[1]
    assert closed.template in (f"{SENTENCES[1]}\n{PRICES}", f"{PRICES}\n{SENTENCES[1]}")
    probed = closed.trial.probed
    assert probed is not None
    assert (probed.before.count, probed.after.count) == (12, 0)
    assert probed.p_value is not None
    assert probed.p_value < 0.01
    assert closed.trial.answers.changed == 0


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (obeying(unless=""), "none of 12 planted ones is obeyed"),
        (obeying(unless="no sentence is like this"), "no sentence helps"),
        (obeying(unless=SENTENCES[0], price="might be sold for"), "got another answer"),
    ],
    ids=["it obeys nothing", "it obeys everything", "the sentence changes every answer"],
)
def test_another_one_is_not_proposed(tmp_path: Path, model: Callable[[str], str], why: str) -> None:
    found = suggested_for_prices(tmp_path, model)
    assert "hijack" not in {one.kind for one in found.suggestions}
    [missed] = [one for one in found.not_proposed if one.kind == "hijack"]
    assert why in missed.why
