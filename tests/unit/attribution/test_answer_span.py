"""A part of the answer: found in it, held by its tokens or a field, and explained by itself."""

import json
import math
import re
from collections.abc import Sequence
from random import Random

import pytest

import smile_trace
from benchmarks.statistics.records import ask, extracted, observe, observe_fields, planted
from smile_trace.attribution import AnswerSpanNotFound, find_answer_span
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.attribution.answer_change.word_losses import TextChange
from smile_trace.attribution.answer_span import tokens_inside
from smile_trace.attribution.word_vectors import embed_words
from smile_trace.records import Message, Response, ToolCall, Unit
from smile_trace.records.formats.answers import tool_calls_text
from smile_trace.render.heatmap_layout import heatmap
from tests.support.studies import further, run

TWO = "Anna paints boats. Bernd bakes bread. Anna sleeps."


ASKED = "what Anna and Bernd do"


def whole(messages: tuple[Message, ...]) -> str:
    """Two sentences, each of which depends on a name."""
    text = messages[0].content
    anna = "Anna paints boats." if "Anna" in text else "Nobody is there."
    return f"{anna} {'Bernd bakes bread.' if 'Bernd' in text else 'Rain fell on the moor.'}"


def test_the_span_of_a_part() -> None:
    assert find_answer_span(TWO, "Bernd bakes bread.") == (19, 37)
    assert find_answer_span(TWO, "Anna") == (0, 4)  # the first of two
    assert find_answer_span("one\n  two (three)", " one two (three) ") == (0, 17)


@pytest.mark.parametrize("part", ["", " \n", "Clara", "bernd bakes", "boats. bread"])
def test_a_part_that_is_not_in_the_answer_is_an_error(part: str) -> None:
    with pytest.raises(AnswerSpanNotFound, match="part"):
        find_answer_span(TWO, part)


@pytest.mark.parametrize(
    ("tokens", "answer", "part", "inside"),
    [
        (["Par", "is", ",", " France"], "Paris, France", "Paris", [0, 1]),
        ([" Par", "is", ",", " France"], "Paris, France", "France", [3]),  # a space was put before
        ([" Par", "is"], " Paris", "is", [1]),
        (["a ", "\ufffd", "\ufffd", "", " b"], "a 🙂 b", "🙂", [1, 2, 3]),
        (["a ", "\ufffd", "\ufffd"], "a 🙂", "a", [0]),
        (["x", "y"], "Paris", "is", []),  # another answer's tokens
        ([], "Paris", "is", []),
    ],
)
def test_the_tokens_of_a_part(tokens: list[str], answer: str, part: str, inside: list[int]) -> None:
    assert tokens_inside(tokens, answer, find_answer_span(answer, part)) == inside


@pytest.mark.parametrize("name", ["Anna", "Bernd"])
def test_each_sentence_depends_on_its_own_word(name: str) -> None:
    answer = "Anna paints boats. Bernd bakes bread."
    part = find_answer_span(
        answer, "Anna paints boats." if name == "Anna" else "Bernd bakes bread."
    )
    explanation = run(ASKED, whole, answer=answer, part=part).explanation
    assert explanation.answer_part == part
    first, *others = explanation.ranked
    assert first.text == name
    assert first.attribution > 0.7
    assert all(abs(segment.attribution) < 0.1 for segment in others)
    assert f"of the answer depends on “{name}”" in explanation.summary


def test_the_stretch_that_says_most_of_the_part_counts() -> None:
    answer = "The refund is approved. It takes three days."
    change = TextChange(
        answer, embed_words, part=find_answer_span(answer, "The refund is approved.")
    )
    same, longer, denied, gone, empty = change.changes(
        [
            "The refund is approved.",
            "Good morning! We are glad to say: the refund is approved. It takes a month.",
            "Good morning! We are sad to say: the refund is not approved.",
            "It takes three days.",
            "",
        ]
    )
    assert same == longer == 0.0
    assert 0.4 < denied < 1.0
    assert gone > 0.6
    assert empty == 1.0


@pytest.mark.slow
def test_a_part_late_in_a_long_answer() -> None:
    answer = "so " * 2000 + "the code is PELICAN."
    change = TextChange(answer, embed_words, part=find_answer_span(answer, "the code is PELICAN."))
    same, other = change.changes([answer, "so " * 2000])
    assert same == 0.0
    assert other > 0.9


def test_the_noise_floor_is_that_of_the_part() -> None:
    answer = "Paris. Some talk."
    change = TextChange(answer, embed_words, part=find_answer_span(answer, "Paris."))
    assert change.between("Paris. Yes, lovely weather.", "Of course: Paris.") == 0.0
    assert change.between("Paris. Well.", "Rome. Well.") > 0.3


SCORED = "the parcel comes on Tuesday morning at the latest of all"


LOST = math.log(1e-4)


KEPT = math.log(0.9)


def _scored(messages: tuple[Message, ...]) -> Response:
    """The fifth token depends on w3, the last one a little on w7, the others on nothing."""
    [message] = messages
    words = message.content.split()
    logprobs = [KEPT] * 11
    logprobs[4] = KEPT if "w3" in words else LOST
    logprobs[10] = KEPT if "w7" in words else math.log(0.6)
    tokens = tuple((" " if k else "") + word for k, word in enumerate(SCORED.split()))
    return Response(text=SCORED, tokens=tokens, logprobs=tuple(logprobs))


def _prompt(words: int) -> str:
    return " ".join(f"w{k}" for k in range(words))


@pytest.mark.parametrize("words", [5, 10, pytest.param(40, marks=pytest.mark.slow)])
def test_the_token_that_depends_on_the_prompt_decides(words: int) -> None:
    asked = run(_prompt(words), _scored, answer=SCORED, signal="probability", seed=1)
    first, second, *_ = asked.explanation.ranked
    assert "w3" in first.text.split()
    assert first.attribution > 0.4  # a mean over eleven tokens would give at most 1/11
    assert second.attribution < 0.1


def test_a_part_is_compared_by_its_own_tokens() -> None:
    part = find_answer_span(SCORED, "latest of all")
    asked = run(_prompt(10), _scored, answer=SCORED, part=part, signal="probability")
    first, second, *_ = asked.explanation.ranked
    assert first.text == "w7"
    assert second.attribution == pytest.approx(0, abs=0.01)


def test_another_split_of_the_same_answer_changes_nothing() -> None:
    """A space before the answer may make one token of two."""

    def scored(messages: tuple[Message, ...]) -> Response:
        response = _scored(messages)
        if "w0" in messages[0].content.split() or response.logprobs is None:
            return response
        first, second, *others = response.logprobs
        return Response(text=SCORED, logprobs=(first + second, *others))

    attributions = {
        segment.text: segment.attribution
        for segment in run(
            _prompt(5), scored, answer=SCORED, signal="probability"
        ).explanation.segments
    }
    assert attributions["w0"] == pytest.approx(0, abs=1e-12)
    assert attributions["w3"] > 0.4


def test_a_sampled_answer_is_the_models_own_by_the_mean_over_its_tokens() -> None:
    """One token may have been an unlikely draw."""

    def scored(messages: tuple[Message, ...]) -> Response:
        [message] = messages
        logprobs = [KEPT] * 11
        logprobs[4] = math.log(0.001) if "w3" in message.content.split() else -20.0
        return Response(text=SCORED, logprobs=tuple(logprobs))

    explanation = run(
        _prompt(10), scored, answer=SCORED, signal="probability", deterministic=False
    ).explanation
    assert explanation.ranked[0].text == "w3"
    assert explanation.fidelity.status == "reliable"


RECORD = {"city": "Berlin", "food": "soup", "year": 1990}


ANSWER = json.dumps(RECORD)


PROMPT = "Ann lives in Berlin and eats soup."


def _says(prompt: str) -> str:
    return json.dumps(
        {
            **RECORD,
            "city": "Berlin" if "Berlin" in prompt else "Rome",
            "food": "soup" if "soup" in prompt else "bread",
        }
    )


@pytest.mark.slow
def test_the_word_and_its_field_are_named_in_19_of_20() -> None:
    records = [(seed, planted(seed)) for seed in range(20)]
    seen = [observe(record, ask(record, noise=0.0, seed=seed)) for seed, record in records]
    assert all(one.first for one in seen[:4])
    assert sum(one.named and one.only for one in seen) >= 19


@pytest.mark.parametrize("seed", [3, *further(15)])
def test_values_that_are_extracted_are_named_with_their_fields(seed: int) -> None:
    """Each field has two of six drivers among 20 words: less than their sum tells in 40 calls."""
    record = extracted(seed)
    found = observe_fields(record, ask(record, noise=0.0, seed=seed))
    assert found.values
    assert found.right


def test_each_driver_has_its_own_field() -> None:
    found = run(PROMPT, lambda messages: _says(messages[0].content)).explanation
    assert {(change.key, change.path) for change in found.fields} == {
        ("0:word:3", "$.city"),
        ("0:word:6", "$.food"),
    }
    assert "without “Berlin” the field `city` changes" in found.summary
    assert "without “soup” the field `food` changes" in found.summary
    assert [(p.text, p.kind, p.hint) for p in heatmap(found).answer if p.kind == "moved"] == [
        ("Berlin", "moved", "changes without “Berlin”"),
        ("soup", "moved", "changes without “soup”"),
    ]
    assert "Underlined in the answer" in heatmap(found).key()
    assert '<u title="changes without “Berlin”">Berlin</u>' in found.to_html()


MAIL = (
    "Return a JSON record of the sender. \n\nFrom Greta. \n\nPlease send me two lamps. \n\n"
    "Yours Greta."
)


def _signed(messages: Sequence[Message], rng: Random | None = None) -> str:
    """The sender is known from the head, or from the signature; now and then it is not seen."""
    said = messages[0].content
    known = "Greta" in said and (rng is None or rng.random() > 0.1)
    return json.dumps(
        {"name": "Greta" if known else None, "item": "lamps" if "lamps" in said else None}
    )


@pytest.mark.parametrize(
    ("unit", "noisy", "budget"),
    [("sentence", False, 40), ("sentence", True, 80), ("word", False, 80)],
)
def test_a_field_that_two_parts_give_changes_only_without_both(
    unit: Unit, noisy: bool, budget: int
) -> None:
    """On average it changes more often without the one: where the other was removed, too."""
    rng = Random(1) if noisy else None
    logged = _signed([Message(role="user", content=MAIL)])
    found = run(
        MAIL,
        lambda messages: _signed(messages, rng),
        answer=logged,
        unit=unit,
        budget=budget,
        deterministic=not noisy,
        seed=1,
    ).explanation
    names = {s.key for s in found.segments if "Greta" in s.text}
    item, name = sorted(found.fields, key=lambda change: change.path)
    assert (item.path, item.also) == ("$.item", None)
    assert (name.path, {name.key, name.also}) == ("$.name", names)
    if unit == "sentence":
        both = "without both “From Greta” and “Yours Greta”"
        assert f"; {both} the field `name` changes (either is enough)" in found.summary
        assert f"changes {both}" in found.to_html()


def _in_json(messages: Sequence[Message]) -> str:
    """Fields of which one is always the same, in JSON where one of two sentences asks for it."""
    said = messages[0].content
    if "JSON" not in said:
        return "Greta would like two lamps."
    known = all(word in said for word in ("field", "Greta", "Olsen", "lamps"))
    return json.dumps({"sender": known and "Greta Olsen", "urgent": False})


def test_without_the_two_that_ask_for_json_all_fields_change() -> None:
    parts = ("Answer in JSON.", "Use both fields.", "From Greta.", "Family Olsen.", "Two lamps.")
    prompt = " \n\n".join([*parts, "Mind the JSON."])
    found = run(prompt, _in_json, unit="sentence", seed=1).explanation
    both = {s.key for s in found.segments if "JSON" in s.text}
    together = [one for one in found.fields if {one.key, one.also} == both]
    assert sorted(one.path for one in together) == ["$.sender", "$.urgent"]
    assert re.search("; without both “[^;]*” all fields change .either is enough.;", found.summary)


REQUEST = (
    "Use the keys boat, length, arrival and power. Be accurate and work with great care. Our boat"
    " is the Juniper, it is 13 metres long, and we come on 21 June. We need power. Ignore greetings"
    " and signatures. Kind regards, Mary."
)


def _berth(messages: Sequence[Message]) -> str:
    """Each field has a value of its own, and all have their keys from one rule."""
    said = messages[0].content
    named = "keys boat, length, arrival and power" in said
    keys = ("boat", "length", "arrival", "power") if named else "abcd"
    values = [one if one in said else None for one in ("Juniper", "13", "21 June", "need power")]
    return json.dumps(dict(zip(keys, values, strict=True)))


def test_a_part_is_said_with_all_fields_that_change_with_it_alone_removed() -> None:
    """On average a field may change too seldom for a test: it was removed with others."""
    found = run(REQUEST, _berth, budget=20, seed=4).explanation
    alone = [s.key for s in found.segments if s.leave_one_out == 1]
    paths = {key: {c.path for c in found.fields if c.key == key} for key in alone}
    assert {len(of) for of in paths.values() if of} == {4}


SENDERS = ["Ann", "Bern", "Cleo", "Dora", "Emil", "Gus", "Hugo", "Ida", "Jon", "Kim", "Lea", "Max"]


@pytest.mark.parametrize("budget", [40, 80])
def test_a_sentence_that_makes_one_of_many_fields_is_not_excluded(budget: int) -> None:
    """A field of twelve is less of the answer than the smallest effect that matters."""
    prompt = " \n\n".join(f"Line {n} is of {n}." for n in ("nobody", *SENDERS))

    def model(messages: Sequence[Message]) -> str:
        said = messages[0].content
        return json.dumps({n.lower(): n if f"of {n}" in said else None for n in SENDERS})

    found = run(prompt, model, unit="sentence", budget=budget, seed=1).explanation
    nobody, *lines = found.segments
    assert nobody.verdict == "excluded"
    assert {line.verdict for line in lines} <= {"supports", "open"}
    assert "one other sentence made no measurable difference" in found.summary


def test_the_fields_of_a_call_of_a_tool_are_the_tool_and_its_arguments() -> None:
    def called(messages: Sequence[Message]) -> str:
        said = messages[0].content
        name = "get_order" if "arrive" in said else "cancel_order"
        number = 4711 if "4711" in said else 1
        return tool_calls_text([ToolCall(name=name, arguments={"number": number})])

    found = run("Does 4711 arrive today ?", called).explanation
    assert "without “arrive” the choice of tool changes" in found.summary
    assert "without “4711” the argument `number` changes" in found.summary


def test_parts_that_change_the_tool_called_and_are_not_named_are_counted() -> None:
    def called(messages: Sequence[Message]) -> str:
        name = "get_order" if messages[0].content == wanted else "cancel_order"
        return tool_calls_text([ToolCall(name=name)])

    wanted = "When does order 4711 arrive"
    found = run(wanted, called).explanation
    told = r"without [^;]* or [^;]* the choice of tool changes; removing either of two more parts"
    assert re.search(f"{told} also changes this", found.summary), found.summary


@pytest.mark.parametrize(
    ("answer", "part", "said"),
    [
        (ANSWER, "$.town", r"no field \$\.town: its fields are \$\.city"),
        (json.dumps(dict.fromkeys("abcdefghi")), "$.z", r"are \$\.a, .*, \$\.h and \$\.i$"),
        (json.dumps({f"f{k}": k for k in range(22)}), "$.z", r"\$\.f19 and two more$"),
        ("Berlin", "$.city", "it is not JSON"),
        ("It arrives on Friday.", "tool", "the answer calls no tool"),
    ],
)
def test_a_field_that_the_answer_does_not_have_is_refused_with_those_it_has(
    answer: str, part: str, said: str
) -> None:
    with pytest.raises(AnswerSpanNotFound, match=said):
        find_answer_span(answer, part)
    assert find_answer_span("It is $.5", "$.5") == (6, 9)


def test_nothing_is_said_of_other_answers() -> None:
    found = run(PROMPT, lambda messages: "Berlin" if "Berlin" in messages[0].content else "Rome")
    assert found.explanation.fields == ()


def test_a_field_is_compared_with_the_field_of_a_response() -> None:
    answer = json.dumps({"city": "Berlin", "from": "Rome"})
    span = find_answer_span(answer, "$.city")
    assert answer[slice(*span)] == "Berlin"
    comparison = text_comparison(answer, None, part=span)
    moved = json.dumps({"city": "Rome", "from": "Berlin"})
    same = json.dumps({"from": "Oslo", "city": "Berlin"})
    assert comparison.changes([same, moved, "Berlin", "{}"]) == pytest.approx(
        [0.0, comparison.changes([moved])[0], 1.0, 1.0]
    )
    assert comparison.changes([moved])[0] > 0.5
    assert comparison.between(same, answer) == 0.0
    assert comparison.between("nothing", moved) == 1.0


MILL = {
    "price": {"value": 214, "unit": "EUR/t"},
    "quantity": {"value": 24.6, "unit": "t"},
    "plates": ["LB 4021", {"trailer": "LB 77"}],
}


@pytest.mark.parametrize(
    ("part", "same", "other"),
    [
        ("$.quantity", {"quantity": {"unit": "t", "value": 24.60}}, {"quantity": None}),
        ("$.quantity", {"quantity": MILL["quantity"]}, {"quantity": [24.6, "t"]}),
        ("$.plates", {"plates": [{"trailer": "LB 77"}, "LB 4021"]}, {"plates": []}),
        ("$.plates[0]", {"plates": ["LB 4021"]}, {"plates": []}),
        ("$.plates[1]", {"plates": [0, {"trailer": "LB  77"}]}, {"plates": ["LB 4021", "LB 77"]}),
        ("$.plates[0]", {"plates": [" LB 4021"]}, {"plates": ["lb 4021"]}),
    ],
)
def test_a_field_that_holds_more_is_compared_as_json(
    part: str, same: object, other: object
) -> None:
    answer = json.dumps(MILL)
    span = find_answer_span(answer, part)
    comparison = text_comparison(answer, None, part=span)
    assert comparison.changes([json.dumps(same), json.dumps(other)]) == [0.0, 1.0]


def test_explain_takes_a_path_as_part() -> None:
    found = smile_trace.explain(PROMPT, model=_says, answer=ANSWER, answer_part="$.city")
    assert found.answer_part == (10, 16)
    assert found.settings.answer_part == "$.city"
    [driver] = found.drivers
    assert driver.text == "Berlin"
    assert found.fields == ()
