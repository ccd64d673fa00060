"""Prompt versions side by side: hatching tells parts apart, and says nothing where all are open."""

import pytest

from smile_trace.records.comparison import Influence, TemplateSegment
from smile_trace.records.verdicts import Verdict
from smile_trace.render.comparison.layout import kinds_of, panels
from smile_trace_contracts.samples import sample_comparison

PLAIN = "No part is marked"


@pytest.mark.parametrize(
    ("verdict", "kinds", "said", "unsaid"),
    [
        ("open", set(), (PLAIN,), ("hatched", "works against", "grey:", "slanted")),
        ("excluded", {"open", "excluded"}, ("hatched", "grey:"), (PLAIN, "works against")),
        ("supports", {"open", "supports"}, ("hatched", "works against"), (PLAIN, "grey:")),
    ],
)
def test_a_part_is_hatched_only_beside_one_that_is_settled(
    verdict: Verdict, kinds: set[str], said: tuple[str, ...], unsaid: tuple[str, ...]
) -> None:
    segment = TemplateSegment(key="0", text="Be brief.", start=0, end=9, unit="sentence")
    parts = [
        Influence(
            segment=segment,
            influence=0.2,
            ci_low=0.1,
            ci_high=0.3,
            standard_error=0.1,
            verdict=each,
        )
        for each in ("open", verdict)
    ]
    comparison = sample_comparison("answer")
    versions = tuple(
        version.model_copy(update={"segments": (part,)})
        for version, part in zip(comparison.versions, parts, strict=True)
    )
    shown = comparison.model_copy(update={"versions": versions})
    assert kinds_of(panels(shown)) == kinds
    legend = shown.to_html().partition('class="legend"')[2].partition("</p>")[0]
    assert all(text in legend for text in said)
    assert not any(text in legend for text in unsaid)
