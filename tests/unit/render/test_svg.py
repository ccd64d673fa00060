"""SVG: well-formed whatever the text, wrapped inside its width, cut between lines."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from smile_trace.attribution.reporting.segments import join
from smile_trace.attribution.reporting.summary import summarize
from smile_trace.records import Explanation, Message, SegmentAttribution
from smile_trace.render import brief_svg, path_to_svg, to_html, to_svg
from smile_trace.render.headline import headline
from smile_trace.render.text import signed
from smile_trace.render.typeset import width_of, wrap
from tests.support.explained import HOSTILE, explanation
from tests.support.sample_paths import sample_path

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(f"{SVG}text"))


def words(svg: str) -> str:
    return " ".join("".join(element.itertext()) for element in texts(svg))


def test_hostile_text_is_text() -> None:
    explained = explanation(
        [("<b>role</b>", HOSTILE), ("user", HOSTILE[::-1])], {"alert": 0.5}, answer=HOSTILE
    )
    svg = to_svg(explained)
    names = {element.tag.removeprefix(SVG) for element in ET.fromstring(svg).iter()}
    assert names == {"svg", "title", "style", "rect", "line", "text", "defs", "pattern"}
    assert "<script>" in words(svg)
    assert "␀" in words(svg)


@pytest.mark.parametrize(
    "content",
    [
        "word " * 400,
        "x" * 3000,
        "你好世界" * 200,
        "สวัสดีชาวโลก" * 80,
        "👩‍👩‍👧‍👦🇩🇪e\u0301" * 120,
        "שלום עולם hello 123 " * 60,
        "\t\n \n\t  ",
        "",
    ],
    ids=["words", "one word", "Chinese", "Thai", "emoji", "Hebrew", "space", "empty"],
)
def test_every_line_is_inside_the_picture(content: str) -> None:
    svg = to_svg(explanation([("user", content)], {"word": 0.4}), width=500)
    for element in texts(svg):
        if "textLength" in element.attrib:
            x, width = float(element.attrib["x"]), float(element.attrib["textLength"])
            left = x - width if element.get("direction") == "rtl" else x
            assert left >= 19.5
            assert left + width <= 480.5, "".join(element.itertext())


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it, in [0, 1]."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio, in [1, 21]."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


_COLOURS = re.compile(
    r"--hatch: rgb\((\d+) (\d+) (\d+) / ([.\d]+)\); --card: #(..)(..)(..);"
    r".*?--supports: (\d+) (\d+) (\d+);",
    re.DOTALL,
)


def mixed(over: Sequence[float], under: Sequence[float], share: float) -> list[float]:
    return [share * a + (1 - share) * b for a, b in zip(over, under, strict=True)]


def hexed(colour: Sequence[float]) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in colour)


def rgb(colour: str) -> list[float]:
    return [float(int(colour[i : i + 2], 16)) for i in (1, 3, 5)]


def test_hatching_is_seen_on_a_page_on_every_colour_light_and_dark() -> None:
    looks = _COLOURS.findall(to_html(explanation()))
    assert len(looks) == 2
    for look in looks:
        lines, blue = ([float(part) for part in look[at : at + 3]] for at in (0, 7))
        card = rgb("#" + "".join(look[4:7]))
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            ground = mixed(blue, card, share)
            assert contrast(hexed(mixed(lines, ground, float(look[3]))), hexed(ground)) > 1.4


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_hatching_is_seen_in_a_picture_on_every_colour(dark: bool) -> None:
    said = ("user", "The fee is six euros. Bye, and thank you.")
    piece = span(0, said, "six euros", 0.0).model_copy(update={"parent": 0, "verdict": "open"})
    found = explanation([said], {}).model_copy(
        update={"segments": (piece,), "coarser": (span(0, said, said[1], 0.5),)}
    )
    root = ET.fromstring(to_svg(found))
    light, _, media = (root.findtext(f"{SVG}style") or "").partition("@media")
    strokes = dict(re.findall(r"\.([\w-]+) { stroke: (#\w{6})", light + media * dark))
    fills = {rect.get("fill", "") for rect in root.iter(f"{SVG}rect")}
    [hatched] = [fill for fill in fills if fill.startswith("url(#open")]
    [pattern] = [p for p in root.iter(f"{SVG}pattern") if f"url(#{p.get('id')})" == hatched]
    line, share = (
        rgb(strokes[pattern[0].attrib["class"]]),
        float(pattern[0].attrib["stroke-opacity"]),
    )
    for ground in (fill for fill in fills if fill.startswith("#")):  # the legend has them all
        assert contrast(hexed(mixed(line, rgb(ground), share)), ground) > 1.4


def fills(style: str) -> dict[str, str]:
    return {
        name: fill
        for names, fill in re.findall(r"((?:\.[\w-]+,? ?)+){ fill: (#\w{3,6})\b", style)
        for name in re.findall(r"[\w-]+", names)
    }


SURE = explanation(scores={"France": 1.0, "capital": 0.04, "Lyon": -0.04, "sure": -1.0})


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    "svg", [to_svg(SURE), brief_svg(SURE), path_to_svg(sample_path())], ids=["all", "brief", "path"]
)
def test_every_text_is_legible_on_the_pictures_own_background(svg: str, dark: bool) -> None:
    root = ET.fromstring(svg)
    light, _, media = (root.findtext(f"{SVG}style") or "").partition("@media")
    looks = fills(light.replace("#fff ", "#ffffff ")) | (fills(media) if dark else {})
    rects = [*root.iter(f"{SVG}rect")]
    assert (rects[0].get("class"), rects[0].get("width")) == ("paper", "100%")
    chips = {rect.attrib["fill"] for rect in rects if rect.get("fill", "").startswith("#")}
    for element in texts(svg):
        look = element.attrib["class"]
        papers = {looks[name] for name in ("paper", "card") if name in looks}
        behind = chips if look == "ink" else papers
        least = 6 if look == "ink" else 4.5
        assert min(contrast(looks[look], colour) for colour in behind) >= least, look


def test_nothing_is_lost_by_wrapping() -> None:
    content = " ".join(f"w{i}" for i in range(300))
    scores = {f"w{i}": 0.3 for i in range(0, 300, 7)}
    svg = to_svg(explanation([("user", content)], scores))
    assert re.findall(r"\bw\d+\b", words(svg)) == content.split()


def test_right_to_left_lines_start_at_the_right() -> None:
    [line] = wrap([("שלום ", "a"), ("עולם", "b")], size=10, width=200)
    assert [chunk.text for chunk in line] == ["עולם", "שלום "]
    assert line[-1].x + line[-1].width == pytest.approx(200)
    mixed = [("שלום ", "a"), ("hello ", "b"), ("world ", "c"), ("עולם", "d")]
    [line] = wrap(mixed, size=10, width=300)
    shown = [chunk.text for chunk in line if chunk.text.strip()]
    assert shown == ["עולם", "hello ", "world", "שלום "], "left-to-right words keep their order"


def test_punctuation_stays_with_its_word() -> None:
    width = width_of("one two", 10) + 1
    lines = wrap([("one two", "a"), (",", "b"), (" three", "a")], size=10, width=width)
    assert ["".join(c.text for c in line).strip() for line in lines] == ["one", "two,", "three"]


def test_a_number_stays_with_its_per_cent_sign() -> None:
    lines = wrap([("up to 67 %]", None)], size=10, width=width_of("up to 67", 10) + 1)
    assert ["".join(c.text for c in line).strip() for line in lines] == ["up to", "67 %]"]


def test_values_are_above_words_and_signs_in_the_underline() -> None:
    svg = to_svg(explanation([("user", "Paris not Rome")], {"Paris": 0.6, "not": -0.3}))
    assert "+0.60" in words(svg)
    assert "−0.30" in words(svg)
    lines = list(ET.fromstring(svg).iter(f"{SVG}line"))
    assert ["stroke-dasharray" in line.attrib for line in lines[:2]] == [False, True]


def test_values_never_touch() -> None:
    content = "a b c dd e f " * 20
    scores = {"a": 0.5, "b": 0.9, "c": -0.3, "dd": 0.2, "e": -1.0, "f": 0.1}
    svg = to_svg(explanation([("user", content)], scores))
    values = [t for t in texts(svg) if t.get("font-weight") == "bold"]
    by_line: dict[str, list[float]] = {}
    for value in values:
        by_line.setdefault(value.attrib["y"], []).append(float(value.attrib["x"]))
    gaps = [b - a for xs in by_line.values() for a, b in pairwise(sorted(xs))]
    assert min(gaps) > 25
    assert "−1.00" in words(svg)


def test_a_segment_of_several_lines_has_its_value_once() -> None:
    content = "This is one long sentence that matters, and it goes on. "
    explained = explanation([("user", content * 4)], {})
    whole = explained.segments[0].model_copy(
        update={
            "end": len(content * 4),
            "significant": True,
            "attribution": 0.5,
            "verdict": "supports",
        }
    )
    svg = to_svg(explained.model_copy(update={"segments": (whole,)}), width=300)
    assert words(svg).count("+0.50") == 1


def read(svg: str) -> str:
    """The words of a picture from top to bottom."""
    found = sorted(texts(svg), key=lambda t: (float(t.attrib["y"]), float(t.attrib["x"])))
    return " ".join(" ".join("".join(t.itertext()) for t in found).split())


def height(svg: str) -> float:
    return float(ET.fromstring(svg).attrib["height"])


GREY = "This is said beside the point, as nobody asks about it. "


def test_a_brief_picture_has_what_is_certain_in_order_and_counts_the_rest() -> None:
    explained = explanation(
        [
            ("system", GREY * 20 + "Close at nine in France. " + GREY * 20),
            ("user", GREY * 30),
            ("user", GREY * 20 + "Is it Lyon? Is it open?"),
        ],
        {"nine": 0.7, "Lyon": -0.2, "open": 0.4},
    )
    svg = brief_svg(explained)
    assert height(svg) <= 500
    shown = read(svg)
    told = (
        "system",
        "+0.70",
        "user: 390 parts without effect",
        "−0.20",
        "+0.40",
        "answer Paris",
        "−1",
    )
    places = [shown.find(each) for each in told]
    assert -1 not in places
    assert places == sorted(places)
    bare = re.sub(r"[+−]0[.]\d\d ", "", shown)
    assert "Close at nine in France." in bare
    assert "Is it Lyon ? Is it open ?" in bare
    assert shown.count(GREY.strip()[:20]) <= 4, "a line around each, no more"
    assert sum(map(int, re.findall(r"(\d+) parts without effect", shown))) > 1000


def test_a_brief_picture_shows_the_strongest_and_counts_the_others_by_verdict() -> None:
    content = "\n".join(f"Rule {i} for thing{i} is to do it well, always." for i in range(200))
    scores = {f"thing{i}": 0.05 + i / 220 for i in range(200)} | {"thing3": -0.06}
    explained = explanation([("system", content)], scores)
    open_one = explained.segments[1].model_copy(update={"verdict": "open"})
    segments = (explained.segments[0], open_one, *explained.segments[2:])
    svg = brief_svg(explained.model_copy(update={"segments": segments}))
    assert height(svg) <= 500
    shown = words(svg)
    drawn = [i for i in range(200) if f"thing{i} " in shown]
    assert drawn == list(range(drawn[0], 200)), "the strongest"
    assert len(drawn) >= 40
    left = 200 - len(drawn) - 1
    assert f"{left} parts that support the answer, 1 part that works against the answer" in shown
    assert "parts without effect, 1 part open" in shown
    # The numbers are those of the text.
    values = set(re.findall(r"[+−]\d\.\d\d", shown))
    assert {signed(scores[f"thing{i}"]) for i in drawn} <= values


RULES = "You are the assistant of a shop. Be polite. Name every price in euros. Do not guess. "
ORDER = '{"number": 4712, "item": "oak desk", "status": "packed", "price": 199, "carrier": "UPS"}'
CALL = {"type": "tool_call", "id": "c1", "name": "order_lookup", "arguments": "{}"}


def agent(longer: int) -> Explanation:
    """Four messages that matter; inside of two of them a sentence and a JSON field. `longer`: how
    often text without effect is repeated before and after."""
    around = GREY * longer
    texts = [
        ("system", around + RULES + around),
        ("user", "Where is my order? " + around + "And when does it come?"),
        ("tool", ORDER[:-1] + "".join(f', "note {i}": "none"' for i in range(3 * longer)) + "}"),
        ("tool", "Desks are made in Poland. " + around),
    ]
    inner = [(0, "Name every price in euros.", 0.4), (2, '"item": "oak desk"', 0.35)]
    inner += [(0, "Be polite.", 0.0), (1, "Where is my order?", 0.0), (2, '"carrier": "UPS"', 0.0)]
    coarse = [(i, text, 0.9 - i / 5) for i, (_, text) in enumerate(texts)]
    levels = [
        [span(m, texts[m], part, value) for m, part, value in level] for level in (coarse, inner)
    ]
    segments, coarser = join(levels)
    whole = explanation(texts, {})
    called = Message.model_validate({"role": "assistant", "parts": [CALL]})
    result = {"role": "tool", "parts": [{**RESULT, "response": texts[2][1]}]}
    messages = (*whole.messages[:2], Message.model_validate(result), whole.messages[3], called)
    told = whole.model_copy(update={"segments": segments, "coarser": coarser, "messages": messages})
    summary = summarize(segments, told.fidelity, messages=messages, coarser=coarser)
    return told.model_copy(update={"summary": summary})


RESULT = {"type": "tool_call_response", "id": "c1"}


def span(message: int, said: tuple[str, str], part: str, value: float) -> SegmentAttribution:
    role, text = said
    start = text.index(part)
    unit = "tool_result" if part == text and role == "tool" else "span"
    return SegmentAttribution(
        text=part, message=message, role=role, start=start, end=start + len(part),
        unit=unit, key=f"{message}:{unit}:{start}:{len(part)}", attribution=value,
        ci_low=value - 0.02, ci_high=value + 0.02, significant=value > 0.1,
    )  # fmt: skip


def stored() -> list[Explanation]:
    lines = GALLERY.read_text(encoding="utf-8").splitlines()[::4]
    return [Explanation.model_validate(json.loads(line)["explanation"]) for line in lines]


GALLERY = Path(__file__).parents[3] / "docs/gallery/explanations.smile.jsonl"


@pytest.mark.parametrize(
    "found",
    [lambda: [agent(0)], lambda: [agent(2)], lambda: [agent(30)], stored],
    ids=["short agent", "agent", "long agent", "gallery"],
)
def test_all_that_is_certain_stands_in_a_brief_picture(
    found: Callable[[], list[Explanation]],
) -> None:
    for explained in found():
        svg = brief_svg(explained)
        assert height(svg) <= 500
        lines = sorted(texts(svg), key=lambda t: (float(t.attrib["y"]), float(t.attrib["x"])))
        said = [(t.attrib["class"], "".join(t.itertext())) for t in lines]
        coloured = "".join("".join(text.split()) for look, text in said if look == "ink")
        marked = " ".join(text for look, text in said if look.endswith("-ink"))
        values = re.findall(r"[+−]\d\.\d\d", marked)
        for segment in (*explained.coarser, *explained.segments):
            if segment.significant and segment.verdict in ("supports", "against"):
                begins = "".join(segment.text.split())[:8]
                named = segment in explained.coarser and signed(segment.attribution) in values
                assert named or begins in coloured, (explained.summary, segment.name)
        headline = " ".join(text for look, text in said if look == "summary")
        assert headline.endswith((".", "…"))  # cut where seven parts are as strong
        assert sum(look == "summary" for look, _ in said) <= 3
        heading = [t.attrib for t in lines if t.attrib["class"] == "summary"]
        assert all(float(t["x"]) + float(t["textLength"]) < 560 for t in heading), "a button's"


def test_a_passage_colours_nothing_beside_what_matters_in_it() -> None:
    svg = brief_svg(agent(0))
    coloured = [t.text or "" for t in texts(svg) if t.attrib["class"] == "ink"]
    assert "Name every price in euros." in coloured
    assert '"item": "oak desk"' in coloured
    assert not any("polite" in text or "UPS" in text for text in coloured)
    assert not any("Where" in text for text in coloured), "it is without effect by itself"
    assert "▸part +0.70 as a whole Where is my order?" in " ".join(words(svg).split())
    lines = [t.text or "" for t in texts(svg) if t.attrib["class"] == "summary"]
    headline = " ".join(" ".join(lines).split())
    assert "the result of order_lookup" in headline
    assert "{" not in headline


def test_a_passage_keeps_its_colour_where_a_word_in_it_works_against_the_answer() -> None:
    text = "The spare key is under the piano, and never in the car."
    said = ("user", text)
    segments, coarser = join([[span(0, said, text, 0.8)], [span(0, said, "never", -0.2)]])
    certain = {"significant": True, "verdict": "against"}
    segments = tuple(s.model_copy(update=certain) for s in segments)
    whole = explanation([said], {})
    drawn = brief_svg(whole.model_copy(update={"segments": segments, "coarser": coarser}))
    inked = [t.text or "" for t in texts(drawn) if t.attrib["class"] == "ink"]
    assert any("spare key" in text for text in inked)


def test_of_a_passage_that_matters_as_a_whole_the_fact_of_the_answer_is_shown() -> None:
    fact = "Margery of Northmere weighs 1270 kilograms."
    text = f"Catalogue of the ring. {GREY * 30}{fact} {GREY * 30}"
    said = ("user", text)
    whole = span(0, said, text.strip(), 0.3)
    unsure = {"parent": 0, "verdict": "open"}
    parts = [span(0, said, part, 0.0).model_copy(update=unsure) for part in (GREY, fact)]
    found = explanation([said], {}, answer="It weighs 1270 kilograms.")
    found = found.model_copy(update={"segments": tuple(parts), "coarser": (whole,)})
    shown = read(brief_svg(found))
    assert height(brief_svg(found)) <= 500
    assert fact in shown
    assert "+0.30 as a whole ⋯" in shown


def test_a_part_that_was_not_told_apart_is_shown_by_both_its_ends() -> None:
    """Any one line of it would seem to be what matters."""
    lines = [f"{k}. Rule of the studio, with some more words that say nothing." for k in range(12)]
    rules, history = ("system", "\n".join(lines)), ("user", "What is left of it? " * 40)
    answer = "Two words of rule 5 say nothing of the studio, with some more that say 5."
    found = explanation([rules, history], {}, answer=answer)
    parts = span(0, rules, rules[1], 0.4), span(1, history, history[1].strip(), 0.6)
    shown = read(brief_svg(found.model_copy(update={"segments": parts, "coarser": ()})))
    assert "0. Rule" in shown
    assert "11. Rule" in shown


@pytest.mark.parametrize("word", [0.4, 0.0])
def test_a_value_stands_once_where_the_larger_part_has_it(word: float) -> None:
    text = "The fee is six euros. Bye, and thank you."
    said = ("user", text)
    levels = [(text, 0.5), ("The fee is six euros.", 0.5), ("six euros", word)]
    segments, coarser = join([[span(0, said, *level)] for level in levels])
    found = explanation([said, ("user", "Hi.")], {})
    found = found.model_copy(update={"segments": segments, "coarser": coarser})
    assert words(brief_svg(found)).count("+0.50") == 1


def test_a_headline_names_all_rather_than_what_is_lost_without_one_alone() -> None:
    found = explanation([("user", "one two")], {"one": 0.5, "two": 0.5})
    said = (
        "The answer depends on “one” (50 % of the answer is lost without it on average, all if "
        "removed alone), notably on “on” (40 % on average, 70 % if removed alone); on “two” "
        "(50 %)."
    )
    short = headline(found.model_copy(update={"summary": said}), lambda text: len(text) < 150)
    assert short.endswith("on average), notably on “on” (40 % on average); on “two” (50 %).")


@pytest.mark.parametrize(("inner", "again"), [(0.5, False), (0.3, True)])
def test_a_value_stands_once_where_a_part_inside_has_it(inner: float, again: bool) -> None:
    said = ("user", "Hello. The fee is six euros. Bye.")
    segments, coarser = join(
        [[span(0, said, "The fee is six euros.", 0.5)], [span(0, said, "six euros", inner)]]
    )
    found = explanation([said], {}).model_copy(update={"segments": segments, "coarser": coarser})
    brief, full = (" ".join(words(svg).split()) for svg in (brief_svg(found), to_svg(found)))
    assert signed(inner) in brief
    assert ("▸part +0.50" in brief) == ("▸part +0.50" in full) == again
    assert ("▸" in brief, "▸" in full) == (again, True)


def test_a_short_prompt_is_drawn_whole_and_one_without_effect_by_its_end() -> None:
    shown = words(brief_svg(explanation()))
    assert "terse geography" in shown
    assert "France" in shown
    nothing = words(brief_svg(explanation([("user", GREY * 200 + "The end.")], {})))
    assert "The end." in nothing
    assert "parts without effect" in nothing
    assert len(to_svg(explanation([("user", "👩‍👩‍👧‍👦" * 2_000)], {}))) < 20_000
    with pytest.raises(ValueError, match="at least 240"):
        to_svg(explanation(), width=100)


def test_long_messages_without_effect_are_one_line() -> None:
    grey = "This is said beside the point. " * 12
    messages = [("system", grey), ("user", grey), ("assistant", "Yes?"), ("user", "Is it open?")]
    shown = words(to_svg(explanation(messages, {"open": 0.5})))
    assert "beside" not in shown
    assert shown.count("system, user: 168 parts without effect") == 1
    assert "Yes?" in shown
    # Where nothing has an effect, a picture of nothing would say less.
    assert "beside" in words(to_svg(explanation(messages, {})))


@pytest.mark.parametrize(
    ("weak", "more"),
    [(0.5, "two more that may be as strong"), (0.2, "two weaker parts")],
)
def test_a_headline_says_how_strong_the_drivers_are_that_it_leaves_out(
    weak: float, more: str
) -> None:
    found = explanation([("user", "one two three")], {"one": 0.5, "two": weak, "three": weak})
    one = "The answer depends on “one” (50 %), notably on “on”"
    said = f"{one}; on “two” (5 %); on “three” (5 %)."
    short = headline(found.model_copy(update={"summary": said}), lambda text: "“two”" not in text)
    assert short.endswith(f"; and on {more}.")
