"""What may be said of a part: nothing is denied that was not excluded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.records import Explanation, FieldChange, Interaction, SegmentAttribution
from smile_trace.records.verdicts import SMALLEST_EFFECT, decided, joint
from smile_trace.render.heatmap_layout import heatmap
from smile_trace.render.phrases import NO_DRIVER, driver_text
from tests.support.explained import explanation


def segment(low: float, high: float, **more: Any) -> SegmentAttribution:
    of: dict[str, Any] = {"attribution": (low + high) / 2, "ci_low": low, "ci_high": high, **more}
    return SegmentAttribution(
        text="x", message=0, role="user", start=0, end=1, unit="word", **{"key": "k", **of}
    )


@given(
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted),
    st.fixed_dictionaries(
        {name: st.booleans() for name in ("significant", "fails_without", "protected")}
    ),
    st.booleans(),
    st.booleans(),
)
def test_only_what_lies_inside_the_limit_is_excluded(
    ends: list[float], flags: dict[str, bool], paired: bool, conclusive: bool
) -> None:
    pair = Interaction(kind="either", first="k", second="o", value=0.5, ci_low=0.3, ci_high=0.7)
    one = segment(*ends, **flags)
    [found] = decided([one], [pair] if paired else [], conclusive=conclusive)
    assert (found.verdict is None) == one.protected
    if found.verdict == "excluded":
        assert -SMALLEST_EFFECT < one.ci_low <= one.ci_high < SMALLEST_EFFECT
        assert conclusive
        assert not paired
    if found.verdict in ("supports", "against"):
        assert one.significant or one.fails_without
        assert conclusive
    if found.verdict == "open" and conclusive:
        assert (one.significant, one.fails_without) == (False, False)


@pytest.mark.parametrize(
    ("alone", "verdict"), [(None, "excluded"), (0.09, "excluded"), (0.1, "open"), (0.25, "open")]
)
def test_what_costs_as_much_alone_is_not_excluded(alone: float | None, verdict: str) -> None:
    one = segment(-0.08, 0.08, leave_one_out=alone)
    assert one.verdict == verdict
    assert one.at_most == max(0.08, alone or 0)


@pytest.mark.parametrize(
    ("verdicts", "all_together"),
    [
        (["excluded", "excluded"], "excluded"),
        (["excluded", "open"], "open"),
        (["open", "against", "supports"], "supports"),
        (["excluded", "against"], "against"),
        (["excluded", None], "open"),
        ([], "open"),
    ],
)
def test_several_parts_are_excluded_only_where_each_is(
    verdicts: list[Any], all_together: str
) -> None:
    assert joint(verdicts) == all_together


def test_an_explanation_of_release_0_2_has_verdicts() -> None:
    now = explanation()
    stored = json.loads(now.model_dump_json())
    for held in (stored, stored["settings"]):
        held["part"] = held.pop("answer_part")
    assert {s["verdict"] for s in stored["segments"]} == {"supports", "against", "excluded"}
    for one in stored["segments"]:
        del one["verdict"]
    stored["schema_version"] = 2
    assert Explanation.model_validate(stored) == now
    stored["schema_version"] = 1
    with pytest.raises(ValueError, match="no release wrote"):
        Explanation.model_validate(stored)


def test_nothing_is_excluded_or_named_where_nothing_can_be_said() -> None:
    assert explanation().drivers
    unsure = explanation(status="inconclusive")
    assert {s.verdict for s in unsure.segments} == {"open"}
    assert not unsure.drivers
    assert all(s.ci_low <= 0 <= s.ci_high for s in unsure.segments)
    assert driver_text(unsure) == NO_DRIVER
    assert not {"supports", "against"} & set(heatmap(unsure).kinds)


def test_of_a_key_that_two_parts_share_no_field_is_said() -> None:
    """Up to method 4 a part and another one's piece could have the same key."""
    said = (
        "The answer depends on “Berlin” (without it, 60 % of the answer is lost); {}without both "
        "“Ann” and “of”, 70 % of the answer is lost."
    )
    fields = (
        "without “Berlin” the fields `city` and `zip` change; without “a; b” the field `x` changes"
    )
    held = explanation(summary=said.format(f"{fields}; "))
    known = [FieldChange(key=s.key, path="$.city", share=0.5) for s in held.segments[:2]]
    held = Explanation.model_validate(held.model_copy(update={"fields": tuple(known)}).model_dump())
    assert held.fields == tuple(known)
    assert fields in held.summary
    first, second, *others = held.segments
    shared = [first, second.model_copy(update={"key": others[0].key}), *others]
    known = [known[0], known[1].model_copy(update={"key": others[0].key})]
    held = held.model_copy(update={"segments": tuple(shared), "fields": tuple(known)})
    read = Explanation.model_validate(held.model_dump())
    assert read.fields == (known[0],)
    assert read.summary == said.format("")
