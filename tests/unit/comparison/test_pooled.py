"""Pooled mode: a few masks on each of many calls, and what is found of planted truth."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.comparison import planted
from smile_trace.attribution import CannotExplain
from smile_trace.comparison.answers import Paired, answer_comparison
from smile_trace.comparison.changes import correct, measure_changes, segment_changes
from smile_trace.comparison.edits import align
from smile_trace.comparison.evidence import Evidence
from smile_trace.comparison.pooled_effects import PooledRows, fit, pool
from smile_trace.comparison.pooled_rows import PooledRowReader
from smile_trace.comparison.pooled_study import KEEP, PooledStudy
from smile_trace.comparison.templates import segment_template
from smile_trace.comparison.verdicts import calls_needed, may_need, pooled_verdicts
from smile_trace.comparison.version_report import report
from smile_trace.records import (
    Call,
    ExplanationSettings,
    Feedback,
    Message,
    Prompted,
    Response,
    Usage,
)
from smile_trace.records.comparison import AnswerComparison, VersionChange, VersionReport
from smile_trace.records.message import ToolCall, ToolResult
from smile_trace.records.verdicts import SMALLEST_EFFECT
from smile_trace.settings import Settings
from smile_trace.store.queries.prompts import ExplanationRow, Partitions
from tests.support.pooled_prompt import prompted_with


def _check(score: planted.Score, *, tolerance: float) -> None:
    """The figures of benchmarks/comparison, within the sampling error of fewer repetitions."""
    assert 0.86 <= score.coverage.mean() <= 0.94
    assert score.coverage.min() >= 0.86 - tolerance
    assert score.coverage.max() <= 0.94 + tolerance
    assert score.excluded_at_limit <= 0.07 + tolerance
    assert score.idle_found >= 0.90 - tolerance / 2
    assert score.needed_bound >= 0.95 - tolerance


def test_intervals_and_verdicts_hold_on_planted_truth() -> None:
    _check(planted.score(8), tolerance=0.3)


@pytest.mark.slow
def test_intervals_and_verdicts_hold_in_300_repetitions() -> None:
    score = planted.score(300)
    _check(score, tolerance=0.02)
    alone = planted.error_of_single_calls(200)
    # To the pooled error, a call alone needs (alone/pooled)² times its 40 calls.
    needed_alone = planted.CALLS * 40 * np.mean(alone**2 / score.error**2)
    assert needed_alone / 5 >= planted.CALLS * planted.MASKS


def test_the_clustered_error_is_the_jackknife_over_clusters() -> None:
    generator = np.random.default_rng(0)
    clusters = np.repeat(np.arange(12), [2, 3, 4] * 4)
    x = np.column_stack([np.ones(len(clusters)), generator.random((len(clusters), 3))])
    y = generator.normal(size=len(clusters)) + clusters % 3
    weights = 1.0 + clusters % 2
    found = fit(x, y, clusters, weights)  # type: ignore[arg-type]
    root = np.sqrt(weights)
    moved = []
    for cluster in range(12):
        rest = clusters != cluster
        without = np.linalg.lstsq(x[rest] * root[rest, None], y[rest] * root[rest], rcond=None)[0]
        moved.append(found.coefficients - without)
    assert np.allclose(found.covariance, 11 / 12 * np.transpose(moved) @ moved)


def test_a_coefficient_of_one_cluster_has_an_infinite_error() -> None:
    clusters = np.repeat(np.arange(6), 4)
    generator = np.random.default_rng(1)
    x = np.column_stack([np.ones(24), generator.random(24), (clusters == 2) * generator.random(24)])
    found = fit(x, generator.normal(size=24), clusters, np.ones(24))
    assert found.known.tolist() == [True, True, False]
    assert np.isinf(found.contrast(np.array([0.0, 0.0, 1.0]))[1])
    assert np.isfinite(found.contrast(np.array([0.0, 1.0, 0.0]))[1])


def test_the_spread_between_calls_is_estimated() -> None:
    rows = planted.pooled_rows(np.random.default_rng(3), calls=4000)
    spread = pool(rows).spread
    sometimes = spread[len(planted.MATTER) : planted.MARGIN]
    assert (sometimes > 0.07).all()
    assert spread[planted.IDLE].max() < 0.05


def test_rows_that_could_not_vary_are_excluded() -> None:
    rows = planted.pooled_rows(np.random.default_rng(4), calls=50)
    varies = rows.varies.copy()
    varies[:, 0] = False
    pooled = pool(PooledRows(rows.x, rows.y, rows.q, rows.call, rows.weight, varies))
    assert np.isinf(pooled.error[0])
    assert np.isfinite(pooled.error[1:]).all()
    assert pooled_verdicts(pooled, SMALLEST_EFFECT)[0].verdict == "open"


def test_weights_correct_unequal_sampling() -> None:
    """Calls that need segment 0 are sampled ten times as often as the others."""
    generator = np.random.default_rng(5)
    calls = 3000
    needs = generator.random(calls) < 0.1
    probability = np.where(needs, 1.0, 0.1)
    sampled = np.flatnonzero(generator.random(calls) < probability)
    call = np.repeat(sampled, 6)
    x = (generator.random((len(call), 4)) < 0.3).astype(float)
    y = 0.8 * x[:, 0] * needs[call]
    rows = PooledRows(
        x, y, np.full(len(call), 0.3), call, 1 / probability[call], np.ones_like(x, dtype=bool)
    )
    assert pool(rows).influence[0] == pytest.approx(0.08, abs=0.02)
    even = PooledRows(x, y, rows.q, call, np.ones(len(call)), rows.varies)
    assert pool(even).influence[0] > 0.3


def test_of_a_constant_model_every_segment_is_excluded() -> None:
    rows = planted.pooled_rows(np.random.default_rng(6), calls=100)
    constant = PooledRows(rows.x, np.zeros(len(rows)), rows.q, rows.call, rows.weight, rows.varies)
    judged = pooled_verdicts(pool(constant), SMALLEST_EFFECT)
    assert {j.verdict for j in judged} == {"excluded"}
    assert all(0.02 < j.may_need < 0.05 for j in judged)


@pytest.mark.parametrize("noise", [0.0, 0.15])
def test_a_call_needs_a_part_without_which_a_fifth_is_lost(
    noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planted, "SOMETIMES", ((0.2, 0.35), (0.8, 0.1), (0.4, 0.5)))
    monkeypatch.setattr(planted, "NOISE", noise)
    assert planted.score(8).needed_bound == 1.0


@pytest.mark.parametrize("calls", [1, 9])
def test_few_calls_leave_everything_open(calls: int) -> None:
    rows = planted.pooled_rows(np.random.default_rng(7), calls=calls)
    assert {j.verdict for j in pooled_verdicts(pool(rows), SMALLEST_EFFECT)} == {"open"}


def test_the_bound_is_the_rule_of_three() -> None:
    assert may_need(1000, 0) == pytest.approx(3 / 1000, rel=0.01)
    assert may_need(0, 0) == may_need(20, 20) == 1.0
    assert may_need(100, 10) > 0.1
    # More calls are asked for where the error is large.
    assert calls_needed(0.0, 0.05, 40, 0.05) == pytest.approx(40 * 2.93**2, rel=0.01)
    assert calls_needed(0.3, float("inf"), 40, 0.05) is None


class _Held:
    """The levels of twelve explanations."""

    def __init__(self, levels: list[list[str]]) -> None:
        self._levels = levels

    def partitions(self, ids: Sequence[int]) -> dict[int, Partitions]:
        """The same of all."""
        return {number: Partitions("text", self._levels) for number in ids}


GREETING = "You greet {name} and nobody else.\nRules:\n1. Be brief.\n2. Be kind."


@pytest.mark.parametrize(
    ("inner", "parts"),
    [
        (["p:1:word:0", "p:1:var:name:word:0"], [GREETING[:33], GREETING[34:]]),
        (["p:1:word:34", "p:1:section:41"], [GREETING[:33], "Rules:", "1. Be brief.\n2. Be kind."]),
        (
            ["p:1:word:34", "p:1:section:41", "p:1:section:54"],
            [GREETING[:33], "Rules:", "1. Be brief.", "2. Be kind."],
        ),
    ],
)
def test_a_passage_is_cut_into_lines_and_a_line_is_left_whole(
    inner: list[str], parts: list[str]
) -> None:
    """A value or some words that were removed by themselves do not stand for the line."""
    held = _Held([["p:1:section:0", "p:1:section:34", "document:a"], ["document:a", *inner]])
    calls = [ExplanationRow(number, f"{number}", "s", "m", 1.0) for number in range(12)]
    reader = PooledRowReader(held, "p", "1", GREETING)  # type: ignore[arg-type]
    assert [one.text for one in reader.cut(calls)] == parts
    assert [one.text for one in reader.cut(calls[:9])] == [GREETING[:33], GREETING[34:]]


SETTINGS = ExplanationSettings(model="m", budget=7, pooled=True)


def _study(question: str, *, deterministic: bool = True) -> PooledStudy:
    prompted = prompted_with(question)
    said = "Paris is it."
    return PooledStudy(prompted, SETTINGS, answer=said, signal="text", deterministic=deterministic)


def test_masks_are_over_the_template_and_the_rest_is_always_sent() -> None:
    study = _study("Where is the Eiffel Tower?")
    rows = study.ask()
    assert study.ask() == []
    assert rows[0].kind == "baseline"
    assert rows[0].messages == study.prompted.messages
    for row in rows:
        sent = row.messages[1].content
        assert row.messages[0].content == "sys"
        assert sent.startswith(">>")
        pieces = ("Be kind.", "Be brief.", "Name one city.", "Do not guess.", "Question:",
                  "Where is the Eiffel Tower?", "Answer:")  # fmt: skip
        assert tuple(piece in sent for piece in pieces) == row.mask
    study.tell(
        (row, Response(text="Paris is it." if "Eiffel" in row.messages[1].content else "No"))
        for row in rows
    )
    found = study.result()
    assert found.partitions[0][5] == "p:1:var:question"
    assert {o.keep_probability for o in found.perturbations if o.kind == "random"} == {KEEP}
    for observation in found.perturbations:
        assert observation.shift is not None
        assert (observation.shift > 0.5) is not observation.mask[5]


def test_calls_get_different_masks_and_the_same_call_the_same() -> None:
    masks = [[row.mask for row in _study(question).ask()] for question in ("a b", "a b", "c d")]
    assert masks[0] == masks[1]
    assert masks[0] != masks[2]


def test_a_sampled_model_gets_two_baselines_and_replicates() -> None:
    rows = _study("why?", deterministic=False).ask()
    assert [row.kind for row in rows].count("baseline") == 2
    assert len({(row.text_hash, row.replicate) for row in rows}) == 7


def test_a_failed_call_is_missing_data() -> None:
    study = _study("why?")
    study.tell((row, Response(failure="down")) for row in study.ask())
    assert all(o.shift is None for o in study.result().perturbations)


def test_a_call_without_a_prompt_cannot_be_pooled() -> None:
    prompted = Prompted(messages=(Message(role="user", content="hi there"),), answer="x")
    with pytest.raises(CannotExplain):
        PooledStudy(prompted, SETTINGS, answer="x", signal="text", deterministic=True)


TEMPLATE = " ".join(f"w{k}" for k in range(planted.SEGMENTS))


SEGMENTS = segment_template("p", "1", TEMPLATE, "word")


def _version(label: str, generator: np.random.Generator) -> VersionReport:
    traffic = [
        Call(
            trace_id=f"{k:032x}", span_id=f"{k:016x}", name="p",
            messages=(Message(role="user", content="q"),),
            answer="I'm sorry, but no." if generator.random() < 0.1 else "x" * length,
            usage=Usage(input_tokens=30, output_tokens=int(length)),
            start_ns=0, end_ns=int(1e9 * generator.lognormal(0, 0.5)),
        )
        for k, length in enumerate(generator.poisson(40, planted.CALLS))
    ]  # fmt: skip
    feedback = [
        Feedback(id=str(k), trace_id="t", score=float(score), at_ns=0)
        for k, score in enumerate(generator.integers(0, 2, 60))
    ]
    evidence = Evidence(label, label, "m", TEMPLATE, planted.CALLS, traffic, feedback)
    evidence.rows, evidence.segments = planted.pooled_rows(generator), tuple(SEGMENTS)
    return report(evidence, "p", set(), SMALLEST_EFFECT, Settings())


def test_a_part_costs_its_share_of_all_that_is_sent() -> None:
    """Of an agent's call: of the tools offered, of their calls and of the results, too."""
    called = ToolCall(id="1", name="get_boat", arguments='{"name": "Marlin"}')
    result = ToolResult(id="1", response='{"draught_m": 1.5}')
    tool = {"type": "function", "function": {"name": "get_boat", "description": "Of a boat."}}
    texts = ("q", called.name, called.arguments_text, *result.texts, json.dumps(tool))
    call = Call(
        trace_id="a", span_id="b", name="p", answer="yes", start_ns=0, end_ns=1,
        messages=(
            Message(role="user", content="q"),
            Message(role="assistant", parts=(called,)),
            Message(role="tool", parts=(result,)),
        ),
        parameters={"tools": [tool]},
        usage=Usage(input_tokens=sum(map(len, texts))),
    )  # fmt: skip
    evidence = Evidence("1", "1", "m", TEMPLATE, planted.CALLS, [call])
    rows = planted.pooled_rows(np.random.default_rng(0))
    evidence.rows, evidence.segments = rows, tuple(SEGMENTS)
    found = report(evidence, "p", set(), SMALLEST_EFFECT, Settings()).segments
    idle = [part for part in found if part.verdict == "excluded"]
    assert idle
    assert {part.tokens_saved for part in idle} == {
        1000.0 * len(part.segment.text) for part in idle
    }


def _replayed(generator: np.random.Generator) -> AnswerComparison:
    """20 inputs replayed twice through the same noisy version; answers are places on a line."""
    places = generator.normal(size=(20, 1)) + generator.normal(size=(20, 4))
    pairs = [Paired((str(a), str(b)), (str(c), str(d))) for a, b, c, d in places]

    def distance(one: str, other: str) -> float:
        return abs(float(one) - float(other))

    return answer_comparison(pairs, distance, generator, exact=False)


def false_positives(repetitions: Sequence[int]) -> int:
    """The number of comparisons in which anything is significant."""
    found = 0
    for repetition in repetitions:
        generator = np.random.default_rng([11, repetition])
        before, after = _version("1", generator), _version("1 again", generator)
        segments, why = segment_changes(before, after, align(SEGMENTS, SEGMENTS))
        assert not why
        change = VersionChange(
            before=0,
            after=1,
            segments=segments,
            answers=_replayed(generator),
            measures=measure_changes(before.measures, after.measures),
        )
        [corrected] = correct([change])
        assert corrected.answers is not None
        tests = [*corrected.segments, *corrected.measures, corrected.answers]
        assert len(tests) > planted.SEGMENTS + 5
        found += any(test.significant for test in tests)  # type: ignore[attr-defined]
    return found


def test_false_positives() -> None:
    assert false_positives(range(4)) <= 2


@pytest.mark.slow
def test_false_positives_in_200_repetitions() -> None:
    assert false_positives(range(200)) <= 16
