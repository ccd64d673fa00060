"""Long prompts and coarse units: what matters is found inside the budget, level by level."""

from dataclasses import replace
from itertools import count, pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from smile_trace.attribution.answer_change.response_scores import ResponseScores
from smile_trace.attribution.design.planner import Planner
from smile_trace.attribution.estimation.fidelity import HeldOut
from smile_trace.attribution.estimation.findings import LevelFindings
from smile_trace.attribution.reporting.segments import join
from smile_trace.attribution.reporting.verdict import levels_shown
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.records import (
    Explanation,
    ExplanationSettings,
    Message,
    Prompted,
    SegmentAttribution,
    ToolCall,
    ToolResult,
)
from tests.support.studies import Fitted, Planted, chat, constant, copying, further, run

pytestmark = pytest.mark.thorough

DRIVER = "The code word of the archive is Pelican."


PADDING = (
    "The weather is fine today.",
    "Many people walk along the river bank in the evening.",
    "The market opens at nine.",
    "A small boat waits under the stone bridge near the mill.",
    "Children play with a red ball.",
    "The library keeps books of every age and every tongue.",
    "Nobody knows who painted the door.",
    "Bread is sold near the church.",
    "A dog sleeps in the warm sun while the cat looks for mice.",
    "The train to the coast leaves at noon.",
)


def _long(seed: int, *, glue: str = " ", words: int = 400) -> str:
    """That many words of padding, and one sentence that says something, anywhere among them."""
    random = Random(seed)
    sentences = [DRIVER]
    while sum(len(sentence.split()) for sentence in sentences) < words:
        sentences.append(random.choice(PADDING))
    random.shuffle(sentences)
    return glue.join(sentences)


def _words_of_the_driver(explanation: Explanation, content: str) -> list[str]:
    """The driving sentence's words as segments of their own, best first."""
    start = content.index(DRIVER)
    end = start + len(DRIVER)
    return [s.text for s in explanation.ranked if s.unit == "word" and start <= s.start < end]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_driving_sentence_of_400_words_is_found_and_its_words_ranked(seed: int) -> None:
    content = _long(seed)
    asked = run(content, copying("Pelican"), budget=60, seed=seed)
    explanation = asked.explanation
    assert len(asked.perturbations) <= 60
    fidelity = explanation.fidelity
    assert fidelity.status in ("reliable", "partial")  # a word of .01 may be named beside it
    assert fidelity.r2_heldout is not None
    # Both speak of the words' level.
    assert f"predict {100 * fidelity.r2_heldout:.0f} %" in fidelity.reason
    best = max(explanation.coarser, key=lambda s: s.attribution)
    assert DRIVER in best.text
    assert best.significant
    words = _words_of_the_driver(explanation, content)
    assert sorted(words) == sorted(DRIVER.split())
    assert words[0] == explanation.ranked[0].text == "Pelican."
    assert explanation.ranked[0].significant


@pytest.mark.parametrize(
    "content",
    [
        "word " * 2500 + "Pelican. " + "other " * 2500,
        pytest.param("😀" * 5000 + " Pelican. " + "😢" * 5000, marks=pytest.mark.slow),
    ],
)
def test_very_long_prompts_go_from_coarse_to_fine(content: str) -> None:
    asked = run(content, copying("Pelican"), budget=60, seed=3)
    explanation = asked.explanation
    assert len(asked.perturbations) <= 60
    assert "Pelican" in explanation.ranked[0].text
    assert len(explanation.partitions) > 1
    assert len(explanation.ranked[0].text) < 400
    assert len(explanation.segments) < 200
    assert explanation.fidelity.status == "reliable"


@pytest.mark.slow
def test_two_words_that_need_each_other_are_found_in_a_long_prompt() -> None:
    content = _long(0)
    explanation = run(content, _both("Pelican", "archive"), budget=60).explanation
    assert set(_words_of_the_driver(explanation, content)[:2]) == {"Pelican.", "archive"}


def test_two_promising_passages_are_refined_together() -> None:
    sentences = [*PADDING * 4]
    sentences[3], sentences[33] = DRIVER, "The key to the archive hangs under the Heron."
    explanation = run(" ".join(sentences), _both("Pelican", "Heron"), budget=80).explanation
    refined = [s.text for s in explanation.coarser if s.parent is None]
    assert any("Pelican" in text for text in refined)
    assert any("Heron" in text for text in refined)


_RULES = "You help the guests of a hotel.|Be polite.|Tell the price in euros.|Be brief."
_HOTEL = "Rooms have a view.|Breakfast is served from seven until ten.|Dogs are welcome."
_SAUNA = "The sauna is in the cellar.|It is open every day.|Towels are free."
_PARKING = "Cars stand behind the house.|The gate is closed at night.|Bicycles stand inside."
_ASKED = "At what time can I have breakfast in the hotel tomorrow?"


def _retrieval(messages: tuple[Message, ...]) -> str:
    """Needs the question and the document; then the rule adds its sentence."""
    text = " ".join(message.content for message in messages)
    if "breakfast in the hotel" not in text:
        return "How may I help you?"
    if "seven until ten" not in text:
        return "I am sorry, I do not know that."
    price = " It costs twelve euros for every guest." if "euros" in text else ""
    return f"You can have it from seven until ten.{price}"


@pytest.mark.parametrize("seed", [0, *further(1, 3)])
@pytest.mark.parametrize("deterministic", [True, False])
def test_sentences_of_instructions_come_before_words_of_the_question(
    deterministic: bool, seed: int
) -> None:
    texts = [text.replace("|", " ") for text in (_HOTEL, _SAUNA, _PARKING)]
    system, documents = _RULES.replace("|", " "), "\n\n".join(texts)
    messages = chat(system, documents, _ASKED, roles=("system", "system", "user"))
    explanation = run(
        messages, _retrieval, unit="auto", budget=80, seed=seed, deterministic=deterministic
    ).explanation
    every = [*explanation.segments, *explanation.coarser]
    named = {s.text for s in every if s.significant and s.unit == "sentence"}
    assert named >= {"Tell the price in euros.", _HOTEL.split("|")[1]}
    assert not {s.text for s in every if s.significant} & {*_SAUNA.split("|"), *texts[1:]}


def _both(*words: str) -> Planted:
    return lambda messages: (
        "It is the one." if all(word in messages[0].content for word in words) else "unknown"
    )


def test_neighbours_are_joined_within_sections() -> None:
    parts = [f"## Part {k}\n" + _long(k, words=60) for k in range(12)]
    explanation = run("\n".join(parts), constant, budget=40).explanation
    assert 12 <= len(explanation.segments) <= 24
    for segment in explanation.segments:
        assert sum(f"## Part {k}\n" in segment.text for k in range(12)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("model", [copying("Pelican"), constant])
def test_portions_add_up_over_the_levels(model: Planted) -> None:
    explanation = run(_long(0, words=2500), model, budget=60).explanation
    levels = [*explanation.coarser, *explanation.segments]
    assert (len(explanation.coarser) > 0) == (model is not constant)
    for place, coarse in enumerate(explanation.coarser):
        pieces = [s for s in levels if s.parent == place]
        assert len(pieces) > 1
        assert coarse.portion is not None
        assert sum(s.portion or 0.0 for s in pieces) == pytest.approx(coarse.portion)
        for piece in pieces:
            (message, start, end), *_ = piece.places
            assert any(m == message and a <= start and end <= b for m, a, b in coarse.places)
    for segment in levels:
        if segment.parent is None and explanation.coarser:
            assert segment.portion == segment.attribution
    covered = sorted(place for s in explanation.segments for place in s.places)
    assert all(b <= c for (_, _, b), (_, c, _) in pairwise(covered))


def _segment(
    start: int, end: int, attribution: float, *, protected: bool = False
) -> SegmentAttribution:
    return SegmentAttribution(
        text="x" * (end - start), message=0, role="user", start=start, end=end, unit="span",
        key=f"0:span:{start}", attribution=attribution, ci_low=-1, ci_high=1, protected=protected,
    )  # fmt: skip


def test_portions_by_hand() -> None:
    segments, coarser = join(
        [
            [_segment(0, 10, 0.8), _segment(10, 20, 0.1), _segment(20, 30, -0.2)],
            [
                _segment(0, 4, 0.6),
                _segment(4, 6, -0.3),
                _segment(6, 8, 0.0, protected=True),
                _segment(8, 10, 0.2),
            ],
            [_segment(0, 2, -0.1), _segment(2, 4, 0.0)],
        ]
    )
    assert [(s.start, s.portion, s.parent) for s in segments] == [
        (0, pytest.approx(0.3), 1),
        (2, pytest.approx(0.3), 1),
        (4, 0.0, 0),
        (6, 0.0, 0),
        (8, pytest.approx(0.2), 0),
        (10, 0.1, None),
        (20, -0.2, None),
    ]
    assert [(s.start, s.portion, s.parent) for s in coarser] == [
        (0, 0.8, None),
        (0, pytest.approx(0.6), 0),
    ]
    assert join([[_segment(0, 1, 0.5)]])[0][0].portion is None


QA = (
    "Answer like this.\n\nQ: sea\nA: blue\n\nQ: the Pelican\nA: white\n\n"
    "Q: sun\nA: red\n\nQ: sky\nA:"
)


@pytest.mark.parametrize("certain", [True, False])
def test_a_part_measured_again_is_one_part(certain: bool) -> None:
    """As it was found certain, or else as it was measured last."""
    whole, field, other = _segment(0, 10, 0.8), _segment(0, 4, 0.6), _segment(4, 10, 0.1)
    field = field.model_copy(update={"significant": certain})
    segments, coarser = join([[whole], [field, other], [_segment(0, 4, 0.2), _segment(5, 7, 0.1)]])
    assert [s.places for s in coarser] == [whole.places, other.places]
    assert [(s.start, s.attribution, s.parent) for s in segments] == [
        (0, 0.6 if certain else 0.2, 0),
        (5, 0.1, 1),
    ]


def test_the_driving_example_is_found_and_the_rest_is_always_sent() -> None:
    asked = run(QA, copying("Pelican"), unit="example")
    explanation = asked.explanation
    assert len(asked.perturbations) == 8
    assert [(s.text, s.attribution) for s in explanation.ranked if s.significant] == [
        ("Q: the Pelican\nA: white", 1.0)
    ]
    for perturbation in asked.perturbations:
        assert perturbation.messages[0].content.startswith("Answer like this.")
        assert perturbation.messages[0].content.endswith("Q: sky\nA:")


def test_a_pair_of_messages_is_found_as_an_example() -> None:
    contents = ("sea?", "blue", "Pelican?", "white", "sky?")
    messages = chat(*contents, roles=("user", "assistant", "user", "assistant", "user"))
    explanation = run(messages, copying("white"), unit="example").explanation
    [best] = [s for s in explanation.segments if s.significant]
    assert best.places == ((2, 0, 8), (3, 0, 5))
    assert Explanation.model_validate_json(explanation.model_dump_json()) == explanation


def test_many_documents_are_grouped_first() -> None:
    documents = [f"[{k}] Report {k} holds nothing of note." for k in range(1, 101)]
    documents[41] = "[42] The Pelican sleeps here."
    content = "Read these.\n\n" + "\n\n".join(documents) + "\n\nQuestion: who sleeps?"
    asked = run(content, copying("Pelican"), unit="document", budget=40)
    first = asked.explanation.ranked[0]
    assert len(asked.perturbations) <= 40
    assert (first.text, first.unit) == ("[42] The Pelican sleeps here.", "document")
    assert len(asked.explanation.coarser) > 0


@pytest.mark.slow
def test_more_messages_than_the_budget_carries_are_joined_across_messages() -> None:
    contents = [f"Message {k} says nothing." for k in range(90)]
    contents[70] = "The Pelican sleeps here."
    asked = run(chat(*contents), copying("Pelican"), budget=40)
    assert len(asked.perturbations) <= 40
    assert asked.explanation.ranked[0].text == "Pelican"
    assert len(asked.explanation.coarser) > 0
    assert all(len(keys) <= 40 for keys in asked.explanation.partitions)


def test_noise_is_never_looked_at_more_closely_and_all_calls_are_asked() -> None:
    """An answer that every change of the prompt changes, and no part of it drives."""
    content = _long(0, words=60)

    def hashed(messages: tuple[Message, ...]) -> str:
        if messages[0].content == content:
            return "It opens at nine."
        return Random(messages[0].content).choice(["It opens at nine.", "Nobody knows.", "Blue."])

    asked = run(content, hashed)
    assert len(asked.explanation.partitions) == 1
    assert len(asked.perturbations) == 40
    assert asked.explanation.fidelity.status == "inconclusive"


@pytest.mark.parametrize("seed", [13, pytest.param(16, marks=pytest.mark.slow)])
def test_of_a_noisy_model_only_what_is_significant_is_looked_at_more_closely(seed: int) -> None:
    """With both seeds the first look finds a reliable level without a significant segment."""
    random = Random(seed)

    def noisy(messages: tuple[Message, ...]) -> str:
        if random.random() < 0.2:
            return random.choice(["It rains.", "Nobody knows."])
        return "It is the Pelican." if "Pelican" in messages[0].content else "unknown"

    explanation = run(
        _long(seed, words=60), noisy, answer="It is the Pelican.", deterministic=False, seed=seed
    ).explanation
    first = [s for s in (*explanation.segments, *explanation.coarser) if s.parent is None]
    assert len(explanation.partitions) == 1 or any(s.significant for s in first)


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_the_error_rate_is_spread_over_the_looks(looks: int) -> None:
    prompted = Prompted(messages=chat(_long(0)))
    settings = ExplanationSettings(model="planted", budget=(16, 40, 80)[looks])
    partitioner = Segmentation(prompted, "word")
    planner = Planner(prompted, partitioner, settings, replicates=3, deterministic=False)
    level = planner.levels[0]
    rates = []
    for _ in range(len(level.rows)):
        if level.may_refine:
            rates.append(level.error_rate)
        if level.before_look == len(level.rows):
            break
        level.looks += 1
    assert len(rates) == 1 + looks
    assert sum(rates) == pytest.approx(0.1)
    assert max(rates) == rates[-1]


SEGMENTS = Segmentation(
    Prompted(messages=(Message(role="user", content="open at nine"),)), "word"
).segments


SCORES = ResponseScores(
    changes=((0.0, 0.9, 0.4),),
    baseline=0.0,
    baseline_reproduced=True,
    noise_floor=0.0,
    noise_variance=None,
    failed=((False, False, False),),
)


def findings(*significant: bool) -> LevelFindings:
    zeros = np.zeros(len(SEGMENTS))
    return LevelFindings(
        segments=SEGMENTS,
        effects=zeros + 0.1,
        own=zeros + 0.1,
        low=zeros,
        high=zeros + 0.5,
        p_values=zeros + 0.04,
        significant=significant,
        leave_one_out=(None,) * len(SEGMENTS),
        rows=30,
        exact=False,
        fit=Fitted(HeldOut(r2=0.39, low=0.2, high=0.6, gain=0.3)),
        locality=(),
    )


@pytest.mark.parametrize(
    ("levels", "status"),
    [
        ([(False, True, False)], "reliable"),
        ([(False, False, False)], "inconclusive"),
        ([(False, True, False), (False, False, False)], "reliable"),  # for the level before it
    ],
)
def test_what_predicts_but_names_nothing_is_inconclusive(
    levels: list[tuple[bool, ...]], status: str
) -> None:
    shown, fidelity = levels_shown([findings(*significant) for significant in levels], SCORES)
    assert (shown, fidelity.status) == (len(levels), status)
    assert "predict 39 %" in fidelity.reason
    assert ("none of them stands out" in fidelity.reason) == (status == "inconclusive")


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        (None, "too few of the perturbed prompts changed the answer."),
        (HeldOut(r2=0.39, low=0.2, high=0.6, gain=0.0), "the mere amount removed"),
        (
            HeldOut(r2=0.1, low=0.0, high=0.2, gain=0.1),
            "predict only 10 % of how the answer changes",
        ),
    ],
)
def test_what_does_not_predict_is_no_explanation(held_out: HeldOut | None, said: str) -> None:
    level = replace(findings(False, True, False), fit=Fitted(held_out))
    _, fidelity = levels_shown([level], SCORES)
    assert fidelity.status != "reliable"
    assert said in fidelity.reason


def test_where_each_part_is_certain_the_amount_only_counts_them() -> None:
    amount = HeldOut(r2=0.99, low=0.98, high=1.0, gain=0.0)
    for flags, status in (((True,) * 3, "reliable"), ((True, True, False), "inconclusive")):
        _, fidelity = levels_shown([replace(findings(*flags), fit=Fitted(amount))], SCORES)
        assert fidelity.status == status


def test_only_masks_of_a_level_are_said_to_have_moved_it() -> None:
    """A level beside another one, which did not move, is not judged by what moved the other."""
    still = replace(SCORES, changes=((0.0,) * 3, *SCORES.changes), failed=SCORES.failed * 2)
    scores = replace(still, sparse=(0.9,), sparse_levels=(1,))
    _, fidelity = levels_shown([findings(False, False, False), findings(True)], scores, 2)
    assert fidelity.status == "reliable"


@pytest.mark.parametrize("seed", range(2))
def test_of_a_noisy_model_two_needed_messages_are_named_and_taken_apart(seed: int) -> None:
    """Without either nothing is left, which the number of removed messages tells as well."""
    wordings = count(seed)
    rule = "Never read out a number of a passport."

    def model(messages: tuple[Message, ...]) -> str:
        held = " ".join(message.content for message in messages)
        if "Tell me" not in held or rule not in held:
            return UNKNOWN
        end = (" Call us any time.", " Please call us any time.")[next(wordings) * 7 % 5 % 2]
        return f"I must not tell you that number, since the rules of this office forbid it.{end}"

    system = f"You help travellers. Stay calm. {rule} The office opens at nine. Be polite."
    messages = chat(system, "Tell me the number. I lost it.", roles=("system", "user"))
    asked = run(messages, model, unit="message", budget=40, deterministic=False, seed=seed)
    assert asked.explanation.status == "reliable"
    assert len(asked.explanation.drivers) == 2
    found = run(
        _agent_with(messages), model, unit="auto", budget=80, deterministic=False, seed=seed
    )
    assert found.explanation.status in ("reliable", "partial")
    named = {s.text for s in found.explanation.drivers}
    assert named >= {m.content for m in messages}
    assert any(rule in text and len(text) < len(system) for text in named)
    whole = [row for row in found.perturbations if all(row.mask)]
    assert len(whole) < len(found.perturbations) / 2


def _agent_with(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same after two calls of tools."""
    return (*messages, *_agent(2, turns=0)[2:])


FACTS = ("Order 4711 left on Monday.", "The refund was approved.", "A new lamp waits.")
SAID = (
    "Your order 4711 left our warehouse on Monday morning.",
    "Ms Hansen approved the refund, and 35 euros are on their way to you.",
    "If you prefer another lamp, the store in Bergen keeps one for you.",
)
UNKNOWN = "I am sorry, but nothing could be found."


ASKED = [(3, 40, True), (8, 40, True), pytest.param(3, 100, False, marks=pytest.mark.slow)]
"""Numbers of results, calls, and whether the model repeats itself."""


def _agent(results: int = 3, turns: int = 4) -> tuple[Message, ...]:
    """A conversation, and a question for which tools were called, each with its result."""
    messages = [Message(role="system", content="You answer customers. Use the tools.")]
    for turn in range(turns):
        messages.append(Message(role="user", content=f"It was {PADDING[turn].lower()}"))
        messages.append(Message(role="assistant", content=f"I see. {PADDING[-turn - 1]}"))
    messages.append(Message(role="user", content="What became of my order?"))
    for number in range(results):
        call = ToolCall(id=str(number), name=f"tool_{number}", arguments={"customer": 7})
        fact = FACTS[number] if number < len(FACTS) else f"Note {number} is empty."
        given = ToolResult(id=str(number), response=f"Status 200. {fact} No remarks.")
        messages.append(Message(role="assistant", parts=(call,)))
        messages.append(Message(role="tool", parts=(given,)))
    return tuple(messages)


def _saying(rule: str) -> Planted:
    """Says what the results hold, by the rule; asked in vain without the word “order”."""

    def model(messages: tuple[Message, ...]) -> str:
        held = [any(fact in message.content for message in messages) for fact in FACTS]
        if not any("my order" in message.content for message in messages):
            return UNKNOWN
        if rule == "one gates the others" and not held[0]:
            return UNKNOWN
        if rule == "either is enough":
            held = [held[0] or held[1], False, held[2]]
        return " ".join(said for said, is_held in zip(SAID, held, strict=True) if is_held)

    return model


@pytest.mark.parametrize("rule", ["one gates the others", "each adds its own", "either is enough"])
def test_every_result_of_a_tool_that_matters_is_named(rule: str) -> None:
    asked = run(_agent(), _saying(rule), unit="auto")
    found = asked.explanation
    assert len(asked.perturbations) <= 40
    everything = [*found.coarser, *found.segments]
    results = [s for s in everything if s.unit == "tool_result"]
    assert [s.verdict for s in results] == ["supports"] * 3
    assert all(s.parent is None for s in results)
    [question] = [s for s in everything if s.text == "What became of my order?"]
    assert question.significant
    assert question.parent is None
    assert not any(s.protected for s in everything)  # each message had its turn
    assert [key.split(":")[1] for key in found.partitions[0] if "rest" not in key] == (
        ["tool_result"] * 3
    )
    assert sum(s.portion or 0 for s in found.segments) == pytest.approx(
        sum(s.attribution for s in everything if s.parent is None)
    )


def test_a_level_of_which_every_mask_was_asked_holds_the_unperturbed_prompt() -> None:
    """Its answer is half of what each message costs alone; without it the attribution is what each
    costs where the other is missing, too."""
    said = {(True, True): SAID, (False, True): SAID[:2], (True, False): SAID, (False, False): ()}

    def model(messages: tuple[Message, ...]) -> str:
        held = [m.content for m in messages if m.role in ("system", "user")]
        system, user = ("Use the tools." in " ".join(held), "my order" in " ".join(held))
        results = [any(fact in m.content for m in messages) for fact in FACTS]
        said_now = [s for s, is_held in zip(SAID, results, strict=True) if is_held]
        return " ".join(s for s in said_now if s in said[system, user]) or UNKNOWN

    found = run(_agent(turns=0), model, unit="auto", remote=True).explanation
    outer = [s for s in (*found.coarser, *found.segments) if s.unit == "message"]
    assert [s.role for s in outer] == ["system", "user"]
    alone = [s.leave_one_out or 0.0 for s in outer]
    changes = {row.mask: row.shift for row in found.perturbations if row.level == 1}
    assert changes[True, True] == 0
    both = changes[False, False] or 0.0
    for one, (cost, other) in zip(outer, (alone, alone[::-1]), strict=True):
        # The other is retained with probability .5 and .8.
        assert one.attribution == pytest.approx(0.65 * cost + 0.35 * (both - other))
    assert found.cost.target_calls == len({(p.text_hash, p.replicate) for p in found.perturbations})
    assert sum(row.kind == "baseline" for row in found.perturbations if row.level == 0) == 2


@pytest.mark.parametrize(("results", "budget", "deterministic"), ASKED)
def test_messages_are_removed_where_no_result_matters(
    results: int, budget: int, deterministic: bool
) -> None:
    """Also where the level of results is looked at before it ends."""
    how: Any = {"unit": "auto", "budget": budget, "deterministic": deterministic}
    found = run(_agent(results), copying("my order"), **how).explanation
    assert {s.verdict for s in found.segments if s.unit == "tool_result"} == {"excluded"}
    assert all("What became of my order?" in s.text for s in found.coarser if s.significant)
    assert any(s.significant for s in (*found.coarser, *found.segments))
    for driven in (found, run(_agent(results), copying(FACTS[0]), **how).explanation):
        assert driven.status == "reliable"
        assert not any(s.protected for s in driven.segments)
    assert run(_agent(results), constant, **how).explanation.status == "no_effect"


def test_the_only_message_that_matters_is_partitioned_beside_results() -> None:
    messages = _agent(2, turns=0)
    found = run(messages, copying("became"), unit="auto", budget=80).explanation
    assert [s.text for s in found.ranked if s.significant and s.unit == "word"] == ["became"]


_PLANNER = (
    "You plan the work of Nordvik Wind.\nBe brief.\nNever mention tickets.\n"
    "Always end with the emergency number.\nUse the tools only."
)
_WEATHER = (
    '{"site": "Skarv", "day": "Monday", "wind": 14.5, "rain": 2.1, "pressure": 1002, "at": "coast"}'
)
_FREE = '{"team": "blades", "free": [{"name": "Ingrid"}, {"name": "Petra"}], "away": ["Mira"]}'
_MANUAL = (
    "[1] Hub care. The seals are greased twice a year.\n[2] Blade bolts. The bolts take 740 newton "
    "metres.\n[3] Paint. Scratches are reported."
)
_MENU = "On Monday the canteen has fish soup and apple cake. It opens at noon."
_DRAWN_ON = {
    '"wind": 14.5': "The wind reaches 14.5 metres per second, so the crew must not climb.",
    '"rain": 2.1': "Expect 2.1 millimetres of rain and bring waterproof clothing.",
    "Ingrid": "Ingrid is free.",
    "740 newton": "Tighten the bolts to 740 newton metres.",
    "emergency number": "In an emergency call 0800 555 112.",
}


def _planned(messages: tuple[Message, ...]) -> str:
    """Needs one of the question's sentences; then each of what it draws on adds its own."""
    text = " ".join(message.content for message in messages)
    if "bolts at Skarv" not in text and "should the crew know" not in text:
        return "What would you like to plan?"
    return " ".join(said for key, said in _DRAWN_ON.items() if key in text) or "I have nothing."


@pytest.mark.parametrize("seed", [0, *further(1)])
def test_fields_and_instructions_come_before_the_sentences_of_the_question(seed: int) -> None:
    """The result with the largest effect holds nothing but fields, which are no sentences, and the
    system message has a small effect, which is certain."""
    messages = list(chat(_PLANNER, "We retighten the bolts at Skarv. What should the crew know?",
                         roles=("system", "user")))  # fmt: skip
    for number, response in enumerate((_WEATHER, _FREE, _MANUAL, _MENU)):
        call = ToolCall(id=str(number), name=f"tool_{number}", arguments={"day": "Monday"})
        messages.append(Message(role="assistant", parts=(call,)))
        given = ToolResult(id=str(number), response=response)
        messages.append(Message(role="tool", parts=(given,)))
    how: Any = {"unit": "auto", "budget": 80, "seed": seed, "remote": True}
    found = run(tuple(messages), _planned, **how).explanation
    everything = [*found.coarser, *found.segments]
    named = [s.text for s in everything if s.significant and s.parent is not None]
    assert {'"wind": 14.5', '"rain": 2.1'} <= set(named)
    assert "Always end with the emergency number." in named
    assert all(any(key in text for key in _DRAWN_ON) for text in named)
    assert all(s.parent is None for s in everything if s.role == "user")


@pytest.mark.parametrize(("budget", "results"), [(20, 3), (40, 1)])
def test_a_single_result_or_a_small_budget_has_no_level_of_results(
    budget: int, results: int
) -> None:
    model = copying("my order")
    found = run(_agent(results), model, unit="auto", budget=budget).explanation
    assert not any("rest" in key for key in found.partitions[0])


def test_a_level_of_which_every_mask_was_asked_does_not_speak_for_a_drawn_one() -> None:
    drawn, every = findings(True), replace(findings(True), exact=True, fit=None)
    for levels, said in (
        ([drawn, every], "39 %"),
        ([every, drawn], "39 %"),
        ([every] * 2, "every"),
    ):
        _, fidelity = levels_shown(levels, SCORES)
        assert fidelity.status == "reliable"
        assert said in fidelity.reason
        assert (fidelity.r2_heldout is None) == (said == "every")


@pytest.mark.parametrize(
    ("beside", "status"),
    [((True, True), "reliable"), ((False, True), "partial"), ((True, False), "partial")],
)
def test_levels_side_by_side_are_judged_together(beside: tuple[bool, bool], status: str) -> None:
    levels = [findings(True) if sure else replace(findings(False), fit=None) for sure in beside]
    scores = replace(SCORES, changes=SCORES.changes * 2, failed=SCORES.failed * 2)
    shown, fidelity = levels_shown(levels, scores, 2)
    assert (shown, fidelity.status) == (2, status)
