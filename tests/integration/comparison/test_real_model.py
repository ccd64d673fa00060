"""The packaged model: which of two edits changed the answers, and replays of logged calls."""

import asyncio
from pathlib import Path

import pytest

from smile_trace._text.prompts import render
from smile_trace.comparison import compare, replay
from smile_trace.comparison.sentences import named_effects
from smile_trace.models import Request
from smile_trace.models.kinds.local import LocalModel
from smile_trace.records import Message
from smile_trace.render.comparison.layout import edit_phrase
from smile_trace.store import Store
from tests.support.planted_prompts import plant, settings_in

pytestmark = [pytest.mark.model, pytest.mark.slow]
BEFORE = (
    "Answer with one word.\n"
    "Review: The soup was cold.\nMood: bad\n"
    "Review: I would come again.\nMood: good\n"
    "Please read carefully.\n"
    "Review: {review}\nMood:"
)

AFTER = BEFORE.replace("Mood: good", "Mood: splendid").replace(
    "Please read carefully.", "Please read with great care."
)
REVIEWS = (
    "I loved every minute of it.", "The staff were friendly.", "What a wonderful evening.",
    "The best pizza in town.", "Great service and great food.", "We had a lovely time.",
    "Delicious from the first bite.", "Everything was perfect.",
)  # fmt: skip
PARAMETERS = {"temperature": 0, "max_tokens": 2, "stop": ["\n"]}


@pytest.fixture
def model(local_model: LocalModel) -> LocalModel:
    return local_model


def _answers(model: LocalModel, template: str) -> list[str]:
    requests = [
        Request(
            messages=(Message(role="user", content=render(template, {"review": review})),),
            form="completion",
            parameters=PARAMETERS,
        )
        for review in REVIEWS
    ]
    return [response.text or "" for response in asyncio.run(model.generate(requests))]


def test_the_page_names_the_edit_that_changed_the_answers(
    tmp_path: Path, model: LocalModel
) -> None:
    settings = settings_in(tmp_path)
    store = Store.open(settings)
    inputs = [{"review": review} for review in REVIEWS]
    for version, template in (("1", BEFORE), ("2", AFTER)):
        plant(store, "mood", version, template, inputs, form="completion", parameters=PARAMETERS)
    store.close()
    comparison = compare("mood", model=model, budget=200, settings=settings)
    change = comparison.changes[0]
    assert change.answers is not None
    assert change.answers.significant
    assert len(change.edits) == 2
    [strongest] = named_effects(change)
    named = change.edits[strongest.edits[0]]

    # By brute force: each edit alone, and how many answers it changes.
    before = _answers(model, BEFORE)
    edits = {
        "Mood: splendid": BEFORE.replace("Mood: good", "Mood: splendid"),
        "Please read with great care.": BEFORE.replace(
            "Please read carefully.", "Please read with great care."
        ),
    }
    counts = {
        text: sum(a != b for a, b in zip(before, _answers(model, template), strict=True))
        for text, template in edits.items()
    }
    assert named.after.strip() in max(counts, key=lambda text: counts[text])
    assert edit_phrase(named) in comparison.summary
    assert named.after.strip() in comparison.to_html()


def test_a_replay_at_temperature_zero_reproduces_the_answer(
    tmp_path: Path, model: LocalModel
) -> None:
    settings = settings_in(tmp_path)
    logged = _answers(model, BEFORE)
    store = Store.open(settings)
    inputs = [{"review": review} for review in REVIEWS]
    plant(
        store, "mood", "1", BEFORE, inputs, answers=logged, form="completion",
        parameters=PARAMETERS, model=model.name,
    )  # fmt: skip
    plant(store, "mood", "2", AFTER, inputs, form="completion", parameters=PARAMETERS)
    [call, *_] = store.traces.find_calls("")
    assert store.traces.call(call) is not None
    store.close()
    made = replay(call, model=model, settings=settings)
    assert made.answers == (made.call.answer,)
    assert "reproduced" in made.verdict
    hot = replay(
        call,
        model=model,
        parameters={"temperature": 0.8, "max_tokens": 8},
        count=5,
        settings=settings,
    )
    assert "temperature = 0.8" in hot.changed
    assert len(hot.answers) == 5
    assert hot.noise is not None
    other = replay(call, model=model, prompt_version="2", settings=settings)
    assert "splendid" in other.messages[0].content
