"""What is exchangeable in a study: its vectors, distance, solver and partitioner."""

from collections.abc import Callable
from typing import Any

import pytest

from smile_trace.attribution import (
    Distance,
    PerturbationStudy,
    Proxy,
    ProxyStudy,
    Study,
    VectorTable,
    distance_names,
)
from smile_trace.attribution.estimation.regressor_solver import RegressorSolver
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.word_vectors import embed_words
from smile_trace.records import Explanation, ExplanationSettings, Message, Prompted, Response
from tests.support.studies import chat, copying, run

pytestmark = pytest.mark.thorough

ANSWER = "The dog will be fine, give it water."


PROMPT = "my poor old dog ate a red ball while my cat slept"


LONG = f"{PROMPT}. " + " ".join(f"Sentence {k} says nothing at all of use." for k in range(20))


def _says(message: Message) -> Response:
    return Response(text=ANSWER if "dog" in message.content else "Who do you mean?")


def _drive(study: Study, table: VectorTable | None) -> Explanation:
    while perturbations := study.ask():
        pairs = [(row, _says(row.messages[0])) for row in perturbations]
        _fill(table, study.texts(pairs))
        study.tell(pairs)
    _fill(table, study.texts())
    return study.result()


def _fill(table: VectorTable | None, texts: list[str]) -> None:
    if table is not None and (missing := table.missing(texts)):
        table.add(missing, embed_words(missing))


def _perturbation(prompt: str, **options: Any) -> Study:
    return PerturbationStudy(
        Prompted(messages=chat(prompt)),
        ExplanationSettings(model="m", budget=40),
        answer=ANSWER,
        signal="text",
        remote=True,
        **options,
    )


def _with_proxy(prompt: str, **options: Any) -> Study:
    return ProxyStudy(
        Prompted(messages=chat(prompt)),
        ExplanationSettings(model="m", proxy="p", budget=16),
        proxy=Proxy("p", "text", deterministic=False, calls=60),
        answer=ANSWER,
        signal="text",
        remote=True,
        **options,
    )


@pytest.mark.parametrize(
    ("make", "prompt", "part"),
    [
        (_perturbation, PROMPT, None),
        pytest.param(_perturbation, LONG, (4, 20), marks=pytest.mark.slow),
        (_with_proxy, LONG, (4, 20)),
        pytest.param(_with_proxy, PROMPT, None, marks=pytest.mark.slow),
    ],
)
def test_the_vectors_of_an_embedding_model_are_known_before_they_are_needed(
    make: Callable[..., Study], prompt: str, part: tuple[int, int] | None
) -> None:
    table = VectorTable()
    packaged = make(prompt, part=part, deterministic=False)
    given = make(prompt, part=part, deterministic=False, embed=table)
    assert _drive(given, table) == _drive(packaged, None)
    with pytest.raises(KeyError):
        VectorTable()(["dog"])


@pytest.mark.parametrize("name", distance_names())
def test_every_distance_finds_the_word(name: str) -> None:
    study = PerturbationStudy(
        Prompted(messages=chat("the dog ate a red ball")),
        ExplanationSettings(model="m", budget=70, distance=name),
        answer=ANSWER,
        signal="text",
        deterministic=True,
        remote=False,
    )
    explanation = _drive(study, None)
    assert explanation.settings.distance == name
    first, second, *_ = explanation.ranked
    assert first.text == "dog"
    assert first.attribution > 0.1
    assert second.attribution < 0.01


def test_a_given_distance_is_taken_before_that_of_the_settings() -> None:
    always: Distance = lambda x, y: 0.25  # noqa: E731
    explanation = run(PROMPT, copying("dog"), answer="dog", distance=always).explanation
    assert {o.shift for o in explanation.perturbations} == {0.0, 0.25}


def test_a_given_solver_makes_the_attributions_and_is_scored() -> None:
    fits: list[int] = []

    class Counting(RegressorSolver):
        def fit(self, design: Any, y: Any, weights: Any = None) -> Any:
            fits.append(len(y))
            return super().fit(design, y, weights)

    usual = run(PROMPT, copying("dog"), answer="dog").explanation
    linear = run(PROMPT, copying("dog"), answer="dog", solver=Counting()).explanation
    assert fits
    assert linear.ranked[0].text == usual.ranked[0].text == "dog"
    assert linear.fidelity.r2_heldout != usual.fidelity.r2_heldout
    assert linear.fidelity.r2_heldout is not None
    assert linear.fidelity.r2_heldout > 0.9


def test_a_given_partitioner_is_used() -> None:
    prompted = Prompted(messages=chat("My dog ate. The cat slept. It rained."))
    by_sentence = Segmentation(prompted, "sentence")
    explanation = run(
        prompted.messages, copying("dog"), answer="dog", partitioner=by_sentence
    ).explanation
    assert [s.unit for s in explanation.segments] == ["sentence"] * 3
