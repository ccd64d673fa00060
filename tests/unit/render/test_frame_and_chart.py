"""An explanation as a table, as a chart, and as it is printed."""

import sys

import matplotlib
import pytest

import smile_trace
from smile_trace.errors import ExtraMissing
from smile_trace.records import Explanation
from smile_trace_contracts.samples import HOSTILE, sample_explanation, sample_trace

matplotlib.use("agg")


@pytest.fixture
def explanation() -> Explanation:
    return sample_explanation(sample_trace().calls[0])


def test_a_row_per_segment(explanation: Explanation) -> None:
    frame = explanation.to_frame()
    assert list(frame.text) == [segment.text for segment in explanation.segments]
    assert list(frame.attribution) == [segment.attribution for segment in explanation.segments]


def test_a_bar_with_its_interval_per_segment(explanation: Explanation) -> None:
    ax = explanation.plot()
    free = [segment for segment in explanation.segments if not segment.protected]
    widths = [bar.get_width() for bar in ax.patches]  # type: ignore[attr-defined]
    assert sorted(widths) == sorted(segment.attribution for segment in free)
    ends = {tuple(line.get_xdata()) for line in ax.lines}  # type: ignore[arg-type]
    assert {(s.ci_low, s.ci_high) for s in free} <= ends
    assert explanation.plot(most=1).get_yticklabels()[0].get_text() == explanation.ranked[0].text


@pytest.mark.parametrize("text", [HOSTILE, "$\\frac{", "a $x$ b", ""])
def test_any_text_can_be_drawn_and_printed(explanation: Explanation, text: str) -> None:
    segment = explanation.segments[0].model_copy(update={"text": text})
    changed = explanation.model_copy(
        update={"segments": (segment, *explanation.segments[1:]), "answer": text, "summary": text}
    )
    changed.plot().figure.canvas.draw()
    assert len(repr(changed).splitlines()) == 3
    assert repr(changed).isprintable() or "\n" in repr(changed)


def test_what_is_missing_is_said(explanation: Explanation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ExtraMissing, match="pip install pandas"):
        explanation.to_frame()
    with pytest.raises(ExtraMissing, match="pip install matplotlib"):
        explanation.plot()


def test_only_public_names_are_listed(explanation: Explanation) -> None:
    listed = dir(explanation)
    assert {"status", "drivers", "show", "plot", "to_frame", "to_svg", "summary"} <= set(listed)
    assert all(hasattr(explanation, name) for name in listed)
    assert not [name for name in listed if name.startswith("_")]
    assert dir(smile_trace) == sorted(smile_trace.__all__)


def test_the_drivers_are_what_is_sure(explanation: Explanation) -> None:
    assert [s.text for s in explanation.drivers] == [
        s.text for s in explanation.ranked if s.significant and s.attribution > 0
    ]
    assert explanation.drivers
    assert explanation.status == explanation.fidelity.status
