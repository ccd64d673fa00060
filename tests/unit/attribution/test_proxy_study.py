"""A study of two planted models: who is asked what, how often, and what is said of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import log
from typing import Any

import pytest

from smile_trace.attribution import PerturbationStudy, Proxy, ProxyStudy
from smile_trace.records import (
    Explanation,
    ExplanationSettings,
    Message,
    Perturbation,
    Prompted,
    Response,
    ToolResult,
)
from tests.support.studies import Planted, chat, constant, copying

pytestmark = pytest.mark.thorough

PROMPT = "my poor old dog ate a red ball while my cat slept"


RESULTS = [f"Parcel {n} left on {day}." for n, day in enumerate(["Monday", "Tuesday", "Friday"])]
RESULTS += ["The refund was approved.", "A new lamp waits."]
SAID = "The dog will be fine, give it water."


def says_of(word: str, said: str = SAID) -> Planted:
    """An answer that depends on one word."""
    return lambda messages: said if word in messages[0].content.split() else "Who do you mean?"


def scores(word: str, likely: float = 0.8) -> Planted:
    """The logged answer is likely where the word is there, and else is not."""

    def score(messages: tuple[Message, ...]) -> Response:
        p = log(likely if word in messages[0].content.split() else likely / 20)
        return Response(text=SAID, tokens=(re.sub(r"\W", "", word), "!"), logprobs=(p, p))

    return score


@dataclass
class Pair:
    """One run: the study and every round."""

    study: ProxyStudy
    rounds: list[list[Perturbation]] = field(default_factory=list)

    def asked(self, who: str) -> list[Perturbation]:
        """Everything that one of the two was asked."""
        return [p for asked in self.rounds for p in asked if p.asked == who]

    @property
    def explanation(self) -> Explanation:
        """The result so far."""
        return self.study.result()


def run(
    target: Planted,
    proxy: Planted,
    *,
    prompt: str | tuple[Message, ...] = PROMPT,
    budget: int = 16,
    seed: int = 0,
    proxy_signal: Any = "text",
    proxy_deterministic: bool = True,
    until: Callable[[Pair], bool] = lambda pair: False,
    **options: Any,
) -> Pair:
    """Asks both until the study is finished, or `until` says so."""
    defaults = {"answer": SAID, "signal": "text", "deterministic": True, "remote": True}
    study = ProxyStudy(
        Prompted(messages=chat(prompt) if isinstance(prompt, str) else prompt),
        ExplanationSettings(model="target", proxy="proxy", budget=budget, seed=seed),
        proxy=Proxy("proxy", proxy_signal, proxy_deterministic, 120),
        **{**defaults, **options},
    )
    pair, models = Pair(study), {"target": target, "proxy": proxy}
    while not until(pair) and (perturbations := study.ask()):
        pair.rounds.append(perturbations)
        said = [models[p.asked](p.messages) for p in perturbations]
        study.tell(
            (p, s if isinstance(s, Response) else Response(text=s))
            for p, s in zip(perturbations, said, strict=True)
        )
    return pair


@pytest.mark.parametrize(
    ("budget", "deterministic"),
    [(8, True), (16, False), pytest.param(20, True, marks=pytest.mark.slow)],
)
def test_the_target_is_asked_few_and_the_proxy_many(budget: int, deterministic: bool) -> None:
    pair = run(
        says_of("dog"),
        says_of("dog", "It will be fine."),
        budget=budget,
        deterministic=deterministic,
        proxy_deterministic=deterministic,
    )
    assert budget - 4 <= len(pair.asked("target")) <= budget
    assert 60 <= len(pair.asked("proxy")) <= 120 + budget
    assert pair.explanation.cost.target_calls == len(pair.asked("target"))
    assert pair.explanation.cost.proxy_calls == len(pair.asked("proxy"))
    keys = [(p.asked, p.text_hash, p.replicate) for asked in pair.rounds for p in asked]
    assert len(keys) == len(set(keys))  # nothing is paid for twice
    assert {p.text_hash for p in pair.asked("target")} <= {p.text_hash for p in pair.asked("proxy")}
    # The target is asked what it would be asked alone.
    _, asked = alone(says_of("dog"), budget=budget, deterministic=deterministic)
    assert [p.mask for p in pair.asked("target")] == [p.mask for p in asked]
    assert {p.mask for p in asked} <= {p.mask for p in pair.asked("proxy")}


@pytest.mark.parametrize("fact", ["Monday", "my order"])
def test_tool_results_and_messages_are_levels_side_by_side(fact: str) -> None:
    messages = [
        *chat("You answer customers.", "Good morning!", "What became of my order?"),
        *chat("I am in Bergen.", "It rains here.", "Please be brief."),
        *(Message(role="tool", parts=(ToolResult(id=r, response=r),)) for r in RESULTS),
    ]
    says = copying(fact)
    pair = run(says, says, prompt=tuple(messages), answer=fact, budget=40, unit="auto")
    found = pair.explanation
    [driver] = [s for s in (*found.coarser, *found.segments) if s.significant and s.parent is None]
    assert fact in driver.text
    assert (driver.unit == "tool_result") is (fact == "Monday")
    assert found.status == "reliable"  # the level without effect decides nothing


@pytest.mark.parametrize("budget", [8, 16])
def test_with_a_good_proxy_eight_calls_do(budget: int) -> None:
    explanation = run(says_of("dog"), says_of("dog", "It will be fine."), budget=budget).explanation
    assert explanation.ranked[0].text == "dog"
    assert explanation.ranked[0].attribution > 0.8
    assert all(abs(s.attribution) < 0.05 for s in explanation.ranked[1:])
    use = explanation.proxy
    assert use is not None
    assert (use.name, use.signal, use.dropped) == ("proxy", "text", None)
    assert use.agreement in (1.0, None)  # of eight calls none may have left the word out alone
    assert use.trust > 0.9
    assert not explanation.proxy_scored


def test_a_proxy_with_another_driver_is_not_followed() -> None:
    pair = run(says_of("dog"), says_of("ball"), budget=20)
    use = pair.explanation.proxy
    assert use is not None
    assert use.trust < 0.3
    assert use.agreement is not None
    assert use.agreement < 0.8
    by_text = {s.text: s.attribution for s in pair.explanation.segments}
    assert by_text["dog"] > 0.3
    assert abs(by_text["ball"]) < 0.2


def test_the_proxy_scores_the_target_s_own_answer() -> None:
    pair = run(says_of("dog"), scores("dog"), proxy_signal="probability")
    assert pair.study.proxy_signal == "probability"
    assert pair.explanation.proxy_scored
    use = pair.explanation.proxy
    assert use is not None
    assert use.signal == "probability"
    assert use.trust > 0.9
    seen = {o.asked: o for o in pair.explanation.perturbations}
    assert seen["proxy"].shift is not None
    assert pair.explanation.ranked[0].text == "dog"


@pytest.mark.parametrize(
    ("proxy", "signal", "dropped"),
    [
        (scores("dog", 0.005), "probability", "next to no probability"),
        (
            lambda messages: Response(failure="refused"),
            "text",
            "it gave no answer to the unperturbed prompt",
        ),
    ],
)
def test_a_proxy_that_cannot_give_an_answer_is_dropped(
    proxy: Planted, signal: str, dropped: str
) -> None:
    pair = run(says_of("dog"), proxy, proxy_signal=signal)
    use = pair.explanation.proxy
    assert use is not None
    assert dropped in (use.dropped or "")
    assert len(pair.asked("proxy")) == 1
    assert len(pair.asked("target")) == 16
    assert pair.explanation.ranked[0].text == "dog"


def test_few_segments_are_all_asked_of_the_target() -> None:
    pair = run(copying("dog"), copying("dog"), prompt="the dog ate", answer="dog", budget=16)
    assert not pair.asked("proxy")
    assert pair.explanation.fidelity.status == "reliable"
    assert pair.explanation.proxy is not None
    assert "every combination" in (pair.explanation.proxy.dropped or "")


def test_too_few_target_calls_are_never_reliable() -> None:
    explanation = run(says_of("dog"), says_of("dog"), budget=7).explanation
    assert explanation.fidelity.status == "inconclusive"
    assert "8 are needed" in explanation.fidelity.reason
    assert run(says_of("dog"), says_of("dog"), budget=12).explanation.fidelity.status == "reliable"


@pytest.mark.slow
def test_few_target_calls_take_a_proxy_that_is_all_but_certain() -> None:
    likes_cats = "The dog will be fine, and so will the cat."

    def partly(messages: tuple[Message, ...]) -> str:
        words = messages[0].content.split()
        return likes_cats if "dog" in words and "poor" in words else "Who do you mean?"

    for seed in range(2):
        found = run(says_of("dog"), partly, budget=8, seed=seed).explanation
        assert found.proxy is not None
        if found.fidelity.status == "reliable" and found.proxy.trust > 0.5:
            assert found.proxy.trust > 0.99 or any(s.significant for s in found.segments)


def test_failed_answers_do_not_count() -> None:
    told: list[int] = []

    def failing(messages: tuple[Message, ...]) -> str | Response:
        told.append(1)
        if len(told) > 6:
            return Response(failure="no")
        return says_of("dog")(messages)

    explanation = run(failing, says_of("dog"), budget=16).explanation
    assert explanation.fidelity.status == "inconclusive"
    assert "6 answers of the model itself" in explanation.fidelity.reason


def test_a_baseline_that_is_not_reproduced_ends_the_study() -> None:
    pair = run(lambda messages: "Bananas are yellow.", says_of("dog"))
    assert len(pair.rounds) == 1
    assert pair.explanation.fidelity.status == "inconclusive"


def test_a_constant_target_has_no_effects() -> None:
    explanation = run(constant, says_of("dog"), answer=str(constant(()))).explanation
    assert explanation.fidelity.status == "no_effect"
    assert not any(s.significant for s in explanation.segments)
    assert explanation.proxy is not None
    assert explanation.proxy.agreement is None  # nothing of the target's to order


def test_the_target_s_masks_do_not_depend_on_what_it_answers() -> None:
    one, other = run(says_of("dog"), says_of("dog")), run(says_of("cat"), says_of("dog"))
    assert [p.mask for p in one.asked("target")] == [p.mask for p in other.asked("target")]
    drawn = [p for p in one.asked("target") if p.kind == "random"]
    assert {p.keep_probability for p in drawn} == {0.5, 0.8}


def alone(target: Planted, *, budget: int, deterministic: bool) -> tuple[PerturbationStudy, list]:
    """The study of the target without a proxy, and what it was asked."""
    study = PerturbationStudy(
        Prompted(messages=chat(PROMPT)),
        ExplanationSettings(model="target", budget=budget),
        answer=SAID,
        signal="text",
        deterministic=deterministic,
        remote=True,
    )
    asked = []
    while perturbations := study.ask():
        asked += perturbations
        said = [target(p.messages) for p in perturbations]
        study.tell((p, Response(text=str(s))) for p, s in zip(perturbations, said, strict=True))
    return study, asked


@pytest.mark.parametrize("deterministic", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_beside_a_proxy_that_knows_nothing_it_is_explained_as_alone(deterministic: bool) -> None:
    pair = run(says_of("dog"), says_of("cat"), deterministic=deterministic)
    study, _ = alone(says_of("dog"), budget=16, deterministic=deterministic)
    found, expected = pair.explanation, study.result()
    assert found.proxy is not None
    assert found.proxy.trust < 0.5
    for field_name in ("segments", "fidelity", "summary", "interactions"):
        assert getattr(found, field_name) == getattr(expected, field_name)
    assert found.cost.target_calls == expected.cost.target_calls
    assert found.cost.proxy_calls == len(pair.asked("proxy"))
    assert {row.asked for row in found.perturbations} == {"target", "proxy"}


@pytest.mark.slow
def test_the_same_responses_give_the_same_explanation_and_any_round_has_one() -> None:
    early: list[Explanation] = []

    def look(pair: Pair) -> bool:
        if pair.rounds:
            early.append(pair.explanation)
        return False

    fine = says_of("dog", "Fine.")
    one = run(says_of("dog"), fine, deterministic=False, until=look)
    again = run(says_of("dog"), fine, deterministic=False)
    assert one.explanation == again.explanation
    assert len(early) == len(one.rounds)
    for explanation in early:
        assert explanation.segments
        assert explanation.fidelity.status in ("reliable", "inconclusive", "no_effect")


def test_a_long_prompt_is_refined_where_the_proxy_shows_an_effect() -> None:
    filler = [f"Sentence number {k} of this text says nothing at all of use." for k in range(24)]
    filler[15] = "By the way my dog ate a ball."
    pair = run(says_of("dog"), says_of("dog", "Fine."), prompt=" ".join(filler), budget=20)
    explanation = pair.explanation
    assert len(explanation.partitions) == 2
    assert [p.kind for p in pair.asked("target")].count("chosen") == 4  # two on each level
    assert explanation.ranked[0].text == "dog"
    assert len(pair.asked("target")) <= 20
    assert "dog" in max(explanation.coarser, key=lambda s: s.attribution).text


def test_a_response_to_what_was_not_asked_is_an_error() -> None:
    pair = run(says_of("dog"), says_of("dog"), until=lambda pair: len(pair.rounds) == 2)
    strange = pair.rounds[0][0].model_copy(update={"replicate": 9})
    with pytest.raises(ValueError, match="only perturbations"):
        pair.study.tell([(strange, Response(text="no"))])
