"""Each citation of an answer beside the measured effect of its document on the citing sentence."""

from collections.abc import Callable
from typing import Any

import pytest

from smile_trace.attribution import PerturbationStudy
from smile_trace.attribution.estimation import inference
from smile_trace.attribution.estimation.inference import Rows
from smile_trace.attribution.estimation.solver import Array
from smile_trace.records import Explanation, ExplanationSettings, Message, Prompted, Response

FACTS = {
    1: "The warranty of a kettle lasts 24 months",
    2: "Goods may be sent back within 30 days",
    3: "Parcels leave the warehouse in Kassel",
    4: "Members collect points for every order",
    5: "The hotline is closed on every Sunday",
}
NOTHING = "Nothing about that could be found in these texts"


def _explained(answer: str, says: Callable[[str], str], budget: int = 48) -> Explanation:
    documents = "\n\n".join(f"[{k}] {fact}, as everybody knows." for k, fact in FACTS.items())
    user = Message(role="user", content=f"{documents}\n\nQuestion: What should I know?")
    prompted = Prompted(messages=(user,), answer=answer)
    settings = ExplanationSettings(model="planted", budget=budget)
    study = PerturbationStudy(
        prompted, settings, answer=answer, signal="text", deterministic=True, remote=True
    )
    while rows := study.ask():
        study.tell((row, Response(text=says(row.messages[0].content))) for row in rows)
    return study.result()


def _uses(explanation: Explanation) -> list[tuple[str, str | None, str | None, str]]:
    return [
        (
            explanation.answer[one.start : one.end].rstrip("."),
            one.document.name[:3] if one.document and one.document.name else None,
            one.cited,
            one.use,
        )
        for one in explanation.citations
    ]


def _said(prompt: str, *numbers: int) -> str:
    return " ".join(f"{FACTS[k] if FACTS[k] in prompt else NOTHING}." for k in numbers)


def test_true_false_and_missing_citations() -> None:
    answer = f"{FACTS[1]} [1]. {FACTS[2]} [3]. {FACTS[4]}. That is all that I can say [9]."
    found = _explained(answer, lambda p: f"{_said(p, 1, 2, 4)} That is all that I can say.")
    assert set(_uses(found)) == {
        (FACTS[1], "[1]", "[1]", "used"),
        (FACTS[2], "[2]", None, "used"),
        (FACTS[2], "[3]", "[3]", "not used"),
        (FACTS[4], "[4]", None, "used"),
        ("That is all that I can say", None, "[9]", "not used"),
    }


def test_no_sentence_is_fitted_twice_to_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, of_rows = list[bytes](), inference.intervals

    def intervals(rows: Rows, *given: Any) -> tuple[Array, Array]:
        fitted.append(rows.x.tobytes() + rows.y.tobytes())
        return of_rows(rows, *given)

    monkeypatch.setattr(inference, "intervals", intervals)
    answer = f"{FACTS[1]} [1]. {FACTS[2]} [3]. {FACTS[4]} [4]."
    assert _explained(answer, lambda p: _said(p, 1, 2, 4)).citations
    assert len(fitted) == len(set(fitted)) > 3


def test_of_two_documents_that_say_the_same_neither_is_called_unused() -> None:
    answer = f"{FACTS[1]} [1][2]. Have a nice day."

    def says(prompt: str) -> str:
        known = FACTS[1] in prompt or FACTS[2] in prompt
        return f"{FACTS[1] if known else NOTHING}. Have a nice day."

    uses = {(name, use) for _, name, _, use in _uses(_explained(answer, says))}
    assert not {("[1]", "not used"), ("[2]", "not used")} & uses


def test_of_two_that_say_the_same_the_one_that_is_not_cited_is_not_missed() -> None:
    answer = f"{FACTS[1]} [1]. Have a nice day."

    def says(prompt: str) -> str:
        known = FACTS[1] in prompt or FACTS[2] in prompt
        return f"{FACTS[1] if known else NOTHING}. Have a nice day."

    assert [use for _, _, cited, use in _uses(_explained(answer, says)) if cited is None] == []


def test_an_effect_smaller_than_any_that_matters_is_no_use() -> None:
    sentence = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    answer = f"{FACTS[1]} [1]. {sentence} fifteen sixteen seventeen eighteen nineteen twenty [3]."

    def says(prompt: str) -> str:
        rest = " fifteen sixteen seventeen eighteen nineteen"
        last = " twenty" if FACTS[3] in prompt else ""
        return f"{_said(prompt, 1)} {sentence}{rest}{last}."

    uses = [use for _, _, cited, use in _uses(_explained(answer, says)) if cited == "[3]"]
    assert uses != ["used"]


def test_of_a_model_that_says_something_else_every_time_all_is_open() -> None:
    answer, count = f"{FACTS[1]} [1].", iter(range(1000))
    uses = _uses(_explained(answer, lambda _: f"Number {next(count)} of {next(count)} it is."))
    assert [use for *_, use in uses] == ["open"]


def test_without_a_citation_nothing_is_said_of_one() -> None:
    answer = f"{FACTS[1]}. {FACTS[2]}."
    assert _explained(answer, lambda p: _said(p, 1, 2), budget=24).citations == ()
