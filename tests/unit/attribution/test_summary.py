"""The plain sentence: right for every status, and readable without statistics."""

import re
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.attribution.reporting.summary import THE_ANSWER, Subject, summarize
from smile_trace.attribution.reporting.verdict import final_fidelity
from smile_trace.records import (
    Fidelity,
    FidelityStatus,
    FieldChange,
    FirstPlace,
    Interaction,
    Message,
    SegmentAttribution,
)
from smile_trace.records.verdicts import SMALLEST_EFFECT

NOTHING_MEASURABLE = "made no measurable difference (each less than 10 %)"


def segment(text: str, low: float = 0.0, value: float = 0.0, high: float = 0.0, **more: Any):
    """A segment; significant where the interval holds no 0."""
    place = {"message": 0, "role": "user", "start": 0, "end": 1}
    defaults = {"unit": "word", "key": "0:word:0", "significant": not low <= 0 <= high}
    values = {"text": text, "attribution": value, "ci_low": low, "ci_high": high}
    given: dict[str, Any] = {**place, **defaults, **values, **more}
    return SegmentAttribution(**given)


def others(count: int, **more: Any) -> list[SegmentAttribution]:
    return [segment(f"w{i}", -0.05, 0.0, 0.05, **more) for i in range(count)]


def unknown(count: int, most: float = 0.31, **more: Any) -> list[SegmentAttribution]:
    return [segment(f"u{i}", -0.1, 0.1, most, **more) for i in range(count)]


RED = Subject.of_part("red", (0, 3))
DEPENDS = "The answer depends on "
LOST = "(60 % [50 to 70 %] of the answer is lost without it on average)"
RELIABLE = Fidelity(status="reliable", reason="")


def said(
    segments: Sequence[SegmentAttribution], status: FidelityStatus = "reliable", **more: Any
) -> str:
    placed = [s.model_copy(update={"start": i, "end": i + 1}) for i, s in enumerate(segments)]
    return summarize(placed, Fidelity(status=status, reason="so it is."), **more)


def driver(text: str = "fox", **more: Any) -> SegmentAttribution:
    return segment(text, 0.5, 0.6, 0.7, **more)


def test_the_usual_sentence() -> None:
    assert said([segment("Eiffel", 0.55, 0.63, 0.71), *others(9)]) == (
        f"{DEPENDS}“Eiffel” (63 % [55 to 71 %] of the answer is lost without it on average); "
        f"nine other words {NOTHING_MEASURABLE}."
    )
    # The same word twice is told apart.
    assert said([segment("no"), driver("no"), segment("maybe")]) == (
        f"{DEPENDS}the second “no” {LOST}; two other words {NOTHING_MEASURABLE}."
    )
    many = [*(segment("no") for _ in range(20)), driver("no")]
    assert said(many).startswith(f"{DEPENDS}the 21st “no” (")


def results_of(tools: Sequence[str]) -> list[Message]:
    """A call of each tool, and its result."""
    calls = [
        {"type": "tool_call", "id": f"c{i}", "name": tool, "arguments": "{}"}
        for i, tool in enumerate(tools)
    ]
    results = [
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": f"c{i}", "response": RESULT}],
        }
        for i in range(len(tools))
    ]
    made = ({"role": "assistant", "parts": calls}, *results)
    return [Message.model_validate(message) for message in made]


RESULT = '{"id": 1, "day": "Friday"}'


def test_a_part_that_is_named_again_has_a_short_name_and_its_place_once() -> None:
    birds = ['"name": "Loki", "kind": "merlin"', '"name": "Brenna", "kind": "Harris hawk"']
    whole = segment(RESULT, 0.6, 0.7, 0.8, message=1, role="tool", unit="tool_result", end=26)
    rules = segment("Be brief. Be kind.", 0.1, 0.2, 0.3, role="system", unit="message", key="r")
    parts = [
        driver(text, message=1, role="tool", key=text, parent=0, start=20 * k, end=20 * k + 9)
        for k, text in enumerate(birds)
    ]
    told = summarize(
        [*parts, rules],
        RELIABLE,
        messages=[*results_of(["order"]), Message(role="system", content=rules.text)],
        coarser=[whole],
        interactions=[together("either", *birds), together("both", "r", birds[0])],
        unopened=[*birds, "r"],
    )
    loki, brenna = '“name: "Loki" …”', '“name: "Brenna" …”'
    assert told == (
        f"{DEPENDS}the result of order (70 % [60 to 80 %] of the answer is lost without it on "
        'average), notably on “name: "Loki", "kind": "merlin"” (60 % [50 to 70 %]) and “name: '
        '"Brenna", "kind": "Harris hawk"” (60 % [50 to 70 %]); on the system message (20 % '
        f"[10 to 30 %]); either {loki} or {brenna} is enough; the system message and {loki} "
        f"only work together; {brenna} and two more were not broken down further (--budget)."
    )


def test_parts_without_which_the_same_changes_are_said_together() -> None:
    words = [driver("runway", key="a"), driver("11", key="b"), driver("now", key="c")]
    path = "$.tool_calls[0].arguments.runway"
    fields = [FieldChange(key=key, path=path, share=0.5) for key in "ab"]
    fields.append(FieldChange(key="c", path="$.tool_calls[0].name", share=0.5))
    told = said(words, fields=fields, tools=["sightings"])
    assert "; without “runway” or “11” the argument `runway` changes; without “now” the" in told


@pytest.mark.parametrize(
    ("tools", "named"),
    [
        (("order", "weather"), "the result of order"),
        (("order", "order"), "the first result of order"),
        (("or\x1bder", "weather"), "the result of orer"),
    ],
)
@pytest.mark.parametrize("unit", ["tool_result", "message"])
def test_a_result_of_a_tool_has_the_name_of_the_tool(
    tools: tuple[str, str], named: str, unit: str
) -> None:
    place: dict[str, Any] = {"role": "tool", "unit": unit, "end": len(RESULT)}
    segments = [driver(RESULT, message=1, **place), segment(RESULT, message=2, **place)]
    told = summarize(segments, RELIABLE, messages=results_of(tools))
    assert told.startswith(f"{DEPENDS}{named} {LOST}; one other")
    part = [driver("1", message=1, role="tool", start=7, end=8), *segments[1:]]
    assert summarize(part, RELIABLE, messages=results_of(tools)).startswith(f"{DEPENDS}“1”")


def test_many_kinds_of_parts_are_counted_together() -> None:
    kinds = [*others(2), *others(1, unit="sentence"), *others(1, unit="document")]
    assert said([driver(), *kinds]).endswith(f"; four other parts {NOTHING_MEASURABLE}.")
    assert said([driver(), *kinds[:3]]).endswith(
        f"; two other words and one other sentence {NOTHING_MEASURABLE}."
    )


@pytest.mark.parametrize(
    ("tools", "changes"),
    [
        (["order"], "the argument `day` changes"),
        (["order", "crew"], "the argument `day` of order and the argument `day` of crew change"),
        (
            ["crew", "crew"],
            "the argument `day` of the first call to crew and the argument `day` of the second "
            "call to crew change",
        ),
    ],
)
def test_the_arguments_of_several_calls_have_the_names_of_their_tools(
    tools: list[str], changes: str
) -> None:
    fields = [
        FieldChange(key="0:word:0", path=f"$.tool_calls[{i}].arguments.day", share=1 - i / 10)
        for i in range(len(tools))
    ]
    assert f"; without “fox” {changes}" in said([driver()], fields=fields, tools=tools)


def test_each_field_has_a_word_before_one_has_two() -> None:
    """A word that changes all fields says of none which word it came from."""
    words = ["JSON", "lamps", "five", "brass", "Ann"]
    segments = [segment(w, 0.1, 0.9 - k / 10, 0.95, key=w) for k, w in enumerate(words)]
    of = {"product": ["JSON", "lamps", "brass"], "quantity": ["JSON", "five"]}
    of["customer"] = ["JSON", "Ann"]
    fields = [FieldChange(key=w, path=f"$.{f}", share=0.5) for f, keys in of.items() for w in keys]
    assert (
        "; without “lamps” the field `product` changes; without “five” the field `quantity` "
        "changes; without “Ann” the field `customer` changes; removing either of two more parts "
        "also changes some of this."
    ) in said(segments, fields=fields)


def test_a_field_of_two_parts_and_more_fields_than_have_place() -> None:
    words = ["a", "b", "c", "d", "e"]
    segments = [segment(w, 0.1, 0.9 - k / 10, 0.95, key=w) for k, w in enumerate(words)]
    fields = [
        FieldChange(key="e", also="d", path="$.name", share=1),
        *(FieldChange(key="a", path=f"$.{path}", share=0.5) for path in ("x", "y", "name")),
    ]
    assert (
        "; without both “e” and “d” the field `name` changes (either is enough); without “a” the "
        "fields `x`, `y` and `name` change."
    ) in said(segments, fields=fields)
    fields += [FieldChange(key=word, path=f"$.{word}", share=0.5) for word in "bcd"]
    assert (
        "; without “b” the field `b` changes; without “c” the field `c` changes; without both “e” "
        "and “d” the field `name` changes (either is enough); without “d” the field `d` changes; "
        "removing one more part also changes some of this; two more fields also change when a "
        "part is removed."
    ) in said(segments, fields=fields)


def test_a_passage_is_said_to_change_all_its_fields_where_its_pieces_do_not() -> None:
    [one] = passages("the key of the door", key="whole")
    piece = segment("key", 0.6, 0.7, 0.8, parent=0, key="piece")
    fields = [FieldChange(key="whole", path=f"$.{path}", share=1) for path in "xyz"]
    fields.append(FieldChange(key="piece", path="$.y", share=1))
    assert summarize([piece], RELIABLE, coarser=[one], fields=fields).endswith(
        "; without “key” the field `y` changes; without “the key of the door” the fields `x`, `y` "
        "and `z` change."
    )
    assert summarize([piece], RELIABLE, coarser=[one], fields=fields, field_count=3).endswith(
        "; without “the key of the door” all fields change."
    )


INCONCLUSIVE = "It is not settled what drove this answer: so it is."
NOTHING = "No single part of the prompt made a difference that stands out from the noise."


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("", "No word stands out."),
        ("b", "The strongest part is most likely “bee”."),
        ("bc", "The strongest part is most likely “bee” or “cat”."),
        ("cba", "The strongest part is most likely “cat”, “bee” or “ant”."),
    ],
)
def test_where_none_is_certain_a_few_are_named(keys: str, says: str) -> None:
    words = [segment(text, -0.1, 0.1, 0.3, key=text[0]) for text in ("ant", "bee", "cat", "dog")]
    first = FirstPlace(keys=tuple(keys), probability=0.9)
    assert said(words, "inconclusive", first=first) == f"{INCONCLUSIVE} {says}"
    assert said(words, first=first) == f"{NOTHING} {says}"
    assert said(words) == NOTHING


def test_beside_a_driver_a_few_are_named_only_where_others_may_be_stronger() -> None:
    words = [
        driver("fox", key="f"),
        driver("dog", key="d"),
        segment("ant", -0.1, 0.1, 0.3, key="a"),
    ]

    def first(keys: str) -> str:
        return said(words, first=FirstPlace(keys=tuple(keys), probability=0.9))

    assert "; the strongest part is most likely “fox” or “ant”; " in first("fa")
    assert first("fd") == first("f") == first("") == said(words)
    # A certain part that is stronger than all of them, and was not looked at inside.
    assert "most likely" not in said(
        [
            *words,
            driver("whole", unit="sentence", key="w").model_copy(update={"attribution": 0.95}),
        ],
        first=FirstPlace(keys=("f", "a"), probability=0.9),
    )


@pytest.mark.parametrize(
    ("part", "effect", "first"),
    [
        ({"unit": "document"}, 0.2, "cat"),
        ({"role": "tool"}, 0.2, "cat"),
        ({"role": "system"}, 0.2, "cat"),
        ({"role": "system"}, 0.19, "dog"),  # less than a third of the question's
        ({"role": "user"}, 0.5, "dog"),
    ],
)
def test_what_a_question_was_answered_by_is_named_before_it(
    part: dict[str, Any], effect: float, first: str
) -> None:
    question = driver("dog", unit="sentence")
    segments = [segment("cat", effect, effect, effect, **part), question]
    assert re.findall("“(.*?)”", said(segments))[0] == first
    # What is not certain does not come first.
    segments[0] = segments[0].model_copy(update={"significant": False})
    assert re.findall("“(.*?)”", said(segments)) == ["dog"]


def test_neighbours_removed_together_are_named_first_for_a_document_among_them() -> None:
    neighbours = segment("birds cats", 0.3, 0.3, 0.3, unit="span", end=10)
    inside = [
        segment(text, effect, effect, effect, unit="document", parent=0, start=place)
        for text, effect, place in [("birds", 0.1, 0), ("cats", 0.2, 6)]
    ]
    question = driver("dog", unit="sentence", start=20)

    def first(*parts: SegmentAttribution) -> str:
        return re.findall("“(.*?)”", summarize(parts, RELIABLE, coarser=[neighbours]))[0]

    assert first(*inside, question) == "birds cats"
    assert first(inside[0], question) == "dog"  # less than a third of the question's
    sentence = inside[1].model_copy(update={"unit": "sentence"})
    assert first(sentence, question) == "dog"
    assert first(sentence.model_copy(update={"role": "system"}), question) == "birds cats"


def test_parts_are_named_in_the_order_of_the_numbers_beside_them() -> None:
    weak = segment("dog", 0.4, 0.53, 0.6, own_effect=0.7)
    strong = segment("cat", 0.4, 0.56, 0.6, own_effect=0.5)
    even = segment("ant", 0.4, 0.53, 0.6, own_effect=0.4)
    assert re.findall("“(.*?)”", said([even, weak, strong])) == ["cat", "dog", "ant"]


@pytest.mark.parametrize(
    ("interval", "lost"),
    [
        ((0.55, 0.63, 0.71), "63 % [55 to 71 %]"),
        ((0.55, 0.60, 0.90), "60 % [55 to 90 %]"),
        ((0.84, 0.95, 1.0), "95 % [84 to 100 %]"),
        ((0.001, 0.2, 0.4), "20 % [0 to 40 %]"),
        ((0.63, 0.63, 0.63), "63 %"),  # exact
        ((1.0, 1.0, 1.0), "all"),
        ((0.7, 1.0, 1.3), "100 % [70 to 100 %]"),  # never beyond 100
        ((0.11, 0.11, 0.11), "11 %"),
    ],
)
def test_how_much_is_lost(interval: tuple[float, float, float], lost: str) -> None:
    sentence = said([segment("Eiffel", *interval)])
    of = " of the answer is lost"
    how = f"without it, {lost}{of}" if lost == "all" else f"{lost}{of} without it on average"
    assert sentence == f"The answer depends on “Eiffel” ({how})."


def test_a_certain_effect_that_is_too_small_to_matter_is_not_named_beside_those_that_do() -> None:
    """Where every mask was asked, each effect is certain, however small."""
    lamp = segment("lamp", 0.66, 0.66, 0.66)
    small = [segment("the", 0.02, 0.02, 0.02), segment("a", -0.01, -0.01, -0.01, key="a")]
    assert said([lamp, *small, *others(1)]) == (
        f"{DEPENDS}“lamp” (66 % of the answer is lost without it on average); three other words "
        "made little or no difference (each less than 10 %)."
    )
    assert said(small) == (
        "The answer depends only slightly, by less than 10 %, on “the” (2 % of the answer is lost "
        "without it on average); “a” (1 % less) works slightly against the answer."
    )
    # Without it alone more is lost, a field changes, or it matters beside another part.
    costly = small[0].model_copy(update={"leave_one_out": 0.2})
    assert "“the” (2 %, 20 % if removed alone)" in said([lamp, costly])
    told = said([lamp, small[1]], fields=[FieldChange(key="a", path="$.x", share=1)])
    assert "“a” (1 % less) works against the answer" in told
    told = said([lamp, small[1]], interactions=[together("either", "a", "0:word:0")])
    assert "little or no difference" not in told


def test_several_drivers_and_what_works_against_them() -> None:
    drivers = [segment(f"d{i}", 0.5 - i / 10, 0.6 - i / 10, 0.7 - i / 10) for i in range(5)]
    against = [
        segment("not", -0.5, -0.4, -0.3),
        segment("never", -0.6, -0.5, -0.4, leave_one_out=0.0),
    ]
    assert said([*drivers, *against, *others(1)]) == (
        "The answer depends on “d0” (60 % [50 to 70 %] of the answer is lost without it on "
        "average), “d1” (50 % [40 to 60 %]), “d2” (40 % [30 to 50 %]), “d3” (30 % [20 to 40 %]) "
        "and one weaker part; “never” (50 % [40 to 60 %] less, 0 % if removed alone) and "
        "“not” (40 % [30 to 50 %] less) work against the answer; "
        "one other word made no measurable difference (less than 10 %)."
    )
    assert said([*against[:1], *others(2)]) == (
        "“not” (40 % [30 to 50 %] less of the answer is lost without it on average) works against "
        f"the answer; two other words {NOTHING_MEASURABLE}."
    )


def test_protected_segments_and_passages_are_counted_by_their_own_name() -> None:
    fox = segment("fox", 1, 1, 1)
    be, kind = (segment(text, protected=True) for text in ("be", "kind"))
    assert said([fox, be]) == (
        f"{DEPENDS}“fox” (without it, all of the answer is lost); one protected word was never "
        "removed."
    )
    assert said([fox, be, kind, *others(1)]).endswith(
        "; one other word made no measurable difference (less than 10 %); two protected words were "
        "never removed."
    )
    assert said([fox, *others(2), *others(1, unit="span")]).endswith(
        f"; two other words and one other part {NOTHING_MEASURABLE}."
    )


@pytest.mark.parametrize(
    ("unit", "key", "named", "noun"),
    [
        ("sentence", "0:sentence:0", "“Be brief”", "two other sentences"),
        ("section", "0:section:0", "“Be brief”", "two other sections"),
        ("span", "0:span:0", "“Be brief”", "two other parts"),
        ("message", "0:message:0", "the user message “Be brief”", "two other messages"),
        ("variable", "answer:3:var:tone", "the variable tone (“Be brief”)", "two other variables"),
    ],
)
def test_units(unit: str, key: str, named: str, noun: str) -> None:
    segments = [driver("Be \n brief.", unit=unit, key=key), *others(2, unit=unit, key=key)]
    assert said(segments) == f"{DEPENDS}{named} {LOST}; {noun} {NOTHING_MEASURABLE}."
    if unit == "variable":
        own = others(3, unit=unit, key="answer:3:variable:0")
        assert said([segments[0], *own]).endswith(
            f"; three other parts of the template {NOTHING_MEASURABLE}."
        )


def test_long_texts_are_cut_in_the_middle() -> None:
    long = "The first words tell where it is. " + "word " * 100 + "The last tell, too."
    assert said([segment(long, 0.5, 0.6, 0.7)]).startswith(
        "The answer depends on “The first words tell where it … word word The last tell, too” ("
    )
    assert len(said([segment("x" * 1000, 0.5, 0.6, 0.7)])) < 160


def passages(*texts: str, **more: Any) -> list[SegmentAttribution]:
    """Passages that drive the answer, the first one most, each of them before all its pieces."""
    return [
        segment(text, 0.8 - k / 5, 0.9 - k / 5, 1 - k / 5, unit="span", start=100 * k, **more)
        for k, text in enumerate(texts)
    ]


def test_words_are_named_in_their_passage() -> None:
    [one] = passages("the key of the door")
    values = [("the", 0.0), ("key", 0.4), ("of", 0.0), ("the", 0.7), ("door", -0.2)]
    pieces = [
        segment(text, value - e, value, value + e, parent=0, start=k, end=k + 1)
        for k, (text, value) in enumerate(values)
        for e in [0.1 if value else 0.05]
    ]
    whole = [*pieces, segment("the rest", -0.05, 0.0, 0.05, unit="span", start=200)]
    lost = "“the key of the door” (90 % [80 to 100 %] of the answer is lost without it on average)"
    assert summarize(whole, RELIABLE, coarser=[one]) == (
        f"{DEPENDS}{lost}, notably on the second “the” (70 % [60 to 80 %]) and “key” (40 % "
        "[30 to 50 %]); “door” (20 % [10 to 30 %] less) works against the answer; two other words "
        "and one other part made no measurable difference (each less than 10 %)."
    )
    weak = one.model_copy(update={"significant": False})
    lost_alone = "(40 % [30 to 50 %] of the answer is lost without it on average)"
    key = pieces[1:2]
    assert summarize(key, RELIABLE, coarser=[weak]) == f"{DEPENDS}“key” {lost_alone}."
    source = weak.model_copy(update={"unit": "document", "title": "doors.md"})
    told = summarize(key, RELIABLE, coarser=[source])
    assert told == f"{DEPENDS}“key” in “doors.md” {lost_alone}."
    # The prompt holds it again.
    ring = segment("Key ring", start=300)
    assert summarize([*key, ring], RELIABLE, coarser=[weak]).startswith(
        f"{DEPENDS}“key” in “the key of the door” {lost_alone}; "
    )
    assert summarize([pieces[0], pieces[2]], RELIABLE, coarser=[one]) == (
        f"{DEPENDS}{lost}; two other words {NOTHING_MEASURABLE}."
    )


def test_a_piece_that_is_all_of_its_passage_is_not_named_again() -> None:
    """A part that is not finer any more is measured again beside the pieces of others."""
    [one] = passages("Question: Where is the key?")
    again = segment("Question: Where is the key", 0.6, 0.7, 0.8, parent=0, key="again")
    told = summarize([again], RELIABLE, coarser=[one])
    assert told == (
        f"{DEPENDS}“Question: Where is the key” (90 % [80 to 100 %] of the answer is "
        "lost without it on average)."
    )
    changes = [FieldChange(key="again", path="$.x", share=1)]
    told = summarize([again], RELIABLE, coarser=[one], fields=changes)
    assert told.endswith("; without “Question: Where is the key” the field `x` changes.")


def test_several_passages_and_three_sizes() -> None:
    outer, other = passages("a section", "another")
    [inner] = passages("a sentence of it", parent=0)
    word = segment("word", 0.3, 0.4, 0.5, parent=2)
    item = segment("item", 0.7, 0.8, 0.9, parent=1)
    apart = [segment(f"p{k}", 0.1, 0.2, 0.3, unit="span", start=300 + k) for k in range(2)]
    reliable = Fidelity(status="reliable", reason="")
    assert summarize([word, item, *apart], reliable, coarser=[outer, other, inner]) == (
        "The answer depends on “a section” (90 % [80 to 100 %] of the answer is lost without it on "
        "average), notably on “word” (40 % [30 to 50 %]); on “another” (70 % [60 to 80 %]), "
        "notably on “item” (80 % [70 to 90 %]); on “p0” (20 % [10 to 30 %]); on “p1” (20 % "
        "[10 to 30 %])."
    )


def test_no_driver_that_may_be_as_strong_is_hidden_behind_a_count() -> None:
    exact = [segment(f"d{i}", 0.2, 0.2, 0.2) for i in range(8)]
    assert said(exact).endswith("“d5” (20 %) and two more that may be as strong.")
    weaker = [segment(f"w{i}", 0.1, 0.15, 0.19) for i in range(2)]
    assert said([*exact[:3], *weaker]).endswith("“d2” (20 %) and two weaker parts.")


def test_the_strongest_finest_parts_are_named_wherever_they_stand() -> None:
    values = {"booking": 0.26, "weather": 0.18, "rules": 0.16, "policy": 0.17, "tier": 0.12}
    outer = [segment(of, v, v, v, start=100 * k) for k, (of, v) in enumerate(values.items())]
    inside = [("total", 0.15, 0), ("leaves", 0.11, 0), ("sky", 0.14, 1), ("hotline", 0.27, 2)]
    pieces = [segment(of, v, v, v, parent=k, start=100 * k) for of, v, k in inside]
    assert summarize([*pieces, *outer[3:]], RELIABLE, coarser=outer[:3]) == (
        f"{DEPENDS}“booking” (26 % of the answer is lost without it on average), notably on "
        "“total” (15 %) and one weaker part; on “weather” (18 %); on “policy” (17 %); on “rules” "
        "(16 %), notably on “hotline” (27 %); and on one weaker part."
    )


def test_no_part_is_weaker_than_a_number_that_is_said() -> None:
    values = {"question": 0.71, "programme": 0.178, "seats": 0.182, "tier": 0.15}
    outer = [segment(of, v, v, v, start=100 * k) for k, (of, v) in enumerate(values.items())]
    inside = [("who", 0.4, 0), ("where", 0.3, 0), ("recitals", 0.1985, 1)]
    pieces = [segment(of, v, v, v, parent=k, start=100 * k) for of, v, k in inside]
    told = summarize([*pieces, *outer[2:]], RELIABLE, coarser=outer[:2])
    assert told.endswith(
        "on “seats” (18 %); on “programme” (18 %), notably on “recitals” (20 %); and on one "
        "weaker part."
    )


@pytest.mark.parametrize(
    ("segments", "status", "more", "sentence"),
    [
        (
            [driver()],
            "no_effect",
            {"same_texts": True},
            "Whatever was removed from the prompt, the answer stayed the same.",
        ),
        (
            [driver()],
            "no_effect",
            {},
            "Whatever was removed from the prompt, the answer changed less than this comparison "
            "can tell from noise.",
        ),
        (
            [driver(), *others(2)],
            "partial",
            {},
            f"{DEPENDS}“fox” {LOST}; two other words {NOTHING_MEASURABLE}.",
        ),
        (
            [driver()],
            "inconclusive",
            {},
            "It is not settled what drove this answer: so it is.",
        ),
        (
            others(3),
            "reliable",
            {},
            "No single part of the prompt made a difference that stands out from the noise.",
        ),
        (
            [driver()],
            "reliable",
            {"subject": Subject.of_part("It is the red \n one.", (6, 19))},
            "The part “the red one” of the answer depends on “fox” (60 % [50 to 70 %] of that part "
            "is lost without it on average).",
        ),
        (
            [segment("not", -0.5, -0.4, -0.3)],
            "reliable",
            {"subject": RED},
            "“not” (40 % [30 to 50 %] less of that part is lost without it on average) works "
            "against the part “red” of the answer.",
        ),
        (
            [driver()],
            "reliable",
            {"subject": Subject.of_part('{"now": true}', (8, 12))},
            "The field `now` (“true”) of the answer depends on “fox” (60 % [50 to 70 %] of that "
            "field is lost without it on average).",
        ),
        (
            [driver()],
            "no_effect",
            {"subject": RED, "same_texts": True},
            "Whatever was removed from the prompt, the part “red” of the answer stayed the same.",
        ),
        (
            [driver()],
            "inconclusive",
            {"subject": RED},
            "It is not settled what drove the part “red” of this answer: so it is.",
        ),
    ],
)
def test_every_status(
    segments: list[SegmentAttribution], status: FidelityStatus, more: Any, sentence: str
) -> None:
    assert said(segments, status, **more) == sentence


def test_nothing_stands_out_of_what_asking_again_changes() -> None:
    noisy = Fidelity(status="no_effect", reason="", noise_floor=0.2)
    assert summarize([driver()], noisy) == (
        "Whatever was removed from the prompt, the answer changed no more than it does when the "
        "same prompt is asked again."
    )


NUMBER = re.compile(r"\d+")


WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.floats(0, 0.3), st.booleans(), st.booleans()),
        min_size=1,
        max_size=9,
    ),
    st.sampled_from(get_args(FidelityStatus)),
    st.sampled_from((THE_ANSWER, RED)),
)
def test_the_sentence_fits_any_finding(
    found: list[tuple[float, float, bool, bool]], status: FidelityStatus, subject: Subject
) -> None:
    """Shares lie in [0, 100], and every word is named or counted, once: as one without effect only
    where an effect is excluded."""
    segments = [
        segment(
            f"w{'abcdefghi'[k]}",
            v - e,
            v,
            v + e,
            significant=sure and not protected and abs(v) > e,
            protected=protected,
        )
        for k, (v, e, sure, protected) in enumerate(found)
    ]
    sentence = said(segments, status, subject=subject)
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    assert sentence[0].isupper() or sentence[0] == "“"
    assert ("“red”" in sentence) == (subject is RED) or sentence.startswith("No single part")
    if status in ("no_effect", "inconclusive") or sentence.startswith("No single part"):
        assert status != "reliable" or not any(s.significant and not s.protected for s in segments)
        return
    shares = [int(number) for number in NUMBER.findall(sentence)]
    assert all(0 <= share <= 100 for share in shares)
    free = [s for s in segments if not s.protected]
    found_any = [s for s in free if s.significant]
    slightly = all(s.at_most < SMALLEST_EFFECT for s in found_any)
    named = [s for s in found_any if slightly or s.at_most >= SMALLEST_EFFECT]
    excluded = [s for s in free if s not in named and s.at_most < SMALLEST_EFFECT]
    left = [s for s in free if s not in named and s not in excluded]
    if left:
        assert f"up to {round(100 * max(s.at_most for s in left))} % of" in sentence
    assert _counted(sentence, " made (?:no measurable|little or no) difference") == len(excluded)
    assert _counted(sentence, " (?:is|are) not settled: (?:it|each) could account for") == len(left)
    for sign in (1, -1):
        strongest = sorted(
            (s for s in named if s.attribution * sign > 0), key=lambda s: -s.attribution * sign
        )
        assert all(f"“{s.text}”" in sentence for s in strongest[:3])
        alike = (
            strongest[2:3]
            and sign > 0
            and [s for s in strongest[3:] if s.ci_high >= strongest[2].attribution]
        )
        assert not any(f"“{s.text}”" in sentence for s in strongest[3:] if s not in (alike or ()))


def _counted(sentence: str, of: str) -> int:
    """How many words something is said of."""
    found = re.search(rf"(\w+) other words?{of}", sentence)
    return WORDS.index(found[1]) if found else 0


def test_what_was_not_measured_well_enough() -> None:
    whole = [driver(), *unknown(2, unit="message"), *others(3)]
    assert said(whole) == (
        f"{DEPENDS}“fox” {LOST}; three other words {NOTHING_MEASURABLE}; two "
        "other messages are not settled: each could account for up to 31 % of the answer."
    )
    assert said([driver(), *unknown(1, most=0.1)], subject=RED).endswith(
        "; one other word is not settled: it could account for up to 10 % of that part."
    )
    against = segment("less", -0.24, -0.05, 0.02)
    assert "up to 24 % of the answer" in said([driver(), against])


MORE_CALLS = "more calls or coarser parts may help (--budget, --unit)"


@pytest.mark.parametrize(
    ("status", "segments", "becomes", "reason"),
    [
        ("reliable", [driver(), *others(2)], "reliable", "so it is."),
        ("reliable", [driver(), *unknown(2)], "reliable", "so it is."),
        (
            "reliable",
            [driver(), segment("brown", 0.1, 0.2, 0.3), *unknown(2)],
            "partial",
            "the named parts are certain, but an unsettled part could account for up to 31 % "
            "of the answer, more than a part that certainly matters (20 %).",
        ),
        # One of the weaker parts, which are only counted, withholds nothing.
        (
            "reliable",
            [*(driver(f"d{k}") for k in range(3)), segment("weak", 0.1, 0.2, 0.3), *unknown(2)],
            "reliable",
            "so it is.",
        ),
        (
            "reliable",
            [driver(), segment("not", -0.3, -0.2, -0.1), *unknown(2)],
            "partial",
            "the named parts are certain, but an unsettled part could account for up to 31 % "
            "of the answer, more than a part that certainly matters (20 %).",
        ),
        ("partial", [driver(), *unknown(1, most=0.9)], "partial", "so it is."),
        ("inconclusive", unknown(1), "inconclusive", f"so it is; {MORE_CALLS}."),
        ("no_effect", others(2), "no_effect", "so it is."),
        (
            "no_effect",
            [*others(2), *unknown(1)],
            "inconclusive",
            f"so it is, but a part could still account for up to 31 % of the answer; {MORE_CALLS}.",
        ),
    ],
)
def test_the_status_beside_open_parts(
    status: FidelityStatus, segments: list[SegmentAttribution], becomes: str, reason: str
) -> None:
    found = final_fidelity(Fidelity(status=status, reason="so it is."), segments)
    assert (found.status, found.reason) == (becomes, reason)


def test_a_piece_may_account_for_no_more_than_its_settled_whole() -> None:
    whole = segment("a field", 0.25, 0.28, 0.28, unit="span")
    piece = segment("its value", -0.1, 0.1, 0.9, parent=0)
    unsure = whole.model_copy(update={"significant": False})
    costly = whole.model_copy(update={"leave_one_out": 0.5})
    for passage, most in ((whole, 28), (costly, 50), (unsure, 90)):
        found = final_fidelity(RELIABLE, [driver(), piece], [passage])
        assert found.status == ("reliable" if passage is whole else "partial")
        told = summarize([driver(), piece], found, coarser=[passage])
        assert f"one other word is not settled: it could account for up to {most} %" in told


def test_the_reason_is_of_the_explained_part_of_the_answer() -> None:
    fidelity = Fidelity(status="no_effect", reason="so it is.")
    found = final_fidelity(fidelity, unknown(1), of="of that field")
    assert "but a part could still account for up to 31 % of that field; " in found.reason


def test_what_is_not_settled_says_what_to_do() -> None:
    def reason(**more: Any) -> str:
        given = {"status": "inconclusive", "reason": "so it is.", **more}
        return final_fidelity(Fidelity(**given), others(1)).reason

    assert reason() == f"so it is; {MORE_CALLS}."
    assert (
        reason(further_calls=60)
        == "so it is; about 60 more calls would settle this (--until-settled)."
    )
    assert reason(reason="no answer; ask again.", further_calls=60) == "no answer; ask again."


def test_what_the_comparison_leaves_out_is_said_once() -> None:
    unseen = "(additions, length and form are not compared)"
    words = [driver(), *others(2), *others(1, unit="sentence")]
    assert said(words, by_content=True) == (
        f"{DEPENDS}“fox” {LOST}; two other words and one other sentence made no measurable "
        f"difference to what the answer says (each less than 10 % of it; {unseen[1:]}."
    )
    assert unseen not in said([driver()], by_content=True)
    assert said(words, "no_effect", by_content=True).endswith(f" tell from noise {unseen}.")
    assert unseen not in said(words, "no_effect", by_content=True, same_texts=True)


def test_what_only_works_together_is_named_and_lowers_no_status() -> None:
    pair = [segment(f"w{k}", -0.1, 0.1, 0.9, key=str(k)) for k in range(2)]
    either = [together("either", "0", "1")]
    assert final_fidelity(RELIABLE, pair, interactions=either).status == "reliable"
    found = final_fidelity(RELIABLE, [*pair, *unknown(1, most=0.9, key="u")], interactions=either)
    assert (
        "up to 90 % of the answer, more than a pair that certainly matters (80 %)." in found.reason
    )


def test_a_part_without_which_the_request_fails_is_not_denied() -> None:
    needed = segment("key", fails_without=True)
    assert said([needed, *others(1)]) == (
        "Without “key” the request fails; one other word made no measurable difference (less than "
        "10 %)."
    )


def test_the_text_outside_of_the_units_is_the_rest() -> None:
    example = driver("Q: sea", unit="example", also=((1, 0, 4),))
    rest = segment("Answer", unit="span", key="0:rest:0", protected=True)
    never = "the rest of the prompt was never removed."
    assert said([example, rest, rest]) == f"{DEPENDS}“Q: sea …” {LOST}; {never}"
    assert said([example, rest, segment("be", protected=True)]).endswith(
        f"; one protected word was never removed; {never}"
    )


def test_what_works_together() -> None:
    words = [segment(f"w{i}", -0.05, 0.0, 0.05, key=str(i)) for i in range(6)]
    either = together("either", "0", "1")
    assert said(words, interactions=[either]) == (
        f"Either “w0” or “w1” is enough; four other words {NOTHING_MEASURABLE}."
    )
    assert said(words, "inconclusive", interactions=[either]).startswith("It is not settled what")
    driver = segment("Eiffel", 0.55, 0.63, 0.71, key="d")
    both = [together("both", "d", "1"), together("both", "0", "d")]
    assert said([driver, *words], interactions=[*both, together("either", "2", "3")]) == (
        "The answer depends on “Eiffel” (63 % [55 to 71 %] of the answer is lost "
        "without it on average); either “w2” "
        "or “w3” is enough; “Eiffel” and “w1” only work together; “Eiffel” and “w0” only "
        f"work together; two other words {NOTHING_MEASURABLE}."
    )
    both.append(together("both", "0", "1"))  # every two of the three
    assert "; “Eiffel”, “w0” and “w1” only work together; four" in said(
        [driver, *words], interactions=both
    )


def test_what_is_lost_without_it_is_not_said_of_an_average() -> None:
    system = segment("Answer", 0.52, 0.52, 0.52, key="a", leave_one_out=0.27)
    user = segment("Where", 0.25, 0.25, 0.25, key="b", leave_one_out=0.0)
    near = segment("lamp", 0.2, 0.2, 0.2, key="c", leave_one_out=0.21)
    assert said([system, user, near], without_both=[("a", "b", 0.99), ("a", "c", 0.6)]) == (
        "The answer depends on “Answer” (52 % of the answer is lost without it on average, 27 % if "
        "removed alone), “Where” (25 %, 0 % alone) and “lamp” (20 %); "
        "without both “Answer” and “Where”, 99 % of the answer is lost."
    )


def test_what_works_together_in_a_passage() -> None:
    [one] = passages("the key is here")
    pieces = [
        segment(text, 0.3, 0.4, 0.5, key=str(k), parent=0, start=k, end=k + 1)
        for k, text in enumerate(("key", "here"))
    ]
    reliable = Fidelity(status="reliable", reason="")
    both = [together("both", "0", "1")]
    assert summarize(pieces, reliable, coarser=[one], interactions=both).endswith(
        "notably on “key” (40 % [30 to 50 %]) and “here” (40 % [30 to 50 %]); “key” and "
        "“here” only work together."
    )
    weak = one.model_copy(update={"significant": False})
    assert summarize(pieces, reliable, coarser=[weak], interactions=both).endswith(
        "; “key” and “here” only work together."
    )


def together(kind: str, first: str, second: str) -> Interaction:
    value = {"either": 0.8, "both": -0.8}[kind]
    numbers = {"value": value, "ci_low": value - 0.1, "ci_high": value + 0.1}
    return Interaction(kind=kind, first=first, second=second, **numbers)
