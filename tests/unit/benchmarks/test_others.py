"""The benchmarks on natural answers, tools, probes and scale: what they tell."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

import smile_trace
from benchmarks.natural.cases import HALVES, Case, load
from benchmarks.natural.explainers import EXPLAINERS
from benchmarks.natural.report import tables
from benchmarks.natural.responses import Responses
from benchmarks.natural.truth import driver
from benchmarks.probes import real
from benchmarks.probes.planted import Planted as PlantedProbes
from benchmarks.probes.planted import profile_of
from benchmarks.probes.prompts import prompts
from benchmarks.scale.paper import processes, rates
from benchmarks.statistics.tool_choice import (
    EXAMPLES,
    PARAMETERS,
    Answers,
    chat,
    deciding,
    explain,
    planted,
)
from smile_trace.records import JSON, Signal
from smile_trace.records.profile import Profile
from tests.support.paths import ROOT

pytestmark = pytest.mark.thorough

ANSWER = [7, 8, 9]


class Planted:
    """Knows the answer where the prompt has the word; every other word is worth a little."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.asked = 0

    def generate(self, texts: Sequence[str], tokens: int) -> list[list[int]]:
        self.asked += len(texts)
        return [ANSWER if self.word in text.split() else [1, 2] for text in texts]

    def score(self, texts: Sequence[str], answer: Sequence[int]) -> list[list[float]]:
        self.asked += len(texts)
        worth = [len(text.split()) / 1000 for text in texts]
        return [
            [-0.2, -0.1, (-0.3 if self.word in text.split() else -6.0) + more]
            for text, more in zip(texts, worth, strict=True)
        ]

    def decode(self, tokens: Sequence[int]) -> str:
        return "They grow seven kinds of apples." if list(tokens) == ANSWER else "Nothing at all."


def test_the_prompts() -> None:
    cases = load()
    assert Counter(case.half for case in cases) == dict.fromkeys(HALVES, 20)
    sizes = [len(case.prompt.split()) for case in cases]
    assert min(sizes) == 5
    assert max(sizes) > 350
    assert {case.tokens for case in cases} >= {16, 64, 200}


@pytest.mark.parametrize("signal", ["probability", "text"])
@pytest.mark.parametrize("words", [6, 20, 70])
def test_the_driver_is_found_and_halves_agree_on_it_up_to_sixty_words(
    words: int, signal: Signal, tmp_path: Path
) -> None:
    prompt = " ".join(f"orchard{k}" for k in range(words))
    case = Case(0, "tuning", prompt, 3)
    responses = Responses(lambda: Planted("orchard4"), tmp_path / "responses.json.xz")
    found = driver(case, responses, signal)
    if words > 60:
        assert found is None
        return
    assert found is not None
    assert found.agreed
    assert len(found.costs) == words
    assert case.words[found.place].text == "orchard4"
    assert found.cost > (3 if signal == "probability" else 0.5) > 2 * found.second


@pytest.mark.parametrize("name", EXPLAINERS)
def test_every_method_finds_a_planted_driver_within_its_calls(name: str, tmp_path: Path) -> None:
    _, calls, explain = EXPLAINERS[name]
    case = Case(0, "tuning", "A farmer in the north of Kent grows old apples and pears", 3)
    model = Planted("Kent")
    scores = explain(case, Responses(lambda: model, tmp_path / "none"), calls, 0)
    assert case.words[max(range(len(scores)), key=lambda k: scores[k])].text == "Kent"
    assert model.asked <= calls + 1  # the answer itself, which comes from the log


def test_what_was_asked_is_stored_and_not_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "responses.json.xz"
    first = Responses(lambda: Planted("x"), path)
    text, ids = first.answer("x y", 3)
    scored = first.score(["x y", "y"], text, ids)
    said = first.generate(["y"], 3)
    first.save()

    def no_model() -> Planted:
        raise AssertionError("it is stored")

    again = Responses(no_model, path)
    assert again.answer("x y", 3) == (text, ids)
    assert again.score(["y", "x y"], text, ids) == scored[::-1]
    assert again.generate(["y"], 3) == said
    assert scored[1].logprobs is not None
    assert math.isclose(scored[1].logprobs[2], -6.0, abs_tol=0.01)


def test_the_table_compares_prompt_by_prompt() -> None:
    ours, theirs = "smile-trace, probability", "context-cite, probability"
    rows = [
        {
            "half": "held_out",
            "case": case,
            "explainer": name,
            "seed": 0,
            "content_1": hit,
            "content_3": 1.0,
            "hit_1": 0.0,
            "named": 0.9 if case else None,
        }
        for case, hits in enumerate([(1, 0), (1, 1), (0, 0), (1, 0)])
        for name, hit in zip((ours, theirs), hits, strict=True)
    ]
    truth = [
        {"case": 0, "signal": "probability", "agreed": True},
        {"case": 1, "signal": "probability", "agreed": False},
        {"case": 1, "signal": "text", "agreed": True},
    ]
    table = tables(rows, truth)
    assert "Held out** (4 prompts)" in table
    assert "Held out, agreed** (1 prompts)" in table
    line, of_agreed = [line for line in table.splitlines() if ours in line]
    assert line.startswith(f"| {ours} | 4 | 32 | 0.75 [")
    assert "+0.50 [" in line
    assert "| – |" in line  # the effect of the named is not known of every prompt
    assert "+1.00 [" in of_agreed


MESSAGES = {
    "Could you check the bell for me?": "bell",
    "Show the forecast for next Sunday.": "forecast",
    "Let the piano start very softly.": "piano",
}


@pytest.mark.slow
@pytest.mark.parametrize("message", MESSAGES)
def test_the_word_that_decides_is_first(message: str) -> None:
    """Of what a real model said, and of a planted one that calls tools."""
    say, word = Answers(ask=False).say, MESSAGES[message]
    assert deciding(message, say) == [word]
    assert explain(message, say).ranked[0].text == word
    found = planted(message, word)
    assert (found.ranked[0].text, found.status) == (word, "reliable")


@pytest.mark.model
@pytest.mark.slow
def test_the_demo_model_chooses_by_an_enumeration() -> None:
    [message, word] = next(iter(MESSAGES.items()))
    found = smile_trace.explain(
        chat(message),
        model="demo",
        parameters=PARAMETERS,
        unit="word",
        answer_part="$.tool",
        protect=("assistant", *EXAMPLES),
        signal="text",
        budget=16,
    )
    assert found.answer[slice(*found.answer_part or (0, 0))] == "alarm"
    assert found.ranked[0].text == word


def _planted(_: str, *, model: str, seed: int, budget: int, parameters: JSON) -> Profile:
    return profile_of(PlantedProbes({"order": 1.0}), seed, budget=budget)


def test_any_five_prompts_in_turn_are_one_of_each_kind() -> None:
    kinds = [kind for kind, _ in prompts()]

    assert len({text for _, text in prompts()}) == 50
    assert all(len(set(kinds[at : at + 5])) == 5 for at in range(len(kinds) - 4))


def test_kept_profiles_are_not_made_again_and_told_per_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real, "PROFILES", tmp_path / "real.jsonl.gz")
    monkeypatch.setattr(real, "profile", _planted)
    for one in real.missing(1, []):
        real.keep(one)

    made = real.load()

    assert [(one.model, one.number) for one in made] == [("demo", 0), ("demo-completion", 0)]
    assert not list(real.missing(1, made))
    assert max(len(result.variants) for result in made[0].profile.results.values()) == 1
    rows = real.table(made)[2:]
    assert len(rows) == 2 * len(made[0].profile.results)
    assert [row for row in rows if "| order | 1 | 1 |" in row]


@pytest.mark.parametrize("table", [rates, processes])
def test_the_page_has_the_tables(table) -> None:
    assert table() in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
