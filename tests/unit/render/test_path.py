"""A path as a page and as a tree in the terminal."""

import io
from xml.etree import ElementTree

import pytest
from rich.console import Console

from smile_trace.explaining.path_walk import summarize_path
from smile_trace.records import Message
from smile_trace.records.path import ExplanationPath, Source
from smile_trace.render import (
    driver_text,
    path_ends,
    path_to_html,
    path_to_svg,
    print_path,
    scores_to_markdown,
)
from smile_trace.render.scores import rows
from smile_trace_contracts.samples import HOSTILE
from tests.support.paths import ROOT
from tests.support.sample_paths import sample_path


def printed(path: ExplanationPath) -> str:
    out = io.StringIO()
    print_path(path, Console(file=out, width=100, color_system=None))
    return out.getvalue()


def test_the_tree() -> None:
    shown = printed(sample_path())
    assert "1. The final answer  Paris" in shown
    assert "├── Friday +0.70  in the result of get_order" in shown
    assert "│   └── 2. The output of get_order" in shown
    assert "(explained above)" in shown, "a step that two sources lead to is drawn once"
    assert shown.count("in the user message") == 1
    assert "that call is not explained: get_order" in shown
    assert "2 answers explained · 80 of 120 calls" in shown


def test_a_column_names_what_the_path_ends_in_and_where_that_stands() -> None:
    path = sample_path()
    assert path_ends(path) == "Friday from get_order and Friday from user"
    first, second = path.steps
    [driver] = first.explanation.drivers
    offered = Source(kind="tool", name="look_up", drivers=(driver,))
    to_second = tuple(source for source in first.sources if source.step == 1)
    steps = (
        first.model_copy(update={"sources": to_second}),
        second.model_copy(update={"sources": (offered,)}),
    )
    of_tool = path.model_copy(update={"steps": steps})
    assert path_ends(of_tool) == "Friday from get_order", "that a tool was offered explains little"
    asked = Source(kind="message", name="system", drivers=(driver,))
    steps = (first.model_copy(update={"sources": (asked, *to_second)}), second)
    both = "Friday from get_order, Friday from system and Friday from user"
    assert path_ends(path.model_copy(update={"steps": steps})) == both, "results first"
    alone = second.model_copy(update={"sources": (offered,)})
    assert path_ends(path.model_copy(update={"steps": (alone,)})) == "look_up"


def of_result(text: str, **update: object) -> ExplanationPath:
    """The path of an answer to which the result of a tool was given, as one part of the request."""
    call = {"type": "tool_call", "id": "c", "name": "get_weather", "arguments": "{}"}
    result = {"type": "tool_call_response", "id": "c", "response": text}
    made = ({"role": "assistant", "parts": [call]}, {"role": "tool", "parts": [result]})
    path = sample_path()
    step = path.steps[0]
    [driver] = step.explanation.drivers
    where = {"message": 1, "start": 0, "end": len(text), "unit": "tool_result", "text": text}
    whole = driver.model_copy(update={**where, **update})
    messages = tuple(map(Message.model_validate, made))
    explanation = step.explanation.model_copy(update={"messages": messages, "segments": (whole,)})
    source = Source(kind="tool_result", name="get_weather", drivers=(whole,))
    step = step.model_copy(update={"explanation": explanation, "sources": (source,)})
    return path.model_copy(update={"steps": (step,)})


def test_results_that_were_protected_are_said() -> None:
    path = of_result('{"sky": "blue"}', protected=True)
    said = "Results of tools were protected, and are not followed."
    told = summarize_path(path.steps)
    assert said in told
    assert said in summarize_path([path.steps[0].model_copy(update={"sources": ()})])
    assert path_ends(path) == "get_weather (results protected)"
    assert printed(path.model_copy(update={"summary": ""})).count(said) == 1
    assert said in path.to_svg()
    assert "protected" not in summarize_path(of_result('{"sky": "blue"}').steps)


def test_a_whole_result_is_named_by_its_tool() -> None:
    text = '{"sky": "blue", "pressure": 1002}'
    path = of_result(text)
    [step], explanation = path.steps, path.steps[0].explanation
    assert path_ends(path) == driver_text(explanation) == "get_weather"
    assert "the result of get_weather +0.70  as a whole" in printed(path)
    assert "depends on the result of get_weather as a whole" in summarize_path([step])
    [row] = rows(explanation)
    assert row.called(text) == "get_weather"
    assert "1002" not in scores_to_markdown(explanation)


def test_a_passage_of_several_rules_is_not_named_by_its_first() -> None:
    rules = (
        "7. The agency was founded in 1987 and employs forty people in three towns.\n"
        "8. Refunds are a share of the total; look the share up.\n"
        "9. Do not use exclamation marks in Paris."
    )
    path = sample_path(rules)
    step = path.steps[1]
    [driver] = step.explanation.drivers
    driver = driver.model_copy(update={"text": rules, "unit": "span"})
    [source] = step.sources
    sources = (source.model_copy(update={"drivers": (driver,)}),)
    step = step.model_copy(update={"sources": sources})
    said = summarize_path([step])
    assert "depends on “7. The agency was founded in … exclamation marks in Paris”" in said
    alone = path.model_copy(update={"steps": (step,)})
    assert "exclamation marks in Paris +0.70" in " ".join(printed(alone).split())
    assert "agency" not in path_ends(alone), "a list of rules has no title"


def test_the_page_has_the_tree_and_every_heatmap() -> None:
    page = path_to_html(sample_path())
    assert page.count("<!doctype html>") == 1
    assert page.count('<div class="smile-trace">') == 2
    for number in (1, 2):
        assert f'href="#smile-step-{number}"' in page
        assert f'id="smile-step-{number}"' in page
    assert "in the document “get_order”" in page
    assert "<html" not in path_to_html(sample_path(), fragment=True)


def test_hostile_text_is_text() -> None:
    path = sample_path("say <script>smile</script>", HOSTILE)
    page = path_to_html(path, title=HOSTILE)
    page.encode()  # no lone surrogate
    assert "<script" not in page
    assert "<img" not in page
    assert "\x1b" not in printed(path)


def test_the_picture_has_the_tree_as_text() -> None:
    root = ElementTree.fromstring(sample_path().to_svg())
    words = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    shown = " ".join(" ".join(words).split())
    assert "1. The final answer" in shown
    assert shown.count("Friday +0.70") == 5
    assert "(explained above)" in shown
    assert "that call is not explained: get_order" in shown
    assert (
        max(float(text.get("x", 0)) for text in root.iter("{http://www.w3.org/2000/svg}text")) < 700
    )
    hostile = sample_path("say <script>smile</script>", HOSTILE).to_svg()
    assert "<script" not in hostile
    ElementTree.fromstring(hostile)
    with pytest.raises(ValueError, match="480"):
        path_to_svg(sample_path(), width=300)


def test_a_deep_path_stays_in_its_picture() -> None:
    path = sample_path(name="x" * 200)
    step, end = path.steps
    [leads, *_] = step.sources
    steps = [
        step.model_copy(update={"sources": (leads.model_copy(update={"step": number + 1}),)})
        for number in range(20)
    ]
    deep = path.model_copy(update={"steps": (*steps, end)})
    root = ElementTree.fromstring(deep.to_svg())
    ends = [
        float(text.get("x", 0)) + float(text.get("textLength", 0))
        for text in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    assert max(ends) <= 700


def test_what_is_known_of_the_tools_stands_at_the_step() -> None:
    path = sample_path()
    note = "Of the 3 tools offered none of the others would be called in its place."
    noted = path.model_copy(
        update={"steps": tuple(s.model_copy(update={"note": note}) for s in path.steps)}
    )
    assert printed(noted).count(note) == 2, "not where a step is shown again"
    assert path_to_html(noted).count(f'<div class="why">{note}</div>') == 2
    assert noted.to_svg().count("others") == 2


def test_no_template_has_a_script() -> None:
    folder = ROOT / "smile_trace" / "render" / "templates"
    assert "<script" not in (folder / "path.html.j2").read_text(encoding="utf-8")


def test_a_path_of_a_newer_release_is_refused() -> None:
    newer = {**sample_path().model_dump(mode="json"), "schema_version": 3}
    with pytest.raises(ValueError, match="upgrade smile-trace"):
        ExplanationPath.model_validate(newer)
