"""A version compared with itself: every significant change is a false positive."""

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.comparison import planted
from smile_trace.comparison.alignment import align
from smile_trace.comparison.answers import Paired, answer_comparison
from smile_trace.comparison.changes import correct, measure_changes, segment_changes
from smile_trace.comparison.evidence import Evidence
from smile_trace.comparison.templates import segment_template
from smile_trace.comparison.version_report import report
from smile_trace.records import Call, Feedback, Message, Usage
from smile_trace.records.comparison import AnswerComparison, VersionChange, VersionReport

TEMPLATE = " ".join(f"w{k}" for k in range(planted.SEGMENTS))
SEGMENTS = segment_template("p", "1", TEMPLATE, "word")


def _version(label: str, generator: np.random.Generator) -> VersionReport:
    traffic = [
        Call(
            trace_id=f"{k:032x}",
            span_id=f"{k:016x}",
            name="p",
            messages=(Message(role="user", content="q"),),
            answer="I'm sorry, but no." if generator.random() < 0.1 else "x" * length,
            usage=Usage(input_tokens=30, output_tokens=int(length)),
            start_ns=0,
            end_ns=int(1e9 * generator.lognormal(0, 0.5)),
        )
        for k, length in enumerate(generator.poisson(40, planted.CALLS))
    ]
    feedback = [
        Feedback(id=str(k), trace_id="t", score=float(score), at_ns=0)
        for k, score in enumerate(generator.integers(0, 2, 60))
    ]
    evidence = Evidence(label, "m", TEMPLATE, planted.CALLS, traffic, feedback)
    evidence.rows = planted.pooled_rows(generator)
    return report(evidence, label, SEGMENTS, planted.DELTA, None)


def _answers(generator: np.random.Generator) -> AnswerComparison:
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
            answers=_answers(generator),
            measures=measure_changes(before.measures, after.measures),
        )
        [corrected] = correct([change])
        assert corrected.answers is not None
        tests = [*corrected.segments, *corrected.measures, corrected.answers]
        assert len(tests) > planted.SEGMENTS + 5
        found += any(test.significant for test in tests)  # type: ignore[attr-defined]
    return found


def test_false_positives() -> None:
    assert false_positives(range(20)) <= 5


@pytest.mark.slow
def test_false_positives_in_200_repetitions() -> None:
    assert false_positives(range(200)) <= 16
