"""The driver of an answer, for a column."""

from smile_trace.records import SegmentAttribution
from smile_trace.render import driver_text
from tests.support.explained import explanation

BODY = "Goods can be returned within 30 days, unworn and with their tags."


def test_the_strongest_supporter_is_named() -> None:
    assert driver_text(explanation()) == "France"
    assert driver_text(explanation(scores={"Lyon": -0.9})) == "(none)"
    assert driver_text(explanation(scores={}, status="no_effect")) == "(none)"


def test_it_has_the_name_that_the_summary_gives_it() -> None:
    explained = explanation([("user", "Where is Rome")], {"Rome": 0.9})
    [word] = explained.drivers
    asked = word.model_copy(update={"text": "“Rome”?"})
    assert driver_text(explained.model_copy(update={"segments": (asked,)})) == "Rome"


def test_a_passage_that_was_refined_is_named_by_its_title() -> None:
    text = f"[2] Returns\n{BODY}"
    explained = explanation([("user", text)], {"30": 0.7})
    whole = SegmentAttribution(
        text=text, message=0, role="user", start=0, end=len(text), unit="document", key="d",
        attribution=0.6, ci_low=0.5, ci_high=0.7, significant=True,
    )  # fmt: skip
    inside = tuple(s.model_copy(update={"parent": 0}) for s in explained.segments)
    found = explained.model_copy(update={"coarser": (whole,), "segments": inside})
    assert driver_text(found) == "[2] Returns"
    none = whole.model_copy(update={"significant": False})
    assert driver_text(found.model_copy(update={"coarser": (none,)})) == "30"


def test_it_fits_into_a_column() -> None:
    explained = explanation([("user", BODY * 3)], {})
    whole = explained.segments[0].model_copy(
        update={"text": f"{BODY}\n" * 3 + "\0", "unit": "span", "significant": True,
                "attribution": 0.5}
    )  # fmt: skip
    found = driver_text(explained.model_copy(update={"segments": (whole,)}))
    assert found.startswith("Goods can be returned")
    assert len(found) <= 60
