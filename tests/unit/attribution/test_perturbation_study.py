"""The Study with planted models: what is asked, what is told, what comes out."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

import numpy as np
import pytest

from smile_trace.attribution import PerturbationStudy
from smile_trace.records import (
    Explanation,
    ExplanationSettings,
    Message,
    Perturbation,
    Prompted,
    Response,
    Unit,
)
from smile_trace.render.facts import facts
from tests.support.studies import Planted, chat, constant, copying, further, run

pytestmark = pytest.mark.thorough

TEN = "Tell us now where the Pelican sleeps at night please"


@pytest.mark.parametrize("content", ["one two three", TEN, "word " * 60])
def test_a_constant_model_gets_zeros(content: str) -> None:
    explanation = run(content, constant).explanation
    assert explanation.fidelity.status == "no_effect"
    assert [s.attribution for s in explanation.segments] == [0.0] * len(explanation.segments)
    assert not any(s.significant for s in explanation.segments)


@pytest.mark.parametrize(("word", "seed"), [("Pelican", 0), ("night", 1)])
def test_a_copying_model_depends_on_that_word_alone(word: str, seed: int) -> None:
    explanation = run(TEN, copying(word), seed=seed).explanation
    first, *others = explanation.ranked
    assert first.text == word
    assert first.attribution >= 0.95
    assert first.significant
    assert max(abs(s.attribution) for s in others) <= 0.05
    assert not any(s.significant for s in others)
    assert explanation.fidelity.status == "reliable"
    assert word in explanation.summary
    assert [s.leave_one_out for s in explanation.ranked] == [1.0] + [0.0] * 9


EXACT = "every combination asked: exact, no error bars"


@pytest.mark.parametrize("words", [2, 5])
def test_few_segments_are_enumerated_exactly(words: int) -> None:
    asked = run(" ".join(TEN.split()[6 - words : 6]), copying("Pelican"))
    explanation = asked.explanation
    assert len(asked.perturbations) == 2**words - 1
    assert len({p.text_hash for p in asked.perturbations}) == 2**words - 1
    assert explanation.ranked[0].attribution == 1.0
    for s in explanation.segments:
        assert s.ci_low == s.attribution == s.ci_high
        assert s.p_value is None
        assert s.significant == (s.text == "Pelican")
        assert s.leave_one_out == (1.0 if s.text == "Pelican" else 0.0)
    assert explanation.fidelity.r2_heldout is None
    assert explanation.fidelity.status == "reliable"
    assert EXACT in facts(explanation)


def test_every_text_is_the_text_of_its_mask_and_is_asked_once() -> None:
    messages = (
        Message(role="system", content="Be kind, be brief."),
        Message(role="user", content="the dog and the dog"),
    )
    asked = run(messages, copying("brief"))
    words = ["Be", "kind,", "be", "brief.", "the", "dog", "and", "the", "dog"]
    for p in asked.perturbations:
        system = " ".join(w for w, keep in zip(words[:4], p.mask[:4], strict=True) if keep)
        user = " ".join(w for w, keep in zip(words[4:], p.mask[4:], strict=True) if keep)
        assert [(m.role, m.content) for m in p.messages] == [
            (role, content) for role, content in (("system", system), ("user", user)) if content
        ]
        assert any(p.mask)
    texts = Counter(p.text_hash for p in asked.perturbations)
    assert max(texts.values()) == 1
    assert len(texts) <= 40
    seen = {o.text_hash for o in asked.explanation.perturbations}
    assert seen == set(texts)


def test_a_mask_drawn_twice_is_two_rows_and_one_call() -> None:
    asked = run("a b c d e f", copying("c"))
    rows = [o for o in asked.explanation.perturbations if o.kind == "random"]
    drawn = Counter(o.mask for o in rows)
    assert max(drawn.values()) > 1
    texts = [o.text_hash for o in rows] + [o.text_hash for o in asked.perturbations]
    assert len(asked.perturbations) == len(set(texts)) < len(rows) + 7


def test_a_sampled_model_is_asked_again_with_a_new_replicate() -> None:
    asked = run("a b c d e f", copying("c"), deterministic=False)
    keys = [(p.text_hash, p.replicate) for p in asked.perturbations]
    assert len(set(keys)) == len(keys) == len(asked.explanation.perturbations)
    assert len({text for text, _ in keys}) < len(keys)
    assert {s.leave_one_out for s in asked.explanation.segments} == {None}, "it would be noise"


@pytest.mark.parametrize(
    ("options", "temperature", "baselines"),
    [
        ({"deterministic": True}, 0, 1),
        ({"deterministic": True, "remote": True}, 0, 2),
        ({"deterministic": False, "remote": True}, 0, 2),
        ({"deterministic": False, "remote": True}, 0.7, 3),
        ({"deterministic": False}, None, 3),
    ],
)
def test_how_often_the_unperturbed_prompt_is_asked(
    options: dict[str, bool], temperature: float | None, baselines: int
) -> None:
    parameters = {} if temperature is None else {"temperature": temperature}
    prompted = Prompted(messages=chat(TEN), parameters=parameters)
    asked = run(TEN, copying("us"), prompted=prompted, budget=9, **options)  # type: ignore[arg-type]
    assert [p.kind for p in asked.rounds[0]] == ["baseline"] * baselines
    assert all(all(p.mask) and p.messages == chat(TEN) for p in asked.rounds[0])
    assert not any(p.kind == "baseline" for round_ in asked.rounds[1:] for p in round_)


@pytest.mark.parametrize(
    ("budget", "words", "deterministic"),
    [(4, 1, True), (4, 60, False), (9, 2, False), (9, 8, True), (20, 8, False)],
)
def test_the_budget_is_a_cap(budget: int, words: int, deterministic: bool) -> None:
    content = " ".join(f"w{k}" for k in range(words)) + "."
    asked = run(content, copying("w3"), budget=budget, deterministic=deterministic)
    assert len(asked.perturbations) <= budget
    assert asked.explanation.segments


@pytest.mark.parametrize("deterministic", [True, False])
def test_noise_takes_the_whole_budget(deterministic: bool) -> None:
    """A look that stops where luck made the intervals narrow would find drivers in noise."""
    content = " ".join(f"w{k}" for k in range(12))
    generator = np.random.default_rng(2)

    def bird(messages: tuple[Message, ...]) -> str:
        said = "pelican" if messages[0].content == content else generator.choice(BIRDS)
        return f"A {said} sleeps here."

    asked = run(content, bird, deterministic=deterministic)
    assert len(asked.perturbations) == 40
    assert asked.explanation.fidelity.status == "inconclusive"


BIRDS = ["pelican", "heron", "stork", "crane"]


def test_equal_changes_claim_nothing() -> None:
    """Noise in the unperturbed prompt's answers, too: no answer change need exceed that floor."""
    statuses = []
    for seed in range(2):
        generator = np.random.default_rng(seed)

        def numbers(_: tuple[Message, ...], generator: np.random.Generator = generator) -> str:
            said = " ".join(map(str, generator.choice(9, 4, replace=False)))
            return f"The numbers are {said}."

        asked = run(" ".join("abcdefghij"), numbers, deterministic=False, seed=seed)
        statuses.append(asked.explanation.fidelity.status)
        assert not any(s.significant for s in asked.explanation.segments) or (
            statuses[-1] != "no_effect"
        )
    assert statuses.count("reliable") == 0


def test_a_study_without_variation_stops_early() -> None:
    asked = run(" ".join("abcdefghijkl"), constant)
    assert len(asked.perturbations) <= 1 + 12 + 20 + 6
    assert [o.kind for o in asked.explanation.perturbations].count("random") == 20
    assert asked.explanation.fidelity.status == "no_effect"
    assert [row.kind for row in run("one", constant).perturbations] == ["baseline"]


@pytest.mark.parametrize(
    ("budget", "sparse", "deterministic", "status"),
    [
        (40, 6, True, "no_effect"),
        (24, 4, False, "no_effect"),
        (13, 2, True, "inconclusive"),  # some two words are removed together in none of 13 calls
    ],
)
def test_before_it_says_that_nothing_has_an_effect_it_removes_four_fifths(
    budget: int, sparse: int, deterministic: bool, status: str
) -> None:
    content = " ".join(f"w{k}" for k in range(60))
    asked = run(content, constant, budget=budget, deterministic=deterministic)
    assert asked.explanation.fidelity.status == status
    rows = [row for row in asked.perturbations if row.kind == "sparse"]
    assert asked.perturbations[-sparse:] == rows
    assert len(asked.perturbations) <= budget
    assert all(row.keep_probability is None for row in rows)
    assert 0.1 < np.mean([np.mean(row.mask) for row in rows]) < 0.35
    assert [o.kind for o in asked.explanation.perturbations].count("sparse") == sparse


MANY = " ".join(f"w{k}x" for k in range(25))


def any_of(*words: str) -> Callable[[tuple[Message, ...]], str]:
    """A model that answers the same as long as it sees one of these words."""
    return lambda messages: "bird" if any(w in messages[0].content for w in words) else "none"


def test_what_only_masks_without_four_fifths_moved_stays_possible() -> None:
    words = ("w3x", "w9x", "w17x", "w21x")
    found = [run(MANY, any_of(*words), seed=seed).explanation for seed in (4, 13)]
    for explanation in found:
        assert "several parts" in explanation.fidelity.reason
        assert explanation.fidelity.status == "inconclusive"
        assert explanation.cost.target_calls == 40  # it went on
        assert {o.shift for o in explanation.perturbations if o.kind != "sparse"} == {0.0}
        assert max(o.shift or 0 for o in explanation.perturbations if o.kind == "sparse") > 0.5
        assert not any(s.significant or s.attribution for s in explanation.segments)
        truth = (0.5**3 + 0.2**3) / 2
        assert all(s.ci_low < truth < s.ci_high for s in explanation.segments)


@pytest.mark.parametrize("seed", [7, *further(13)])
def test_where_only_four_fifths_moved_the_answer_the_rest_removes_half(seed: int) -> None:
    """Parts that stand in for each other are removed together there more often."""
    asked = run(MANY, any_of("w3x", "w9x", "w17x"), seed=seed)
    assert asked.explanation.fidelity.status != "no_effect"
    rows = asked.perturbations
    last = max(k for k, row in enumerate(rows) if row.kind == "sparse")
    before, rest = rows[:last], rows[last + 1 :]
    assert len(rows) == 40
    assert {row.keep_probability for row in rest} == {0.5}
    assert {row.keep_probability for row in before if row.kind == "random"} == {0.5, 0.8}


def test_a_study_with_narrow_intervals_stops_early() -> None:
    counts = [len(run(TEN, copying("Pelican"), seed=seed).perturbations) for seed in range(2)]
    assert min(counts) <= 1 + 10 + 20
    assert max(counts) <= 40
    assert sum(counts) < 2 * 36


@pytest.mark.parametrize("seed", [0, *further(1)])
def test_two_equivalent_words_are_not_missed_by_an_early_stop(seed: int) -> None:
    """Either of two is enough: removed together they count, which an early stop must not miss."""
    found = run(TEN, any_of("Pelican", "night"), seed=seed).explanation
    assert found.fidelity.status != "no_effect"


def test_a_row_counts_only_when_all_before_it_were_asked() -> None:
    """A later row that happens to need no call of its own would be selected by its mask."""
    settings = ExplanationSettings(model="m", budget=40)
    prompted = Prompted(messages=chat("a b c d e f"))
    study = PerturbationStudy(
        prompted, settings, answer="x", signal="text", deterministic=True, remote=False
    )
    complete: list[tuple[bool, ...]] = []
    for _ in range(2):
        study.tell((p, Response(text="x")) for p in study.ask())
        complete = [o.mask for o in study.result().perturbations]
    while round_ := study.ask():
        study.tell((p, Response(text=p.messages[0].content)) for p in round_)
    assert [o.mask for o in study.result().perturbations][: len(complete)] == complete


def test_the_order_of_responses_changes_nothing() -> None:
    told = [run(TEN, copying("Pelican"), shuffle=k).explanation for k in range(2)]
    assert told[0] == told[1]
    assert told[0] != run(TEN, copying("Pelican"), seed=1).explanation
    assert Explanation.model_validate_json(told[0].model_dump_json()) == told[0]


def test_masks_are_independent_draws_with_their_probability() -> None:
    words = 12
    for deterministic, near in ((False, 1), (True, 2)):  # without noise more of them near
        retained: dict[float, list[float]] = {0.5: [], 0.8: []}
        for seed in range(4):
            asked = run(" ".join("abcdefghijkl"), constant, seed=seed, deterministic=deterministic)
            for p in asked.explanation.perturbations:
                if p.kind == "random":
                    assert p.keep_probability is not None
                    retained[p.keep_probability].append(sum(p.mask) / words)
                else:
                    assert p.keep_probability is None
        for probability, shares in retained.items():
            assert np.mean(shares) == pytest.approx(probability, abs=0.05)
        assert len(retained[0.8]) == pytest.approx(near * len(retained[0.5]), abs=4)


def test_a_failed_call_is_missing_data() -> None:
    def failing(messages: tuple[Message, ...]) -> Response | str:
        content = messages[0].content
        if content != TEN and len(content) % 3 == 0:
            return Response(failure="timeout")
        return copying("Pelican")(messages)

    asked = run(TEN, failing)
    explanation = asked.explanation
    failed = [o for o in explanation.perturbations if o.failure]
    assert failed
    assert all(o.shift is None and o.response is None for o in failed)
    assert explanation.ranked[0].text == "Pelican"
    assert explanation.ranked[0].attribution >= 0.95


def test_an_incomplete_enumeration_is_not_exact() -> None:
    def failing(messages: tuple[Message, ...]) -> Response | str:
        if messages[0].content == "us now":
            return Response(failure="timeout")
        return copying("us")(messages)

    explanation = run("Tell us now", failing).explanation
    assert all((s.ci_low, s.ci_high) == (-1.0, 1.0) for s in explanation.segments)
    assert not any(s.significant for s in explanation.segments)
    assert EXACT not in facts(explanation)


@pytest.mark.parametrize("content", ["pay minus three now", f"{TEN} minus three"])
def test_a_word_without_which_requests_fail_is_named(content: str) -> None:
    """No call is kept for masks that remove it: each says more about the failures."""

    def needs_minus(messages: tuple[Message, ...]) -> Response | str:
        if "minus" not in messages[0].content:
            return Response(failure="400: refused")
        return "the same answer"

    asked = run(content, needs_minus)
    explanation = asked.explanation
    assert explanation.fidelity.status == "partial"
    assert [s.text for s in explanation.segments if s.fails_without] == ["minus"]
    assert explanation.summary.startswith("Without “minus” the request fails; ")
    sparse = [row for row in asked.perturbations if row.kind == "sparse"]
    assert all("minus" in row.messages[0].content for row in sparse)


def test_failures_at_random_are_nobodys_and_prove_nothing() -> None:
    named, unchanged = 0, []
    for seed in range(4):
        generator = np.random.default_rng(seed)

        def flaky(
            messages: tuple[Message, ...], generator: np.random.Generator = generator
        ) -> Response | str:
            failed = messages[0].content != TEN and generator.random() < 0.4
            return Response(failure="timeout") if failed else "the same answer"

        explanation = run(TEN, flaky, seed=seed).explanation
        named += any(s.fails_without for s in explanation.segments)
        unchanged.append(explanation.fidelity.status)
    assert "no_effect" not in unchanged
    assert named <= 1  # of 4; nominally less than 1


@pytest.mark.parametrize("failures", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_unperturbed_prompt_is_asked_again_where_it_fails(failures: int) -> None:
    calls = iter(range(99))

    def late(messages: tuple[Message, ...]) -> Response | str:
        return Response(failure="503") if next(calls) < failures else copying("night")(messages)

    explanation = run(TEN, late, answer="night").explanation
    assert explanation.fidelity.status == "reliable"
    assert explanation.ranked[0].text == "night"
    assert explanation.cost.target_calls <= 40


@pytest.mark.parametrize(
    ("content", "model", "answer", "calls", "reason"),
    [
        (TEN, lambda _: Response(failure="refused"), "x", 3, "no answer"),
        (TEN, constant, "Penguins swim quickly", 1, "does not reproduce the logged answer"),
        ("Pelican", copying("Pelican"), "Pelican", 1, "a single part"),
    ],
)
def test_what_ends_a_study_at_its_beginning(
    content: str, model: Planted, answer: str, calls: int, reason: str
) -> None:
    asked = run(content, model, answer=answer)
    assert len(asked.perturbations) == calls
    assert asked.explanation.fidelity.status == "inconclusive"
    assert reason in asked.explanation.fidelity.reason
    assert {s.attribution for s in asked.explanation.segments} == {0.0}


def test_noise_alone_is_inconclusive_and_its_floor_is_shown() -> None:
    generator = np.random.default_rng(0)

    def noisy(_: object) -> str:
        return " and ".join(generator.choice(BIRDS, 3, replace=False))

    explanation = run(TEN, noisy, deterministic=False).explanation
    assert explanation.fidelity.status != "reliable"
    assert explanation.fidelity.noise_floor > 0.05
    assert explanation.fidelity.noise_ceiling is not None
    assert explanation.fidelity.noise_ceiling < 0.9


def test_probability_mode_reads_the_probability_of_the_logged_answer() -> None:
    def scoring(messages: tuple[Message, ...]) -> Response:
        there = any("Pelican" in m.content for m in messages)
        return Response(text="x", logprobs=tuple(np.log([0.8, 0.6] if there else [0.1, 0.04])))

    explanation = run(TEN, scoring, answer="x", signal="probability").explanation
    assert explanation.signal == "probability"
    assert explanation.ranked[0].text == "Pelican"
    assert explanation.ranked[0].attribution == pytest.approx(0.9, abs=0.01)


def test_an_empty_answer_is_compared_as_text() -> None:
    def says_nothing(messages: tuple[Message, ...]) -> str:
        return "" if any("quiet" in m.content for m in messages) else "All of it!"

    asked = run("please be quiet now", says_nothing, signal="probability")
    assert asked.study.signal == "text"
    assert asked.explanation.ranked[0].text == "quiet"
    assert asked.explanation.ranked[0].attribution == 1.0


@pytest.mark.parametrize("content", ["!!! ??? ...", "?", "…", "\u200b.\u200b"])
def test_only_punctuation_is_a_defined_result(content: str) -> None:
    assert run(content, constant).explanation.fidelity.status in ("no_effect", "inconclusive")


def test_a_protected_segment_is_never_removed() -> None:
    asked = run(TEN, copying("Pelican"), protect=("Pelican",))
    assert all("Pelican" in p.messages[0].content for p in asked.perturbations)
    protected = [s for s in asked.explanation.segments if s.protected]
    assert [(s.text, s.attribution, s.p_value) for s in protected] == [("Pelican", 0.0, None)]
    assert protected[0] not in asked.explanation.ranked


def test_a_result_before_and_between_the_rounds() -> None:
    settings = ExplanationSettings(model="m", budget=40)
    study = PerturbationStudy(
        Prompted(messages=chat(TEN)),
        settings,
        answer="Pelican",
        signal="text",
        deterministic=True,
        remote=False,
    )
    assert study.result().fidelity.status == "inconclusive"
    model = copying("Pelican")
    while round_ := study.ask():
        study.tell((p, Response(text=str(model(p.messages)))) for p in round_)
        between = study.result()
        assert all(s.ci_low <= s.attribution <= s.ci_high for s in between.segments)
    assert between.fidelity.status == "reliable"


def test_a_response_to_what_was_not_asked_is_an_error() -> None:
    asked = run("one two", constant)
    stranger = Perturbation(kind="random", mask=(True, False), messages=chat("other"))
    with pytest.raises(ValueError, match="ask"):
        asked.study.tell([(stranger, Response(text="x"))])


def test_few_rows_do_not_say_that_nothing_has_an_effect() -> None:
    found = [run(TEN, constant, budget=budget, seed=1).explanation for budget in (9, 13)]
    few, enough = (one.fidelity for one in found)
    assert few.status == "inconclusive"
    assert "10 are needed" in few.reason
    assert enough.status == "no_effect"


def test_the_numbers_of_one_noisy_study() -> None:
    """As they were computed once: whoever changes the arithmetic says why they change."""
    generator = np.random.default_rng(4)

    def noisy(messages: tuple[Message, ...]) -> str:
        words = messages[0].content.split()
        if generator.random() < 0.15:
            return "Nobody knows."
        where = "The Pelican sleeps in the reeds" if "Pelican" in words else "It sleeps"
        return where + (" at night." if "night" in words else ".")

    answer = "The Pelican sleeps in the reeds at night."
    found = run(TEN, noisy, answer=answer, deterministic=False).explanation
    near = partial(pytest.approx, abs=0.002)
    assert {s.text: (s.attribution, s.ci_low, s.ci_high, s.p_value) for s in found.segments} == {
        "Tell": near((-0.009, -0.362, 0.231, 0.720)),
        "us": near((-0.005, -0.238, 0.072, 1.000)),
        "now": near((0.094, -0.256, 0.241, 0.837)),
        "where": near((0.002, -0.151, 0.280, 1.000)),
        "the": near((-0.007, -0.411, 0.068, 0.760)),
        "Pelican": near((0.524, 0.414, 0.796, 0.001)),
        "sleeps": near((0.010, -0.233, 0.238, 0.183)),
        "at": near((-0.011, -0.439, 0.139, 0.844)),
        "night": near((0.148, 0.000, 0.364, 0.187)),
        "please": near((0.114, -0.233, 0.206, 0.696)),
    }
    quality = found.fidelity
    assert (quality.r2_heldout, quality.r2_low, quality.r2_high) == near((0.428, 0.034, 0.821))
    assert [s.text for s in found.segments if s.significant] == ["Pelican"]


def _tools(lost: Callable[[tuple[int, ...]], float], seed: int, parts: int = 9) -> Explanation:
    """An agent's call of so many messages that loses this share of its answer; 1 = removed."""
    roles = ("user", "assistant") * parts
    contents = [f"part{k} of it" for k in range(parts)]

    def model(messages: tuple[Message, ...]) -> Response:
        sent = {message.content for message in messages}
        change = lost(tuple(int(content not in sent) for content in contents))
        return Response(text="x", logprobs=(float(np.log(0.9 * (1 - min(change, 0.99)))),))

    messages = chat(*contents, roles=roles)
    return run(
        messages, model, unit="message", answer="x", signal="probability", seed=seed
    ).explanation


@pytest.mark.parametrize("seed", [0, 1, *further(2, 3, 4, 5)])
def test_a_tools_result_with_a_quarter_of_the_effect_is_never_excluded(seed: int) -> None:
    """True effects .66, .24 and .24: without the first result the others do nothing."""
    found = _tools(lambda x: 0.92 if x[1] else 0.37 * (x[3] + x[5]), seed)
    verdicts = [segment.verdict for segment in found.segments]
    assert verdicts[1] == "supports"
    assert "excluded" not in (verdicts[3], verdicts[5])
    named = [s.attribution for s in found.segments if s.significant]
    most = max((s.at_most for s in found.segments if s.verdict == "open"), default=0.0)
    assert (found.status == "reliable") == (most < min(named))


@pytest.mark.parametrize("seed", [2, *further(3)])
def test_two_of_which_either_is_enough_are_not_excluded_unseen(seed: int) -> None:
    """With seed 2 no mask of the first twenty removes both."""
    found = _tools(lambda x: 0.5 * x[1] * x[3] + 0.3 * x[5], seed)
    assert "excluded" not in {found.segments[k].verdict for k in (1, 3, 5)}


def _one_of_nine(messages: tuple[Message, ...]) -> str:
    """A sentence for each of three words, and noise in none."""
    words = messages[0].content.split()
    said = {"Pelican": "The pelican sleeps here.", "night": "It is dark.", "reeds": "Reeds rustle."}
    return " ".join(s for w, s in said.items() if w in words) or "unknown"


@pytest.mark.parametrize(("most", "settled"), [(None, False), (160, True), (34, False)])
def test_a_study_goes_on_until_what_is_open_is_settled(most: int | None, settled: bool) -> None:
    content = "Tell us now where the Pelican in the reeds sleeps at night please and thank you"
    asked = run(content, _one_of_nine, budget=30, distance=_unsaid, until_settled=most)
    found = asked.explanation
    is_open = [s.text for s in found.segments if s.verdict == "open"]
    assert (not is_open) == settled
    assert (found.fidelity.further_calls is None) == settled
    assert len(asked.perturbations) <= (most or 30)
    assert (len(asked.perturbations) > 30) == (most is not None)
    said = f"; about {found.fidelity.further_calls} more calls would settle this (--until-settled)"
    assert (said in found.summary) == (not settled)


@pytest.mark.parametrize("seed", [2, *further(26)])
def test_a_study_that_was_settled_before_its_last_row_goes_on_to_it(seed: int) -> None:
    """It drew ever more rows behind the look at which it had stopped, and asked none."""
    said = {
        "desk": "The desk is oak.",
        "price": "It costs 75 euros.",
        "Friday": "It arrives on Friday.",
        "guarantee": "The guarantee is two years.",
        "Norway": "It was made in Norway.",
    }
    rules = (
        "You sell desks. Say the price in euros. It arrives on Friday. Mention the guarantee. Made "
        "in Norway it is. Be kind. Never lie. Use no lists. Do tell all. Write short. Stay calm. "
        "Ask nothing."
    )

    def model(messages: tuple[Message, ...]) -> str:
        sent = messages[0].content
        told = [s for k, s in said.items() if k in sent and (k != "price" or "tell" in sent)]
        return " ".join(told) or "No."

    asked = run(
        rules, model, unit="sentence", distance=_unsaid, budget=60, until_settled=200, seed=seed
    )
    assert asked.explanation.status == "reliable"


ADDING = {
    "Always tell the price in euros.": "It costs 75 euros.",
    "Name the delivery time.": "It arrives in three days.",
    "Mention the guarantee.": "The guarantee lasts two years.",
    "Say who made it.": "It was made in Norway.",
    "Warn of the weight.": "It weighs forty kilos.",
}


@pytest.mark.parametrize("count", [1, 5])
def test_every_instruction_that_adds_a_sentence_is_named(count: int) -> None:
    rules = list(ADDING)[:count]

    def model(messages: tuple[Message, ...]) -> str:
        sent = messages[0].content
        return " ".join(["Yes, we have it.", *(ADDING[rule] for rule in rules if rule in sent)])

    asked = run(f"You sell desks. {' '.join(rules)} Have you the oak desk?", model, unit="sentence")
    found = asked.explanation
    assert found.status == "reliable"
    assert [s.text for s in found.segments if s.verdict == "supports"] == rules


def _unsaid(logged: np.ndarray, response: np.ndarray) -> float:
    same = np.all(np.abs(logged[:, None] - response[None]) < 1e-6, axis=2)
    return float(1 - np.any(same, axis=1).mean())


def test_a_certain_part_that_the_calls_did_not_take_apart_is_named() -> None:
    rules = (
        "You are the front desk of the Hotel Amsel. Breakfast is served from seven to ten. "
        "The sauna opens at four in the afternoon. Dogs sleep free of charge. Never be rude."
    )
    messages = chat(rules, "May I bring my dog, who is old and sleeps?", roles=("system", "user"))
    few, many = (
        run(messages, copying("free"), unit="auto", budget=budget).explanation
        for budget in (20, 60)
    )
    assert few.summary.endswith(
        "“Dogs sleep free of charge” was not broken down further (--budget)."
    )
    assert any(s.text == "free" and s.significant for s in many.segments)
    assert "broken down further" not in many.summary


def test_of_a_model_that_may_vary_it_goes_on_where_no_mask_told_of_two_parts() -> None:
    rule = "Tell the price in euros."
    content = f"You are a shop. Greet the user. Be brief. {rule} What does the desk cost?"
    asked = run(content, copying(rule), unit="sentence", budget=80, deterministic=False)
    verdicts = {s.text: s.verdict for s in asked.explanation.segments}
    assert verdicts.pop(rule) == "supports"
    assert set(verdicts.values()) == {"excluded"}
    assert len(asked.perturbations) < 80


def test_the_prompt_is_reduced_to_what_matters_where_no_mask_told_of_two_parts() -> None:
    """Of 13 words most pairs are removed together in none of so few rows."""
    content = " ".join(["Pelican", *(f"w{k}" for k in range(12))])
    asked = run(content, copying("Pelican"), budget=40, seed=1)
    reduced = [row for row in asked.perturbations if row.kind == "sparse"]
    assert reduced
    assert {row.messages[0].content for row in reduced} == {"Pelican"}
    assert {s.verdict for s in asked.explanation.segments} == {"supports", "excluded"}


def test_a_comparison_that_does_not_see_what_changed_is_not_reliable() -> None:
    def blind(logged: np.ndarray, response: np.ndarray) -> float:
        return float(len(response) < 3)

    def model(messages: tuple[Message, ...]) -> str:
        words = messages[0].content.split()
        seen = " ".join(f"{word}ish" for word in words if word in ("where", "sleeps", "please"))
        return f"Pelicans always sleep {seen}" if "Pelican" in words else "Unknown"

    found = run(TEN, model, distance=blind).explanation
    assert found.fidelity.unseen > 1 / 3
    assert found.status == "partial"
    assert "may miss what changed" in found.fidelity.reason


OTHERS = "harbour opens most days since last spring near quiet river many visitors"


def warehouse(needed: Sequence[str]) -> Callable[[tuple[Message, ...]], str]:
    """Answers only at the Gate, and with a second sentence where all needed words are there."""

    def model(messages: tuple[Message, ...]) -> str:
        text = messages[0].content
        if "Gate" not in text:
            return "I do not know what you mean by that."
        closes = " Friday closes early." if all(word in text for word in needed) else ""
        return f"The warehouse keeps forty-two crates of saffron in its cellar.{closes}"

    return model


def test_a_part_that_costs_more_alone_than_on_average_is_not_excluded() -> None:
    needed = ("Alpha", "Bravo", "Charlie", "Delta")
    words = [*OTHERS.split(), *OTHERS.upper().split(), "Gate", *needed]
    Random(1).shuffle(words)
    found = run(" ".join(words), warehouse(needed), budget=80).explanation
    said = {s.text: s.verdict for s in found.segments}
    assert "excluded" not in {said[word] for word in needed}
    assert {said[word] for word in words if word not in ("Gate", *needed)} == {"excluded"}


def test_a_study_that_ends_before_its_most_calls_says_why_parts_stay_open() -> None:
    needed = ("Alpha", "Bravo", "Charlie", "Delta", "Echo")
    words = [*OTHERS.split(), "Gate", *needed]
    Random(1).shuffle(words)
    asked = run(" ".join(words), warehouse(needed), budget=60, until_settled=300)
    found = asked.explanation
    assert len(asked.perturbations) < 300
    assert "open" in {s.verdict for s in found.segments}
    assert found.fidelity.further_calls is None
    assert "a part costs more if removed alone than on average" in found.fidelity.reason


@pytest.mark.parametrize("seed", [0, *further(2, 4)])
def test_words_that_cost_a_field_alone_are_told_from_the_excluded(seed: int) -> None:
    """All excluded words are removed at once, then halves of those without which more was lost."""
    note = (
        "Good morning, this is Jonas Berg, we would like to order five Ild stoves for the scouts,"
        " by Friday if possible, please."
    )

    def model(messages: tuple[Message, ...]) -> str:
        words = set(re.findall(r"\w+", messages[0].content))
        fields = {
            "customer": "Jonas Berg" if {"this", "is", "Jonas", "Berg"} <= words else None,
            "product": "Ild stoves" if {"Ild", "stoves"} <= words else None,
            "quantity": 5 if "five" in words else None,
        }
        return json.dumps(fields) if "JSON" in words else "An order."

    prompt = f"Extract the order as JSON with the keys customer, product and quantity. {note}"
    matter = {"JSON", "this", "is", "Jonas", "Berg,", "Ild", "stoves", "five"}
    found = run(prompt, model, budget=80, seed=seed).explanation
    excluded = {s.text for s in found.segments if s.verdict == "excluded"}
    assert not excluded & matter
    assert len(excluded) >= 15


@pytest.mark.parametrize("seed", [0, *further(3, 4)])
def test_no_word_of_a_rule_that_decides_a_field_is_excluded(seed: int) -> None:
    """Ten words decide `team` together, and hardly any random mask retains them all."""
    rule, cause = "over 100 euros go to finance", r"\d+ euros back"

    def model(messages: tuple[Message, ...]) -> str:
        text = messages[0].content
        name, order = re.search(r"Regards, (\w+)", text), re.search(r"order (\d+)", text)
        team = "finance" if rule in text and re.search(cause, text) else "care"
        fields = {"name": name and name[1], "order": order and order[1], "team": team}
        return json.dumps(fields) if "JSON" in text else "How can I help you?"

    prompt = (
        "You sort the mail of a lamp shop. Be careful. Answer in JSON with the fields name, order, "
        f"team. Refunds {rule}. Everything else goes to care. Dear shop, the lamp of order 4711 "
        "came broken. It rained all day. I want my 120 euros back. Regards, Ann"
    )
    found = run(prompt, model, budget=80, seed=seed).explanation
    excluded = {s.text for s in found.segments if s.verdict == "excluded"}
    matter = {*f"JSON Regards, Ann order 4711 {rule}. 120 back.".split()} - {"to"}
    assert not excluded & matter
    assert len(excluded) >= 10
    assert "or fewer, larger parts (--unit sentence)" in found.summary


@pytest.mark.parametrize("unit", ["sentence", "word"])
def test_what_is_said_in_other_words_excludes_nothing(unit: Unit) -> None:
    """“clear of strep” and “showed a strep infection” are near in meaning: a change of .02."""

    def model(messages: tuple[Message, ...]) -> str:
        text = messages[0].content
        clear = "negative" in text
        swab = "The swab was clear of strep." if clear else "The swab showed a strep infection."
        return f"{swab} We open at 8." if "8" in text else swab

    content = (
        "You answer for a clinic. Be brief. Lab result: negative. The practice opens at 8. "
        "The car park is free. What about my swab?"
    )
    found = run(content, model, unit=unit).explanation
    said = {s.text: s for s in found.segments}
    decisive = next(s for text, s in said.items() if "negative" in text)
    assert decisive.verdict != "excluded"
    assert decisive.at_most > 0.1
    assert said["Be brief." if unit == "sentence" else "brief."].verdict == "excluded"
    assert "in other words, which may say the same or something else" in found.fidelity.reason


@pytest.mark.parametrize(
    ("without", "status"),
    [
        ("Einen Arzttermin gibt es für Sie morgen früh.", "partial"),
        ("You have an appointment with the dentist tomorrow.", "reliable"),
    ],
)
def test_an_effect_that_may_be_another_wording_alone_is_told(without: str, status: str) -> None:
    """Other words for all of it may say the same; a word exchanged in a sentence that stays does
    not."""

    def model(messages: tuple[Message, ...]) -> str:
        stays = "Sam" in messages[0].content
        return "You have an appointment with the physician tomorrow." if stays else without

    content = "You book for patients. Be brief. I am Sam. The car park is free. When am I due?"
    found = run(content, model, unit="sentence", budget=80).explanation
    [driver] = [s for s in found.segments if s.significant]
    assert driver.text == "I am Sam."
    assert found.fidelity.status == status
    told = "without “I am Sam” it may say the same in other words" in found.summary
    assert told == ("say the same in other words" in found.fidelity.reason)
    assert told == (status == "partial")
