"""The benchmark on natural answers: a planted model in place of the packaged one."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.natural.cases import HALVES, Case, load
from benchmarks.natural.explainers import EXPLAINERS
from benchmarks.natural.report import tables
from benchmarks.natural.responses import Responses
from benchmarks.natural.truth import driver
from smile_trace.records import Signal

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
def test_the_driver_is_found_however_long_the_prompt_is(
    words: int, signal: Signal, tmp_path: Path
) -> None:
    prompt = " ".join(f"orchard{k}" for k in range(words))
    case = Case(0, "tuning", prompt, 3)
    responses = Responses(lambda: Planted("orchard4"), tmp_path / "responses.json.xz")
    found = driver(case, responses, signal)
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
        }
        for case, hits in enumerate([(1, 0), (1, 1), (0, 0), (1, 0)])
        for name, hit in zip((ours, theirs), hits, strict=True)
    ]
    truth = [
        {"case": 0, "signal": "probability", "cost": 9.0, "second": 1.0},
        {"case": 1, "signal": "probability", "cost": 2.0, "second": 1.9},
        {"case": 1, "signal": "text", "cost": 9.0, "second": 1.0},
    ]
    table = tables(rows, truth)
    assert "Held out** (4 prompts)" in table
    assert "Held out, clear drivers** (1 prompts)" in table
    line, of_clear = [line for line in table.splitlines() if ours in line]
    assert line.startswith(f"| {ours} | 4 | 32 | 0.75 [")
    assert "+0.50 [" in line
    assert "+1.00 [" in of_clear
