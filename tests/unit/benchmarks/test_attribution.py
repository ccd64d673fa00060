"""The attribution benchmark measures what it says; the peers themselves are not installed here."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.attribution import long_prompts, measures, report
from benchmarks.attribution.cases import SPLITS, Case, load
from benchmarks.attribution.exact import exact
from benchmarks.attribution.paired import difference
from benchmarks.attribution.peers import leave_one_out, ours
from benchmarks.attribution.peers.base import at_most, last_within
from benchmarks.attribution.question import Array, Question, TooMany
from benchmarks.attribution.stored_rows import Piece, Row, make_missing, read
from benchmarks.statistics.worlds import World, planted
from smile_trace.attribution.estimation import inference
from smile_trace.records import Response


def words(size: int) -> tuple[str, ...]:
    return tuple(f"word{k}" for k in range(size))


class Planted:
    """Gives an answer the probability 1 − answer change, whatever the answer."""

    def __init__(self, world: World) -> None:
        self.world = world

    def generate(self, texts: Sequence[str]) -> list[Response]:
        raise NotImplementedError

    def score(self, texts: Sequence[str], answer: str) -> list[Response]:
        return [self.scored(text, answer) for text in texts]

    def scored(self, text: str, answer: str) -> Response:
        kept = text.split()
        x = np.array([[float(word not in kept) for word in words(self.world.segments)]])
        log = math.log(max(1 - float(self.world.change(x)[0]), 1e-6))
        return Response(text=answer, logprobs=(log,), likeliest_by=0.0)


def question(world: World) -> Question:
    case = Case("plain", " ".join(words(world.segments)), "answer", (words(world.segments)[1],))
    return Question(case, "probability", Planted(world))


def linear(*weights: float) -> World:
    return World("linear", len(weights), (1,), lambda x: 0.1 + x @ np.array(weights))


def test_the_halves_are_thirty_each_and_share_no_prompt() -> None:
    halves = [load(split) for split in SPLITS]
    assert [len(half) for half in halves] == [30, 30]
    assert not {c.prompt for c in halves[0]} & {c.prompt for c in halves[1]}
    for case in (case for half in halves for case in half):
        assert case.without(()) == case.prompt
        assert bool(case.driving) == (case.kind != "nothing")
        assert all(case.words[place] for place in case.driving)


def test_the_last_occurrence_of_a_marked_word_counts_and_the_tail_is_no_player() -> None:
    case = Case("protected_tail", "Rex is a dog. My dog. Name:", "Rex", ("dog.",), protect="Name:")
    assert case.words == ("Rex", "is", "a", "dog.", "My", "dog.")
    assert case.driving == (5,)
    assert case.places("Rex is a") == (0, 1, 2)
    assert case.without((5,)) == "Rex is a dog. My Name:"
    with pytest.raises(ValueError, match="cat"):
        case.places("cat")


def test_a_text_that_is_not_the_prompt_with_words_left_out_is_refused() -> None:
    asked = question(linear(0.1, 0.4, 0.05))
    assert asked.values_of(["word0 word2", ""]) == pytest.approx([0.5, 0.0])
    for strange in ("…word1 word2", "word2 word0", "word0 word0"):
        with pytest.raises(ValueError, match="is no part of"):
            asked.values_of([strange])


def test_of_a_sum_every_estimand_is_its_weights() -> None:
    found = exact(question(linear(0.1, 0.4, 0.0, 0.05)))
    for values in (found.shapley, found.banzhaf, found.leave_one_out):
        # the last word's effect on an empty prompt is that of an unsendable text
        assert np.argmax(values) == 1
    assert found.leave_one_out == pytest.approx([0.1, 0.4, 0.0, 0.05])
    assert found.smile_trace == pytest.approx(np.array([0.1, 0.4, 0.0, 0.05]) / 0.9)


def test_what_either_of_two_words_gives_is_seen_by_all_but_leave_one_out() -> None:
    either = World("either", 5, (1, 3), lambda x: 0.8 * x[:, 1] * x[:, 3])
    found = exact(question(either))
    assert found.leave_one_out == pytest.approx(np.zeros(5))
    assert found.smile_trace[[1, 3]].min() > 0.2
    assert np.abs(found.smile_trace[[0, 2, 4]]).max() < 1e-9
    assert set(np.argsort(-found.shapley)[:2]) == {1, 3}


def test_the_exact_values_are_those_of_the_method() -> None:
    generator = np.random.default_rng(3)
    for world in planted(6, generator):
        asked = question(world)
        masks = ((np.arange(2**6)[:, None] >> np.arange(6)) & 1 == 1)[1:]
        method = inference.enumerated(1.0 - masks, asked.changes(masks))
        assert exact(asked).smile_trace == pytest.approx(method)


def test_smile_trace_gives_the_exact_values_where_all_masks_fit() -> None:
    asked = question(linear(0.1, 0.4, 0.0, 0.05, 0.2))
    found = ours.explain(asked.again(), 32, 0)
    assert found == pytest.approx(exact(asked).smile_trace)


def test_a_call_is_a_distinct_text_and_the_limit_holds_before_it_is_asked() -> None:
    asked = question(linear(0.1, 0.4, 0.0))
    asked.limit = 2
    asked.values(np.ones((3, 3), dtype=bool))
    assert len(asked.asked) == 1
    with pytest.raises(TooMany):
        asked.values(~np.eye(3, dtype=bool))
    assert len(asked.asked) == 1
    leave_one_out.explain(whole := question(linear(0.1, 0.4, 0.0)), 99, 0)
    assert len(whole.asked) == 4


def test_a_sampler_draws_on_while_its_texts_fit() -> None:
    def run(asked: Question, samples: int) -> Array:
        generator = np.random.default_rng(0)
        asked.values(generator.random((samples, asked.size)) < 0.5)
        return np.full(asked.size, float(samples))

    few = question(linear(0.1, 0.4, 0.0))
    assert at_most(few, 10, run)[0] == 40  # eight texts there are, however many it draws
    many = question(linear(*[0.05] * 12))
    assert at_most(many, 10, run)[0] == 10
    assert len(many.asked) <= 10


def test_what_asks_too_much_from_the_start_is_reported_with_what_it_asked() -> None:
    asked = question(linear(*[0.05] * 12))
    last_within(asked, 5, [lambda q: leave_one_out.explain(q, 5, 0)])
    assert len(asked.asked) == 13


def test_hits_share_tied_places_and_skip_function_words() -> None:
    case = Case("plain", "The capital of Japan is", "Tokyo", ("Japan",))
    first = measures.hits(case, case.words, np.array([0.0, 0.1, 0.2, 0.9, 0.3]))
    assert first == {"hit_1": 1, "content_1": 1, "hit_3": 1}
    behind_of = measures.hits(case, case.words, np.array([0.0, 0.1, 0.95, 0.9, 0.3]))
    assert behind_of == {"hit_1": 0, "content_1": 1, "hit_3": 1}
    tied = measures.hits(case, case.words, np.zeros(5))
    assert tied == {"hit_1": 0, "content_1": 0, "hit_3": 1}
    assert measures.hits(Case("nothing", "ha ha", "ha"), ("ha", "ha"), np.zeros(2)) is None


def test_the_true_weights_predict_held_out_masks_and_delete_best() -> None:
    asked = question(linear(0.1, 0.4, 0.0, 0.05, 0.2, 0.03))
    truth = np.array([0.1, 0.4, 0.0, 0.05, 0.2, 0.03])
    masks = measures.held_out_masks(6)
    assert measures.linear_datamodeling_score(asked, truth, masks) == pytest.approx(1)
    assert measures.linear_datamodeling_score(asked, -truth, masks) == pytest.approx(-1)
    assert measures.deletion(asked, truth) < measures.deletion(asked, -truth)


def test_a_run_that_was_cut_goes_on_where_it_was(tmp_path: Path) -> None:
    path, made = tmp_path / "results" / "rows.jsonl", []

    def piece(case: int, *, cut: bool = False) -> Piece:
        def make() -> list[dict[str, object]]:
            if cut:
                raise KeyboardInterrupt
            made.append(case)
            return [{"case": case, "seed": seed, "hits": {"hit_1": 1 / 3}} for seed in range(2)]

        return Piece({"case": case}, make)

    with pytest.raises(KeyboardInterrupt):
        make_missing([piece(0), piece(1), piece(2, cut=True), piece(3)], path)
    make_missing([piece(case) for case in range(4)], path)
    assert made == [0, 1, 2, 3]
    assert [(row["case"], row["seed"]) for row in read(path)] == [
        (case, seed) for case in range(4) for seed in range(2)
    ]
    assert read(path)[0]["hits"] == {"hit_1": 0.3333}


def test_the_table_sums_cases_over_means_of_seeds(tmp_path: Path) -> None:
    row = {
        "split": "held_out", "signal": "text", "calls_allowed": 40, "explainer": "smile-trace",
        "version": "1", "calls": 10, "seconds": 0.5, "correlation": 0.5, "own_correlation": 0.5,
        "lds": 0.5, "lds_half": None, "deletion": 0.5,
    }  # fmt: skip
    kept = [
        {**row, "case": 0, "hits": {"hit_1": 1, "content_1": 1, "hit_3": 1}},
        {**row, "case": 0, "hits": {"hit_1": 0, "content_1": 1, "hit_3": 1}},
        {**row, "case": 1, "hits": {"hit_1": 1, "content_1": 1, "hit_3": 0}, "correlation": 0.9},
        {**row, "case": 2, "hits": None, "correlation": None},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    [found] = report.summaries(read(path))
    assert (found["cases"], found["driven"]) == (3, 2)
    assert (found["hit_1"], found["content_1"], found["hit_3"]) == (1.5, 2, 1)
    assert found["correlation"] == pytest.approx(0.7)
    assert found["lds_half"] is None


def test_methods_are_compared_on_the_cases_that_both_have() -> None:
    def row(explainer: str, case: int, first: float | None, lds: float) -> Row:
        hits = None if first is None else {"hit_1": first}
        return {"explainer": explainer, "case": case, "hits": hits, "lds": lds}

    rows = [row("ours", case, case % 2, 0.9) for case in range(20)]
    rows += [row("ours", 0, 1, 0.9)]  # a second seed
    rows += [row("theirs", case, case % 2 if case < 10 else None, 0.8) for case in range(20)]
    first = difference(rows, "hit_1", "ours", "theirs")
    assert first is not None
    assert first.mean == pytest.approx(0.05)  # half of one case of ten
    assert first.low == 0
    lds = difference(rows, "lds", "ours", "theirs")
    assert lds is not None
    assert str(lds) == "+0.10 [+0.10, +0.10]"
    assert difference(rows, "deletion", "ours", "theirs") is None


@pytest.mark.slow
def test_of_a_long_prompt_only_the_driving_sentence_counts_as_found() -> None:
    class Punctuated(Planted):
        def score(self, texts: Sequence[str], answer: str) -> list[Response]:
            return super().score([text.lower().replace(".", "") for text in texts], answer)

    starts = range(0, 120, 8)
    sentences = [" ".join(words(120)[k : k + 8]).capitalize() + "." for k in starts]
    model = Punctuated(World("long", 120, (43,), lambda x: 0.05 + 0.8 * x[:, 43]))
    case = Case("context", " ".join(sentences), "answer", ("word43",), sentence=sentences[5])
    explanation = ours.study(Question(case, "probability", model), 60, 0)

    found = long_prompts.judge(long_prompts.Context("held_out", 0, case), explanation, 0)
    assert (found.sentence, found.words, found.driver) == (True, True, 1)
    assert found.calls <= 60
    elsewhere = replace(case, sentence=sentences[12])
    missed = long_prompts.judge(long_prompts.Context("held_out", 0, elsewhere), explanation, 0)
    assert (missed.sentence, missed.words, missed.driver) == (False, False, None)
