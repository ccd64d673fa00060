"""A part of the answer that is explained is underlined, wherever an explanation is shown."""

import io
import re
import xml.etree.ElementTree as ElementTree

from rich.console import Console

from smile_trace import render
from smile_trace.render.heatmap_layout import heatmap
from smile_trace.render.terminal import print_terminal
from tests.support.explained import HOSTILE, explanation

ANSWER = "It is Paris, of course."
PART = (6, 11)


def partly(answer=ANSWER, part=PART):
    return explanation(answer=answer).model_copy(update={"part": part})


def test_the_part_is_a_piece_of_its_own():
    picture = heatmap(partly())
    assert [(p.text, p.kind) for p in picture.answer] == [
        ("It is ", "plain"), ("Paris", "explained"), (", of course.", "plain"),
    ]  # fmt: skip
    assert "Underlined: the part" in picture.key()
    assert "Underlined" not in heatmap(explanation()).key()
    assert [p.text for p in heatmap(partly(part=(0, len(ANSWER)))).answer] == [ANSWER]


def test_the_page_underlines_it():
    assert re.search(r"It is <u [^>]*>Paris</u>, of course", render.to_html(partly()))
    assert "<u " not in render.to_html(explanation(answer=ANSWER))
    hostile = render.to_html(partly(HOSTILE, (0, len(HOSTILE))))
    assert "<script>" not in hostile


def test_the_picture_underlines_it():
    def lines(explained):
        root = ElementTree.fromstring(render.to_svg(explained))
        found = root.iter("{http://www.w3.org/2000/svg}line")
        return [line for line in found if line.get("class") == "rule" and line.get("y1") != "0"]

    [line] = lines(partly())
    assert line.get("stroke-width") == "2"
    assert float(line.get("x2")) - float(line.get("x1")) > 20
    assert lines(explanation(answer=ANSWER)) == []


def test_the_terminal_underlines_it():
    shown = io.StringIO()
    print_terminal(partly(), Console(file=shown, force_terminal=True, width=100))
    assert "It is \x1b[4mParis\x1b[0m, of course." in shown.getvalue()


def test_pictures_without_the_answer_say_nothing_of_its_underlines():
    def words(svg):
        return " ".join(" ".join(ElementTree.fromstring(svg).itertext()).split())

    assert "Underlined:" in words(render.to_svg(partly()))
    assert "Underlined" not in " ".join(map(words, render.to_svg_strips(partly()).values()))
