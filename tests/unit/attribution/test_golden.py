"""Explanations of planted models, each kept for what it shows, and properties of the estimand.

The models answer with the logged answer or with nothing of it, so that no comparison of texts
decides. What is kept of each stands in `tests/data/golden/explanations.jsonl`; where a change of
the method is meant to change it, `python -m tests.unit.attribution.test_golden` writes it anew,
and the difference is part of the change.
"""

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_trace.dialects.document_search import Finder
from smile_trace.records import (
    Document,
    Explanation,
    Message,
    Prompted,
    Response,
    ToolCall,
    ToolResult,
)
from tests.support.paths import DATA
from tests.support.studies import Planted, chat, constant, copying, run

pytestmark = pytest.mark.thorough

FILE = DATA / "golden" / "explanations.jsonl"
NEAR, NEAR_ENDS = 0.02, 0.05
"""How far attributions, and the ends of intervals, may be from what is kept: sums that end in a
tie are broken by their last bit, which is the processor's."""

LONG = "please tell me whether the Eiffel Tower stands near here or there today friend"
SHORT = "where is the Eiffel Tower"
DOCUMENTS = (
    "The warranty lasts 24 months.",
    "Returns are free for two weeks.",
    "Delivery takes three days.",
    "Gifts are wrapped on request.",
)


def holding(rule: Callable[[Callable[[str], bool]], bool]) -> Planted:
    """Answers where the rule holds, which asks whether a text is in the prompt."""

    def model(messages: tuple[Message, ...]) -> str:
        sent = " ".join(message.content for message in messages)
        return "Paris" if rule(lambda text: text in sent) else "unknown"

    return model


def noisy(model: Planted, share: float, seed: int = 7) -> Planted:
    """That model, which loses the answer in a share of the calls, whatever it is asked."""
    generator = np.random.default_rng(seed)
    return lambda messages: "unknown" if generator.random() < share else model(messages)


def scoring(probability: Callable[[str], float]) -> Planted:
    """Scores the answer, a single token, by the words of the prompt."""

    def model(messages: tuple[Message, ...]) -> Response:
        likely = probability(" ".join(message.content for message in messages))
        return Response(text="x", logprobs=(float(np.log(likely)),))

    return model


def failing(messages: tuple[Message, ...]) -> Response:
    """Answers, but for a request without one word, which fails."""
    there = any("Tower" in message.content for message in messages)
    return Response(text="Paris") if there else Response(failure="400 Bad Request")


def one_driver() -> Explanation:
    return run(LONG, copying("Eiffel")).explanation


def every_mask_of_five_words() -> Explanation:
    return run(
        SHORT, holding(lambda has: has("Tower") and (has("Eiffel") or has("where")))
    ).explanation


def either_is_enough() -> Explanation:
    return run(LONG, holding(lambda has: has("Eiffel") or has("Tower"))).explanation


def only_together() -> Explanation:
    return run(LONG, holding(lambda has: has("Eiffel") and has("Tower"))).explanation


def a_word_against_the_answer() -> Explanation:
    """Without “not”, the answer would not need “really”."""
    excused = holding(lambda has: has("capital") and (not has("not") or has("really")))
    return run("it is not really the capital", excused).explanation


def no_effect() -> Explanation:
    return run(LONG, constant).explanation


def noise_alone() -> Explanation:
    return run(LONG, noisy(constant, 0.25), deterministic=False).explanation


def a_driver_in_noise() -> Explanation:
    return run(LONG, noisy(copying("Eiffel"), 0.1), deterministic=False, budget=60).explanation


def probability() -> Explanation:
    weights = {"Eiffel": 0.5, "Tower": 0.25}
    model = scoring(lambda sent: 0.05 + sum(w for word, w in weights.items() if word in sent))
    return run(LONG, model, answer="x", signal="probability").explanation


def chat_messages() -> Explanation:
    roles = ("system", "user", "assistant", "user")
    messages = chat("You know Paris.", "Hello!", "How can I help?", "Where is it?", roles=roles)
    return run(messages, holding(lambda has: has("You know Paris.")), unit="message").explanation


def retrieved_documents() -> Explanation:
    documents = [Document(id=f"d{k}", text=text) for k, text in enumerate(DOCUMENTS)]
    messages = chat("\n\n".join((*DOCUMENTS, "How long is the warranty?")))
    prompted = Prompted(messages=messages, documents=tuple(Finder().find(documents, messages)))
    model = holding(lambda has: has("24 months"))
    return run(messages, model, unit="document", prompted=prompted).explanation


def a_tools_result() -> Explanation:
    results = ('{"city": "Paris"}', '{"weather": "rain"}', '{"day": "Friday"}')
    messages = [Message(role="user", content="Where and when?")]
    for number, result in enumerate(results):
        call = ToolCall(id=str(number), name="look_up", arguments="{}")
        messages.append(Message(role="assistant", parts=(call,)))
        given = ToolResult(id=str(number), response=result)
        messages.append(Message(role="tool", parts=(given,)))
    model = holding(lambda has: has('"Paris"'))
    return run(tuple(messages), model, unit="tool_result").explanation


def protected() -> Explanation:
    """The driver is never removed: nothing else has an effect."""
    return run(LONG, copying("Eiffel"), protect=["Eiffel"]).explanation


def requests_fail_without_a_word() -> Explanation:
    return run(SHORT, failing).explanation


def from_sections_to_words() -> Explanation:
    rest = "\n\n".join(
        f"Section {k}\nNothing of this matters at all. Nor does that." for k in range(9)
    )
    text = f"{rest}\n\nThe place\nIt stands near the Eiffel Tower. It is tall.\n\nWhere is it?"
    return run(text, copying("Eiffel"), unit="auto", budget=80).explanation


SHOWN = (
    one_driver,
    every_mask_of_five_words,
    either_is_enough,
    only_together,
    a_word_against_the_answer,
    no_effect,
    noise_alone,
    a_driver_in_noise,
    probability,
    chat_messages,
    retrieved_documents,
    a_tools_result,
    protected,
    requests_fail_without_a_word,
    from_sections_to_words,
)


def kept(explanation: Explanation) -> dict[str, Any]:
    """What of an explanation is the answer to its question."""
    texts = {s.key: s.text for s in (*explanation.segments, *explanation.coarser)}
    return {
        "status": explanation.status,
        "signal": explanation.signal,
        "segments": [
            {
                "text": s.text,
                "says": s.verdict,
                "attribution": round(s.attribution, 4),
                "interval": [round(s.ci_low, 4), round(s.ci_high, 4)],
            }
            for s in explanation.segments
        ],
        "pairs": [[p.kind, texts[p.first], texts[p.second]] for p in explanation.interactions],
    }


def _kept() -> dict[str, dict[str, Any]]:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return {document.pop("shows"): document for document in map(json.loads, lines)}


def _numbers(document: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Takes its attributions and the ends of its intervals out of it."""
    segments = document["segments"]
    return [s.pop("attribution") for s in segments], [
        end for s in segments for end in s.pop("interval")
    ]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda made: made.__name__)
def test_golden(shown: Callable[[], Explanation]) -> None:
    found, wanted = kept(shown()), _kept()[shown.__name__]
    for now, then, near in zip(_numbers(found), _numbers(wanted), (NEAR, NEAR_ENDS), strict=True):
        assert now == pytest.approx(then, abs=near)
    assert found == wanted


def attributions(words: tuple[str, ...], model: Planted, **options: Any) -> dict[str, float]:
    explanation = run(" ".join(words), model, **options).explanation
    return {s.text: s.attribution for s in explanation.segments}


WEIGHTS = {"one": 0.4, "two": 0.25, "three": 0.15, "four": 0.0, "five": 0.1}
ADDITIVE = scoring(lambda sent: 0.1 + sum(w for word, w in WEIGHTS.items() if word in sent.split()))
SCORED: dict[str, Any] = {"answer": "x", "signal": "probability"}
RULES = {
    "driver": lambda has: has("two"),
    "either": lambda has: has("two") or has("four"),
    "both": lambda has: has("two") and has("four"),
    "against": lambda has: has("one") and (not has("two") or has("three")),
}


def test_over_all_masks_an_additive_model_gives_its_weights_and_they_sum_to_the_change() -> None:
    found = attributions(tuple(WEIGHTS), ADDITIVE, **SCORED)
    assert found == pytest.approx(WEIGHTS)
    assert sum(found.values()) == pytest.approx(0.9)


@pytest.mark.parametrize("rule", RULES)
def test_words_in_another_order_have_the_same_attributions(rule: str) -> None:
    words, model = ("one", "two", "three", "four"), holding(RULES[rule])
    first = attributions(words, model)
    for order in list(permutations(words))[1::5]:
        assert attributions(order, model) == pytest.approx(first)


@pytest.mark.parametrize("rule", RULES)
def test_a_word_that_the_model_does_not_read_gets_nothing_and_takes_little(rule: str) -> None:
    words, model = ("one", "two", "three", "four"), holding(RULES[rule])
    before, after = attributions(words, model), attributions((*words, "unread"), model)
    assert after.pop("unread") == pytest.approx(0)
    assert after == pytest.approx(before, abs=0.05)  # it makes larger sets to remove


@pytest.mark.parametrize("seed", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_the_weights_of_an_additive_model_lie_in_their_intervals(seed: int) -> None:
    words = LONG.split()
    weights = dict.fromkeys(words, 0.0) | {"Eiffel": 0.4, "Tower": 0.3, "near": 0.2}
    model = scoring(
        lambda sent: 0.1 + sum(weight for word, weight in weights.items() if word in sent.split())
    )
    explanation = run(LONG, model, budget=60, seed=seed, **SCORED).explanation
    for s in explanation.segments:
        assert s.ci_low - 1e-9 <= weights[s.text] <= s.ci_high + 1e-9, s


def record(file: Path = FILE) -> None:
    """Write down what is shown now."""
    file.parent.mkdir(exist_ok=True)
    lines = ({"shows": shown.__name__, **kept(shown())} for shown in SHOWN)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    record()
