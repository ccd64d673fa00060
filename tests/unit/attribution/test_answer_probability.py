"""The probability of the logged answer: what is lost of it, and which tokens tell."""

import math

import pytest

from smile_trace.attribution.answer_span import find_answer_span
from smile_trace.attribution.estimation.answer_probability import (
    COUNTED_TOKENS,
    log_probability,
    mean_probability,
    share_lost,
)
from smile_trace.records import Message, Response
from tests.support.studies import run

ANSWER = "the parcel comes on Tuesday morning at the latest of all"
LOST = math.log(1e-4)
KEPT = math.log(0.9)


def test_of_one_token_it_is_the_ratio_of_its_probabilities() -> None:
    assert share_lost(math.log(0.2), math.log(0.8), 1) == pytest.approx(0.75)
    assert share_lost(math.log(0.9), math.log(0.6), 1) == pytest.approx(-0.5)


def test_of_several_tokens_it_is_that_of_their_geometric_means() -> None:
    now, before = [math.log(p) for p in (0.8, 0.1)], [math.log(p) for p in (0.8, 0.4)]
    lost = share_lost(log_probability(now), log_probability(before), 2)
    assert lost == pytest.approx(1 - math.sqrt(0.08 / 0.32))


def test_a_long_answer_counts_as_thirty_two_tokens() -> None:
    assert share_lost(-40.0, -8.0, 500) == share_lost(-40.0, -8.0, COUNTED_TOKENS)
    assert share_lost(-5000.0, -1000.0, 500) == 1.0
    assert share_lost(-1000.0, -5000.0, 500) > -2  # likelier: no overflow
    assert share_lost(-3.0, -3.0, 0) == 0.0


def test_an_impossible_token_is_a_number() -> None:
    assert log_probability([-math.inf, -1.0]) == -51.0
    assert log_probability([0.1]) == 0.0  # a server's rounding
    assert log_probability([]) == 0.0


def test_the_mean_probability() -> None:
    assert mean_probability([math.log(0.5), math.log(0.1)]) == pytest.approx(0.3)
    assert mean_probability([-math.inf]) == 0.0
    assert mean_probability([]) == 1.0


def _scored(messages: tuple[Message, ...]) -> Response:
    """The fifth token depends on w3, the last one a little on w7, the others on nothing."""
    [message] = messages
    words = message.content.split()
    logprobs = [KEPT] * 11
    logprobs[4] = KEPT if "w3" in words else LOST
    logprobs[10] = KEPT if "w7" in words else math.log(0.6)
    tokens = tuple((" " if k else "") + word for k, word in enumerate(ANSWER.split()))
    return Response(text=ANSWER, tokens=tokens, logprobs=tuple(logprobs))


def _prompt(words: int) -> str:
    return " ".join(f"w{k}" for k in range(words))


@pytest.mark.parametrize("words", [5, 10, 40])  # every mask; with each word alone; coarse to fine
def test_the_token_that_depends_on_the_prompt_decides(words: int) -> None:
    asked = run(_prompt(words), _scored, answer=ANSWER, signal="probability", seed=1)
    first, second, *_ = asked.explanation.ranked
    assert "w3" in first.text.split()
    assert first.attribution > 0.4  # a mean over eleven tokens would give at most 1/11
    assert second.attribution < 0.1


def test_a_part_is_compared_by_its_own_tokens() -> None:
    part = find_answer_span(ANSWER, "latest of all")
    asked = run(_prompt(10), _scored, answer=ANSWER, part=part, signal="probability")
    first, second, *_ = asked.explanation.ranked
    assert first.text == "w7"
    assert second.attribution == pytest.approx(0, abs=0.01)


def test_another_split_of_the_same_answer_changes_nothing() -> None:
    """A space before the answer may make one token of two."""

    def scored(messages: tuple[Message, ...]) -> Response:
        response = _scored(messages)
        if "w0" in messages[0].content.split() or response.logprobs is None:
            return response
        first, second, *others = response.logprobs
        return Response(text=ANSWER, logprobs=(first + second, *others))

    attributions = {
        segment.text: segment.attribution
        for segment in run(
            _prompt(5), scored, answer=ANSWER, signal="probability"
        ).explanation.segments
    }
    assert attributions["w0"] == pytest.approx(0, abs=1e-12)
    assert attributions["w3"] > 0.4


def test_an_answer_of_five_hundred_tokens() -> None:
    answer = " ".join(["word"] * 500)

    def scored(messages: tuple[Message, ...]) -> Response:
        [message] = messages
        logprobs = [math.log(0.3)] * 500
        logprobs[300] = KEPT if "w3" in message.content.split() else LOST
        return Response(text=answer, logprobs=tuple(logprobs))

    explanation = run(_prompt(10), scored, answer=answer, signal="probability").explanation
    assert explanation.ranked[0].text == "w3"
    assert explanation.ranked[0].attribution > 0.2
    assert explanation.fidelity.status == "reliable"


def test_a_sampled_answer_is_the_models_own_by_the_mean_over_its_tokens() -> None:
    """One token may have been an unlikely draw."""

    def scored(messages: tuple[Message, ...]) -> Response:
        [message] = messages
        logprobs = [KEPT] * 11
        logprobs[4] = math.log(0.001) if "w3" in message.content.split() else -20.0
        return Response(text=ANSWER, logprobs=tuple(logprobs))

    explanation = run(
        _prompt(10), scored, answer=ANSWER, signal="probability", deterministic=False
    ).explanation
    assert explanation.ranked[0].text == "w3"
    assert explanation.fidelity.status == "reliable"
