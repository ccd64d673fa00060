"""What would make a wrong answer right: the target, the sign of the culprits, and their columns."""

import re
from typing import Any

import pytest

from smile_trace.records import Correction, Explanation, ExplanationSettings, Segment
from smile_trace.records.path import Culprit, ExplanationPath
from smile_trace.render import brief_svg, to_html, to_svg
from smile_trace.render.markdown import to_markdown
from smile_trace.render.phrases import culprit_text, target_clause
from smile_trace.trackers import ExplainedCall, ExplainedPath
from smile_trace.trackers.presentation import SAID, present
from smile_trace_otlp.tracker import plain_heatmap
from tests.support.explained import HOSTILE, captured, explanation
from tests.support.sample_paths import sample_path

TEXT = "Assembly costs 79 euros. Since May it costs 29 euros! What does assembly cost?"
WRONG = "Since May it costs 29 euros!"


def wrong(*culprits: str, text: str = TEXT, right: int = 9, **changed: Any) -> Explanation:
    """An explanation of a wrong answer, each of whose corrections is of one part."""
    found = [
        Correction(
            parts=(
                Segment(
                    text=culprit,
                    message=0,
                    role="user",
                    start=text.index(culprit),
                    end=text.index(culprit) + len(culprit),
                    unit="sentence",
                    key=culprit,
                ),
            ),
            right=right,
            of=10,
            ci_low=0.65,
            ci_high=0.98,
        )
        for culprit in culprits
    ]
    explained = explanation([("user", text)], {"euros": 0.3}, answer="29 euros")
    settings = explained.settings.model_copy(update={"contains": ("79 euros",)})
    update = {"met": False, "corrections": tuple(found), "settings": settings, **changed}
    return explained.model_copy(update=update)


def test_every_picture_says_what_is_wanted_and_marks_the_culprit() -> None:
    found = wrong(WRONG)
    page, picture, plain = to_html(found), to_svg(found), plain_heatmap(found)
    for shown in (page, picture, plain, to_markdown(found)):
        assert "The answer is wrong: it should contain “79 euros”." in shown
    for shown in (page, picture):
        assert "✗: without it the answer would be right (9 of 10)." in shown
        assert "answer is wrong" in shown
    assert '<span class="culprit" title="without it the answer would be right (9 of 10)">✗' in page
    blamed = re.findall(r'<span class="[a-z]+ blamed[^>]*>([^<]*)', page)
    assert "".join(blamed) == WRONG
    assert picture.count('class="blamed"') >= 1
    assert "✗▸Since May it costs 29 euros⁺!◂ What" in plain.replace("\n", " ")
    assert "supports the error" in page
    assert "supports the answer" not in page


def test_a_part_that_is_cut_by_the_sign_has_its_value_once() -> None:
    found = wrong("uro", text="It costs 29 euros.")
    assert to_html(found).count('data-value="+0.30"') == 1
    assert to_svg(found).count(">+0.30<") == 1


def test_a_long_prompt_is_folded_around_the_culprit() -> None:
    filler = " ".join(f"Rule {number} is about something else." for number in range(300))
    found = wrong(WRONG, text=f"{filler}\n{WRONG}\n{filler} Closing.")
    words = " ".join(re.sub(r"<[^>]+>", " ", brief_svg(found)).split())
    assert "Since May it costs" in words
    assert "Closing." not in words


def test_two_ways_to_make_it_right_are_told_apart() -> None:
    page = to_html(wrong(WRONG, "Assembly costs 79 euros."))
    assert "✗1: without it the answer would be right (9 of 10). ✗2: without it" in page
    assert (page.count(">✗1\xa0<"), page.count(">✗2\xa0<")) == (1, 1)


def test_a_hostile_culprit_is_text() -> None:
    text = HOSTILE.replace("\ud800", "")
    assert "<script>" not in to_html(wrong(text[:40], text=text))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"expected": "79 euros"}, "expected “79 euros”"),
        ({"contains": "/79 (euros|€)/"}, "it should contain /79 (euros|€)/"),
        (
            {"contains": ("a", "b"), "avoid": ("c",)},
            "it should contain “a” and “b”, and it should not contain “c”",
        ),
        ({"expected": "repairs", "answer_part": "$.team"}, "expected “repairs” in $.team"),
        ({"answer_part": "$.team"}, ""),
    ],
)
def test_the_target_in_words(target: dict[str, Any], said: str) -> None:
    assert target_clause(ExplanationSettings(model="m", **target)) == said


def test_the_step_at_which_an_agent_went_wrong_is_in_the_same_column() -> None:
    path = sample_path("Lamps count as furniture", name="get_warranty")
    [found] = wrong(WRONG).corrections
    segment = found.parts[0].model_copy(update={"text": "furniture", "start": 16, "end": 25})
    step = path.steps[1].call
    blamed = Culprit(kind="part", call=step, parts=(segment,), correction=found, summary="Since …")
    trace, _ = captured(explanation())

    def scores(shown: ExplanationPath) -> list[tuple[str, str | None, float]]:
        item = ExplainedPath(trace=trace, path=shown, traced_as=trace.trace_id)
        return [(s.name, s.label, s.as_number) for s in present(item).scores]

    assert [name for name, *_ in scores(path)] == ["smile.path"]
    culprit = scores(path.model_copy(update={"culprit": blamed}))[1]
    assert culprit == ("smile.culprit", "furniture: The output of get_warranty", 0.9)
    supposed = blamed.model_copy(update={"correction": None})
    culprit = scores(path.model_copy(update={"culprit": supposed}))[1]
    assert culprit == ("smile.culprit", "perhaps furniture: The output of get_warranty", 0.0)


def test_trackers_show_it_beside_the_explanation_of_the_answer() -> None:
    trace, call = captured(explanation())

    def shown(found: Explanation) -> Any:
        item = ExplainedCall(trace=trace, call=call, explanation=found, traced_as=trace.trace_id)
        return present(item)

    plain, target, right = (shown(one) for one in (explanation(), wrong(WRONG), wrong(met=True)))
    assert set(target.names) == {score.name for score in target.scores}
    assert not set(target.names) & set(plain.names)
    assert set(target.names) <= set(SAID)
    assert target.view.span_id != plain.view.span_id == shown(explanation()).view.span_id
    assert not plain.view.attributes.keys() & set(target.names)
    assert target.view.name == "Why is it wrong? It should contain “79 euros”"
    assert [(s.label, s.as_number) for s in target.scores] == [
        ("is wrong", 0.0),
        (culprit_text(wrong(WRONG)), 0.9),
    ]
    assert [(s.label, s.as_number) for s in right.scores] == [("is right", 1.0), ("(none)", 0.0)]
    assert all(s.reason.startswith("The answer is wrong: it should") for s in target.scores)
