"""Asked again: reproduced, within noise, or changed."""

import random
from collections.abc import Callable

import pytest

import smile_trace
from smile_trace.explaining.preparation import Prepared, open_any
from smile_trace.hub.check import options_of, request_of
from smile_trace.hub.live import check_live, compare, prepare_live
from smile_trace.records.entry import Entry
from smile_trace.settings import Settings
from tests.support.hub_entries import PROMPT, entry, explained
from tests.support.planted import copying

pytestmark = pytest.mark.thorough


def again(model: Callable[[str], str]) -> str:
    stored = explained()
    prepared = Prepared(
        prompted=request_of(stored),
        model=open_any(model, Settings()),
        options=options_of(stored),
        how=None,
    )
    return check_live(stored, prepared, Settings()).outcome


def test_the_same_model_reproduces_it() -> None:
    assert again(copying("nine.")) == "reproduced"


def test_a_model_that_looks_elsewhere_has_changed() -> None:
    assert again(lambda prompt: "nine." if "closes" in prompt else "") == "changed"


def test_a_model_with_another_answer_has_changed() -> None:
    assert again(lambda prompt: "Nobody knows that today.") == "changed"


def test_a_model_that_varies_is_within_noise() -> None:
    def sometimes(seed: int) -> Callable[[str], str]:
        draw = random.Random(seed)
        return lambda prompt: "nine." if "nine." in prompt and draw.random() < 0.95 else "six."

    one, other = (
        smile_trace.explain(
            PROMPT, model=sometimes(seed), answer="nine.", budget=30, fresh=True, signal="text"
        )
        for seed in (1, 2)
    )
    assert compare(one, other)[0] == "within noise"


def test_a_comparison_or_path_is_not_asked() -> None:
    empty = entry().model_copy(update={"explanation": None})
    with pytest.raises(ValueError, match="only an explanation is asked again"):
        prepare_live(empty, Settings())


def test_the_model_is_looked_up_by_its_name() -> None:
    settings = explained().settings.model_copy(update={"model": "demo"})
    one = Entry.of(explained().model_copy(update={"settings": settings}))
    assert prepare_live(one, Settings()).model.name == "demo"
    with pytest.raises(smile_trace.errors.SmileTraceError, match="nobody"):
        prepare_live(one, Settings(), model="nobody")
