"""compare() over a store with planted truth."""

import json
import re
import subprocess
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy import ColumnElement, func

from smile_trace.comparison import NothingToCompare, compare
from smile_trace.comparison.changes import as_replayed
from smile_trace.comparison.edits import find_edits
from smile_trace.comparison.evidence import collect
from smile_trace.comparison.limits import LimitError, broken_limits
from smile_trace.comparison.pooled_effects import pool
from smile_trace.comparison.templates import read_key, segment_template
from smile_trace.comparison.verdicts import share_of
from smile_trace.comparison.version_replay import Input, choose_inputs, what_varies
from smile_trace.records import Call, Message, PromptUse
from smile_trace.records.comparison import (
    AnswerComparison,
    Comparison,
    EditEffect,
    Influence,
    VersionChange,
    VersionReport,
)
from smile_trace.records.report import Report, ReportedPart, ReportGroup, Share
from smile_trace.records.verdicts import SMALLEST_EFFECT
from smile_trace.render.comparison.layout import edit_verdict, example_titles, to_tell_more
from smile_trace.render.comparison.report_words import report_to_markdown, summarize
from smile_trace.render.comparison.terminal import print_comparison, print_report
from smile_trace.store import Store
from smile_trace.store.tables import explanations, observations
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, QUESTIONS, plant, settings_in
from tests.support.planted_suggestions import CountingModel

pytestmark = pytest.mark.thorough


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(settings_in(tmp_path)) as opened:
        yield opened


def _compare(store: Store, **options: object) -> Comparison:
    settings = settings_in(Path(store.database.name).parent)
    return compare("answer", settings=settings, **{"budget": 0, **options})  # type: ignore[arg-type]


def _influence(comparison: Comparison, version: int, text: str):
    found = [i for i in comparison.versions[version].segments if i.segment.text == text]
    assert len(found) == 1, [i.segment.text for i in comparison.versions[version].segments]
    return found[0]


@pytest.fixture(scope="module")
def weaker(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Of two versions, in the second of which one sentence has lost its effect."""
    with Store.open(settings_in(tmp_path_factory.mktemp("weaker"))) as opened:
        plant(opened, "answer", "2", BEFORE, QUESTIONS, effects=EFFECTS)
        plant(opened, "answer", "3", AFTER, QUESTIONS, effects={**EFFECTS, LANGUAGE: 0.0})
        return _compare(opened)


LANGUAGE = "Use the customer's language."


def test_verdicts_and_changes(weaker: Comparison) -> None:
    assert [v.label for v in weaker.versions] == ["2", "3"]
    assert weaker.versions[0].keep_probabilities == (0.7,)
    assert _influence(weaker, 0, "{question}").verdict == "supports"
    idle = _influence(weaker, 0, "Be brief.")
    assert idle.verdict == "excluded"
    assert 0 < idle.may_need < 0.2
    assert (idle.tokens_saved or 0) > 0
    rare = _influence(weaker, 0, NEVER_MENTION)
    assert (rare.verdict, rare.untested, rare.tokens_saved) == ("excluded", True, None)
    change = weaker.changes[0]
    real = [c for c in change.segments if c.significant]
    fell = min(real, key=lambda c: c.change or 0.0)
    assert fell.before is not None
    assert weaker.versions[0].segments[fell.before].segment.text == LANGUAGE
    assert (fell.change or 0) < -0.1
    kinds = [c.kind for c in change.segments]
    assert kinds.count("edited") == kinds.count("removed") == 1
    assert Comparison.model_validate_json(weaker.model_dump_json()) == weaker


NEVER_MENTION = "Never mention competitors."


def test_what_these_calls_do_not_test_is_not_said_to_save_anything(store: Store) -> None:
    """A rule for certain cases none of which came, measured by explanations or by its removal."""
    plant(store, "answer", "2", BEFORE, QUESTIONS, effects=EFFECTS)
    told = f"These calls do not test “{NEVER_MENTION}”, which applies only in certain cases."
    alone = _compare(store, versions=["2"])
    idle = [i for i in alone.versions[0].segments if i.verdict == "excluded"]
    assert f"{len(idle) - 1} parts of version 2 made no measurable difference" in alone.summary
    assert told in alone.summary
    assert "not tested" in _in_terminal(alone)
    edited = Path(store.database.name).parent / "edited.txt"
    edited.write_text(BEFORE.replace(f"{NEVER_MENTION}\n", "").replace("Be brief", "Be short"))
    removed = _compare(store, file=edited, budget=80, model=lambda _: "Yes.")
    told = told.replace("”, which", "” (removed), which")
    assert f"are the same. {told}" in removed.summary
    rare = _influence(removed, 0, NEVER_MENTION)
    assert rare.untested
    assert "not tested by these calls" in removed.to_html()


def test_limits_of_the_gate(weaker: Comparison) -> None:
    assert "dropped by" in broken_limits(weaker, drops={LANGUAGE: 0.1})[0]
    assert not broken_limits(weaker, drops={"{question}": 0.1})
    assert not broken_limits(weaker, drops={"Never mention": 0.1})
    assert "not compared" in broken_limits(weaker, drops={}, answer_change=0.2)[0]
    with pytest.raises(LimitError, match="no part"):
        broken_limits(weaker, drops={"nonsense": 0.1})


@pytest.mark.parametrize(("budget", "said"), [(200, "changed 100 %"), (0, "not measured")])
def test_a_text_that_is_gone_is_not_checked_by_the_part_that_held_it(
    store: Store, budget: int, said: str
) -> None:
    """The part, which is still there, has the influence it had before; the text has none left."""
    kind = BEFORE.replace("Be brief.", "Be brief and always kind to everybody.")
    plant(store, "answer", "2", kind, QUESTIONS)
    plant(store, "answer", "3", kind.replace(" and always kind", ""), QUESTIONS)

    def model(prompt: str) -> str:
        return "Yes, of course, dear customer." if "kind" in prompt else "No."

    comparison = _compare(store, model=model, budget=budget)
    (broken,) = broken_limits(comparison, drops={"always kind": 0.1})
    assert said in broken
    for change in comparison.changes:
        effects = [effect.model_copy(update={"edits": (0, 1)}) for effect in change.effects]
        among = change.model_copy(update={"effects": tuple(effects)})
        grouped = comparison.model_copy(update={"changes": (among,)})
        assert "not measured" in broken_limits(grouped, drops={"always kind": 0.1})[0]


def test_words_are_not_compared_with_sentences(store: Store) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS, effects=EFFECTS)
    plant(store, "answer", "3", "Answer: {question}", QUESTIONS, effects=EFFECTS, unit="word")
    comparison = _compare(store)
    (change,) = comparison.changes
    assert change.why_no_influences == "2 was split into sentences, 3 into words"
    assert all(segment.change is None for segment in change.segments)
    assert _influence(comparison, 1, "{question}").verdict == "supports"
    (broken,) = broken_limits(comparison, drops={"{question}": 0.2})
    assert "was not compared" in broken


def test_replay_names_the_edit_that_changed_the_answers(store: Store) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS)
    plant(store, "answer", "3", AFTER, QUESTIONS)
    asked: list[str] = []

    def model(prompt: str) -> str:
        asked.append(prompt)
        return "Yes, of course, dear customer." if "kind" in prompt else "No."

    comparison = _compare(store, model=model, budget=200)
    change = comparison.changes[0]
    assert change.answers is not None
    assert change.answers.significant
    assert change.answers.changed == change.answers.inputs >= 10
    assert len(asked) <= 200
    [effect] = [effect for effect in change.effects if effect.named]
    assert change.edits[effect.edits[0]].after == "Be brief and kind."
    assert effect.distance > 0.5
    [other] = [effect for effect in change.effects if not effect.named]
    assert other.distance == 0
    assert comparison.summary.startswith(
        "From 2 to 3 the edit “Be brief.” → “Be brief and kind.” changed the answers: "
    )
    assert change.examples
    assert change.examples[0].after == "Yes, of course, dear customer."


LOUNGE = "Tell gold members about the lounge.\n"
NOISY = BEFORE.replace("Be brief.", f"Be brief.\n{LOUNGE}Never use exclamation marks.")
WORDINGS = (
    ("You depart on 24 March.", "Your flight leaves on 24 March.", "Departure is 24 March."),
    ("Your luggage may weigh 30 kilos.", "You may take 30 kilos.", "30 kilos are included."),
    ("Pack for fog.", "The forecast is fog, so take a coat.", "Expect fog and dress for that."),
    ("For more, call 0800 5550.", "Our hotline is 0800 5550.", "You reach us on 0800 5550."),
)


class Clerk:
    """Draws the wording of each sentence; every second input may hear of the lounge."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        draw = np.random.default_rng([len(self.asked), len(prompt)])
        item = int(prompt.partition("Is item ")[2].split()[0])
        said = [words[draw.integers(3)] for words in WORDINGS]
        if LOUNGE in prompt and item % 2:
            said.append("You are welcome in the lounge in Oslo, as a member of our gold programme.")
        return " ".join(said)


def test_with_varying_wording_the_edit_that_lost_a_sentence_is_named_and_no_other(
    store: Store,
) -> None:
    """Beyond the noise, and the steps add up to the whole; where none lost one, none is named."""
    after = NOISY.replace(LOUNGE, "").replace("Never use", "Do not use")
    plant(store, "answer", "2", NOISY, QUESTIONS[:24])
    plant(store, "answer", "3", after, QUESTIONS[:24])
    [change] = _compare(store, model=Clerk(), budget=160).changes
    assert change.answers is not None
    assert change.answers.significant
    [named] = [effect for effect in change.effects if effect.named]
    assert change.edits[named.edits[0]].before.strip() == LOUNGE.strip()
    assert named.inputs == change.answers.inputs == 24
    assert named.distance == pytest.approx(change.answers.distance, abs=0.05)
    [dead] = [effect for effect in change.effects if not effect.named]
    assert dead.ci_low == 0


WORDS = (("amount", "number"), ("kind", "class"), ("date", "day"), ("care", "attention"),
    ("letters", "mails"), ("people", "persons"))  # fmt: skip


def _fields(prompt: str) -> str:
    """An edit of one of the first three words changes its field in half of the answers, the first
    two in the same half."""
    item = int(prompt.partition("Is item ")[2].split()[0])
    halves = (item % 2, item % 2, item % 4 < 2)
    told = {old: f"of this {new}" if new in prompt and half else "as ever"
        for (old, new), half in zip(WORDS, halves, strict=False)}  # fmt: skip
    return json.dumps({**told, "item": item, "open": True})


@pytest.mark.parametrize(
    ("edits", "budget", "named", "said"),
    [
        (4, 200, 3, "and “date” → “day” for 33 % of the change; the other edit adds next to"),
        (4, 40, 2, "the other 2 edits add 29 % of the change, and could not be told apart (a "
            "budget of 50 calls would tell)."),
        (4, 50, 3, "and “date” → “day” for 29 % of the change; the other edit adds next to"),
        (6, 40, 3, "of the change on the 4 inputs that changed most; the effect of the other 3 "
            "edits was not measured well enough to tell (a budget of 50 calls would tell)."),
        (6, 50, 3, "and “date” → “day” for 29 % of the change; the other 3 edits add next to"),
    ],
)  # fmt: skip
def test_edits_are_told_apart_on_all_inputs_or_the_budget_that_would_is_said(
    store: Store, edits: int, budget: int, named: int, said: str
) -> None:
    """Of three edits with a third of the change each two coincide where the answers moved most."""
    old, new = ([f"Mind the {pair[side]} of it.\n" for pair in WORDS] for side in (0, 1))
    for version, lines in (("2", old), ("3", [*new[:edits], *old[edits:]])):
        plant(store, "answer", version, "".join(lines) + BEFORE, QUESTIONS[:12])
    [change] = _compare(store, model=CountingModel(_fields), budget=budget).changes
    assert said in change.summary
    assert sum(effect.named for effect in change.effects) == named


EUROS = "Always tell the price in euros."
ADDED = BEFORE.replace("Be brief.\n", f"Be brief.\n{EUROS}\n")


@pytest.mark.parametrize(
    ("planted", "answer", "verdict"),
    [
        pytest.param(0.0, "It costs 75 euros.", "supports", id="explanations did not see it"),
        pytest.param(0.4, "Yes.", "excluded", id="explanations saw what the replay excludes"),
    ],
)
def test_the_table_says_what_the_sentence_says(
    store: Store, planted: float, answer: str, verdict: str
) -> None:
    """Of an instruction that was added or removed: both are the estimate of the replay."""
    effects = {**EFFECTS, EUROS: planted}
    plant(store, "answer", "2", BEFORE, QUESTIONS, effects=effects)
    plant(store, "answer", "3", ADDED, QUESTIONS, effects=effects, seed=1)
    plant(store, "answer", "4", BEFORE, QUESTIONS, effects=effects, seed=2)

    def model(prompt: str) -> str:
        return answer if EUROS in prompt else "Yes."

    alone = _compare(store, versions=["3"], models=["planted", "planted"])
    assert _influence(alone, 0, EUROS).verdict == ("excluded" if planted == 0 else "supports")
    for versions, with_it in ((["2", "3"], 1), (["3", "4"], 0)):
        found = _compare(store, versions=versions, model=model, budget=40)
        [change] = found.changes
        part, answers = _influence(found, with_it, EUROS), change.answers
        assert answers is not None
        assert (part.verdict, part.source) == (verdict, "replayed")
        assert (part.influence, part.ci_low) == (answers.distance, answers.ci_low)
        assert (part.calls_lost, part.calls_tried) == (answers.changed, answers.inputs)
        assert (EUROS in found.summary) == (verdict == "supports") == answers.significant


@pytest.mark.parametrize(
    ("named", "at_most", "tried", "verdicts"),
    [
        (True, 0.4, 4, ["supports", "excluded", "open", "open", "open"]),
        (False, 0.4, 4, ["open", "excluded", "open", "open", "open"]),
        (True, 0.09, 14, ["supports", "excluded", "excluded", "excluded", "excluded"]),
        (True, 0.09, 4, ["supports", "excluded", "open", "open", "open"]),
    ],
)
def test_of_what_may_have_changed_the_answers_nothing_is_denied(
    named: bool, at_most: float, tried: int, verdicts: list[str]
) -> None:
    """Of five instructions that were added the replay was paid to tell two from the others. What it
    leaves open is bounded by what it found, whatever the explanations say."""
    lines = [f"Name the {what}.\n" for what in ("price", "size", "colour", "maker", "weight")]
    template = "".join(lines)
    influences = [
        Influence(segment=one, influence=0.0, ci_low=-0.02, ci_high=0.02, standard_error=0.01,
            verdict="excluded", tokens_saved=9.0)
        for one in segment_template("p", "2", template, "sentence")
    ]  # fmt: skip
    version = VersionReport(label="2", version="2", template=template, segments=influences)
    edits = find_edits("", template)
    assert [edit.kind for edit in edits] == ["added"] * 5
    effect = {"ci_low": 0.2, "ci_high": 0.4, "inputs": tried, "changed": 4}
    change = VersionChange(
        before=0, after=1, edits=edits,
        answers=AnswerComparison(inputs=14, changed=14, distance=0.5, ci_low=0.4, ci_high=0.6,
            noise=0.1, p_value=0.01, significant=True),
        effects=(
            EditEffect(edits=(0,), distance=0.3, share=0.5, named=named, **effect),
            EditEffect(edits=(1,), distance=0.0, ci_low=0.0, ci_high=0.05, inputs=12),
            EditEffect(edits=(2, 3, 4), distance=0.05, share=0.5, ci_low=0.0, ci_high=at_most,
                inputs=tried),
        ),
    )  # fmt: skip
    found = as_replayed(version, change, SMALLEST_EFFECT, new=True)
    assert [item.verdict for item in found.segments] == verdicts
    assert [item.source == "replayed" for item in found.segments[:3]] == [named, True, False]
    assert [item.tokens_saved for item in found.segments] == [
        9.0 if verdict == "excluded" else None for verdict in verdicts
    ]
    left = {item.at_most >= SMALLEST_EFFECT for item in found.segments if item.verdict == "open"}
    assert left <= {True}
    assert as_replayed(version, change, SMALLEST_EFFECT, new=False) == version


def test_a_comparison_of_release_0_2_is_read_in_todays_words(weaker: Comparison) -> None:
    then = weaker.model_dump(mode="json")
    then["schema_version"] = 3
    then["settings"]["delta"] = then["settings"].pop("smallest_effect")
    words = {"supports": "essential", "against": "matters", "excluded": "no_effect"}
    for item in (item for version in then["versions"] for item in version["segments"]):
        item["verdict"] = words.get(item["verdict"], "inconclusive")
        del item["source"]
    assert Comparison.model_validate(then) == weaker
    passage = {"text": "x", "unit": "sentence", "calls": 12, "mattered": 3, "against": 1}
    passage |= {"attribution": 0.1, "ci_low": 0.0, "ci_high": 0.2}
    then["versions"][0]["passages"] = [passage]
    read = Comparison.model_validate(then).mattered
    assert read is not None
    [part] = read.groups[0].parts
    assert (part.kind, part.name, part.attribution) == ("instruction", "x", 0.1)
    assert (part.mattered.count, part.mattered.of, part.mattered.open, part.against) == (4, 4, 8, 1)
    told = then | {"schema_version": 4, "versions": then["versions"][:1], "changes": []}
    told["versions"][0]["passages"] = [passage | {"open": 2, "source": "explained"}]
    for segment in told["versions"][0]["segments"]:
        segment["verdict"] = "open"
    of_4 = Comparison.model_validate(told).mattered
    assert of_4 is not None
    assert of_4.groups[0].parts[0].mattered.of == 10
    assert "x" in of_4.to_html()
    broken: list[Any] = [1, [1], [{"segments": [{}]}], [{"segments": 1, "passages": [2]}]]
    for versions in broken:
        with pytest.raises(ValidationError):
            Comparison.model_validate({**then, "versions": versions})


def test_calls_of_a_function_are_compared_by_calling_it_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted_app.py").write_text(
        "import smile_trace\n"
        "@smile_trace.trace(model='planted', rerun=True)\n"
        "def ask(prompt: str) -> str:\n"
        "    return 'Yes, of course.' if 'kind' in prompt else 'No.'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for version, template in (("2", BEFORE), ("3", AFTER)):
        plant(store, "answer", version, template, QUESTIONS, rerun="planted_app:ask")
    settings = settings_in(Path(store.database.name).parent, models={"planted": {"kind": "rerun"}})
    comparison = compare("answer", settings=settings, app="planted_app")
    assert comparison.summary.startswith("From 2 to 3 the edit “Be brief.” → “Be brief and kind.”")
    without = compare("answer", settings=settings)
    assert "--app MODULE" in without.changes[0].why_no_answers


def test_a_change_that_no_input_shows_by_itself(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer is as far from its own repetition as from the other version's, but the
    versions' answers to different inputs lie apart."""
    plant(store, "answer", "2", BEFORE, QUESTIONS)
    plant(store, "answer", "3", AFTER, QUESTIONS)
    asked: list[str] = []

    def model(prompt: str) -> str:
        asked.append(prompt)
        question = prompt.partition("Question:")[2].strip()
        return f"{'new' if 'kind' in prompt else 'old'}|{question}|{len(asked)}"

    def distance(one: str, other: str) -> float:
        (version, question, _), (its, other_question, _) = one.split("|"), other.split("|")
        if one == other:
            return 0.0
        return 0.2 if version == its and question != other_question else 1.0

    monkeypatch.setattr(
        "smile_trace.comparison.version_replay.VersionDistance", lambda name: distance
    )
    [change] = _compare(store, model=model, budget=40).changes
    assert change.answers is not None
    assert change.answers.significant
    assert change.answers.distance == 0
    assert "no input" in change.why_no_edits


def test_replay_with_equal_answers(store: Store) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS)
    plant(store, "answer", "3", AFTER, QUESTIONS)
    comparison = _compare(store, model=lambda prompt: "Yes.", budget=40)
    answers = comparison.changes[0].answers
    assert answers is not None
    assert (answers.distance, answers.significant) == (0, False)
    assert "are the same" in comparison.summary


def test_replay_with_answers_that_change_a_little(store: Store) -> None:
    """The same words in another form are not the same answer."""
    plant(store, "answer", "2", BEFORE, QUESTIONS)
    plant(store, "answer", "3", BEFORE.replace("Be brief.", "Be rude."), QUESTIONS)
    said = "It is in stock, and we can send it to you by the end of the week. It comes with a bell."

    def model(prompt: str) -> str:
        return said if "rude" in prompt else "- " + said.replace(". ", ".\n- ")

    [change] = _compare(store, model=CountingModel(model), budget=40).changes
    assert change.answers is not None
    assert (change.answers.changed, change.answers.changed_little) == (0, 20)
    assert "20 of 20 answers changed a little (by at most" in change.summary
    label, told = edit_verdict(change, 0, SMALLEST_EFFECT)
    assert label == "changed the answers a little"
    assert "none became another answer" in told


def test_word_explanations_pool_variables_as_one_segment(store: Store) -> None:
    names = [{"name": f"Ann {k} Smith"} for k in range(60)]
    masks = {"unit": "word", "keep": (0.5, 0.8), "masks": 20}
    for version in "12":
        plant(
            store, "answer", version, "Say hello to {name} now", names, effects={"hello": 0.6},
            **masks,  # type: ignore[arg-type]
        )  # fmt: skip
    comparison = _compare(store)
    texts = [i.segment.text for i in comparison.versions[0].segments]
    assert texts == ["Say", "hello", "to", "{name}", "now"]
    assert comparison.versions[0].keep_probabilities == (0.5, 0.8)
    assert _influence(comparison, 0, "hello").verdict == "supports"
    assert _influence(comparison, 0, "{name}").verdict == "excluded"


LINES = BEFORE.split("\n")[:4]
PASSAGE = BEFORE.partition(" {question}")[0]
OF_BOTH = {"01": 0.3, "10": 0.6, "00": 0.72}
"""Answer changes without the passage, the question, or both."""


def _look_inside(store: Store, looked: int, *, every: bool = False) -> None:
    """Put the level of a passage, and of what stands in the variable, over that of its lines. Only
    the first calls `looked` inside; the others have the coarse level alone, in which the passage
    has the effect of its first line. `every`: there all masks were asked, and none drawn."""
    coarse = ["answer:2:section:0", "answer:2:var:question"]
    fine = [f"answer:2:sentence:{BEFORE.index(line)}" for line in LINES]
    with store.database.write() as connection:
        for levels, ids in (
            ([coarse, fine], range(1, looked + 1)),
            ([coarse], range(looked + 1, len(QUESTIONS) + 1)),
        ):
            body = func.json_set(explanations.c.body, "$.partitions", func.json(json.dumps(levels)))
            connection.execute(
                explanations.update().where(explanations.c.id.in_(ids)).values(body=body)
            )
        inside, mask = observations.c.explanation_id <= looked, observations.c.mask
        lines, of_both = func.substr(mask, 1, 4), _bits(mask, 1, 6)
        connection.execute(observations.update().where(inside).values(level=1, mask=lines))
        connection.execute(observations.update().where(~inside).values(mask=of_both))
        for number, (each, change) in enumerate(OF_BOTH.items() if every else ()):
            connection.execute(
                observations.update()
                .where(~inside, observations.c.number % 3 == number)
                .values(kind="enumerated", keep_probability=None, mask=each, shift=change)
            )
        of_call = func.printf("%08x", observations.c.explanation_id)
        connection.execute(observations.update().values(text_hash=of_call))


def _bits(mask: ColumnElement[str], first: int, *others: int) -> ColumnElement[str]:
    found: ColumnElement[str] = func.substr(mask, first, 1)
    for place in others:
        found = found.concat(func.substr(mask, place, 1))
    return found


def test_lines_that_the_calls_looked_inside_for_are_parts_of_their_own(store: Store) -> None:
    """An explanation in levels looks into the parts that matter in its call only."""
    alone = {"pooled": False, "effects": EFFECTS, "keep": (0.5, 0.8)}
    plant(store, "answer", "2", BEFORE, QUESTIONS, masks=24, **alone)  # type: ignore[arg-type]
    _look_inside(store, 40)
    joined = f"answer:2:span:{BEFORE.index(LINES[1])}"
    with store.database.write() as connection:  # some calls removed two lines together
        few = explanations.c.id > 30
        levels = f'"answer:2:sentence:{BEFORE.index(LINES[1])}",'
        body = func.replace(explanations.c.body, levels, "")
        body = func.replace(body, f"sentence:{BEFORE.index(LINES[2])}", joined.split(":", 2)[2])
        connection.execute(
            explanations.update().where(few, explanations.c.id <= 40).values(body=body)
        )
        connection.execute(
            observations.update()
            .where(observations.c.explanation_id.between(31, 40))
            .values(mask=_bits(observations.c.mask, 1, 3, 4))
        )
    plant(store, "answer", "3", BEFORE, QUESTIONS)
    comparison = _compare(store)
    version = comparison.versions[0]
    assert version.explained == len(QUESTIONS)
    parts = {item.segment.text: (item.verdict, item.calls) for item in version.segments}
    assert parts == {
        LINES[0]: ("supports", 40),
        LINES[1]: ("excluded", 30),
        LINES[2]: ("excluded", 30),
        LINES[3]: ("supports", 40),
        "{question}": ("supports", 20),
    }
    assert "over 30 calls; at most" in comparison.to_html()
    assert "on average over 30 calls" in _compare(store, versions=["3", "2"]).summary


@pytest.mark.parametrize("verdict", ["supports", "against", "open", "excluded"])
def test_what_matters_with_others_in_further_calls_is_not_excluded(
    store: Store, verdict: str
) -> None:
    """Forty calls removed each line by itself, twenty only the passage that holds them."""
    alone = {"pooled": False, "effects": EFFECTS, "keep": (0.5, 0.8)}
    plant(store, "answer", "2", BEFORE, QUESTIONS, masks=24, **alone)  # type: ignore[arg-type]
    _look_inside(store, 40)
    whole = {"key": "answer:2:section:0", "verdict": verdict, "ci_low": 0.2, "ci_high": 0.38}
    found = func.json(json.dumps([{**whole, "fails_without": False}]))
    with store.database.write() as connection:
        body = func.json_set(explanations.c.body, "$.segments", found)
        later = explanations.update().where(explanations.c.id > 40)
        connection.execute(later.values(body=body, status="partial"))
        connection.execute(explanations.update().where(explanations.c.id <= 40).values(body=body))
    plant(store, "answer", "1", BEFORE, QUESTIONS)
    comparison = _compare(store, versions=["1", "2"])
    parts = [_influence(comparison, 1, line) for line in LINES[1:3]]
    held = verdict in ("supports", "against")
    is_said = ("open", 40, 20) if held else ("excluded", 40, 0)
    assert {(one.verdict, one.calls, one.calls_held) for one in parts} == {is_said}
    assert (parts[0].tokens_saved is None) == held
    said = "38 % of the answer; 2 of them matter in some calls."
    assert (said in comparison.summary) == held
    assert ("no measurable difference" in comparison.summary) != held
    table = comparison.to_html().partition("Every part of")[2]
    assert table.count("matters in 20 calls: up to 38 % of the answer; over 40 calls<") == 2 * held
    assert ('with unit = "sentence"' in _in_terminal(comparison)) == held


@pytest.mark.parametrize("named", [1, 2])
def test_what_single_calls_name_is_not_excluded_by_the_average(store: Store, named: int) -> None:
    """One call in twenty may name a part by chance, so that one alone does not count."""
    alone = {"pooled": False, "effects": EFFECTS, "keep": (0.5, 0.8)}
    plant(store, "answer", "2", BEFORE, QUESTIONS, masks=24, **alone)  # type: ignore[arg-type]
    key = f"answer:2:sentence:{BEFORE.index(LINES[1])}"
    _look_inside(store, 60)
    part = {
        "key": key,
        "verdict": "supports",
        "ci_low": 0.1,
        "ci_high": 0.3,
        "fails_without": False,
    }
    with store.database.write() as connection:
        body = func.json_set(explanations.c.body, "$.segments", func.json(json.dumps([part])))
        few = explanations.update().where(explanations.c.id <= named)
        connection.execute(few.values(body=body, status="reliable"))
    plant(store, "answer", "1", BEFORE, QUESTIONS)
    influence = _influence(_compare(store, versions=["1", "2"]), 1, LINES[1])
    said = influence.verdict, influence.calls_held, influence.tokens_saved is None
    assert said == (("open", 2, True) if named == 2 else ("excluded", 0, False))


@pytest.mark.parametrize(("looked", "every", "calls"), [(15, False, 44), (0, True, 60)])
def test_lines_that_few_calls_told_apart_are_outlined_as_a_whole(
    store: Store, looked: int, every: bool, calls: int
) -> None:
    """Of the calls two happen to have the same masks, and are one."""
    plant(store, "answer", "2", BEFORE, QUESTIONS, pooled=False, effects=EFFECTS, keep=(0.5, 0.8))
    _look_inside(store, looked, every=every)
    plant(store, "answer", "3", BEFORE, QUESTIONS)
    comparison = _compare(store)
    [whole, question] = comparison.versions[0].segments
    assert (whole.segment.text, whole.verdict, whole.calls) == (PASSAGE, "supports", calls)
    assert question.verdict == "supports"
    if every:  # half of the masks remove the question with it, or a fifth: no chance error
        assert whole.influence == pytest.approx((0.21 + 0.264) / 2, abs=0.01)
        assert comparison.versions[0].rows == 6 * len(QUESTIONS)
    page, told = comparison.to_html(), _in_terminal(comparison)
    assert page.count('<span class="passage supports"') == 1
    assert "as a whole: 5 lines" in page
    assert '<bdi class="supports"' in page.partition("</article>")[0].partition("{question}")[0]
    assert "".join(told.split()).count('"sentence"andalargerbudgettellsmore') == 1
    [before, _] = comparison.versions
    beside = to_tell_more("a", before.model_copy(update={"beside": ("user", "tool")}))
    table = '[explain."prompt:a"] with unit = "sentence" and protect = ["user", "tool"]'
    assert beside.endswith(f"{table} tells more")


@pytest.mark.parametrize(
    ("budget", "needed", "painted"),
    [
        pytest.param(60, "nothing", 'class="excluded" title="made no measurable', id="idle"),
        pytest.param(60, "competitors", 'class="changed" title="changed the', id="did"),
        pytest.param(0, "nothing", "Never mention competitors.\n</span>", id="not tried"),
    ],
)
def test_an_edit_is_painted_by_what_it_did_and_not_by_the_passage_around_it(
    store: Store, budget: int, needed: str, painted: str
) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS, pooled=False, effects=EFFECTS)
    _look_inside(store, 0, every=True)
    without = BEFORE.replace("Never mention competitors.\n", "")
    plant(store, "answer", "3", without, QUESTIONS, pooled=False, effects=EFFECTS)

    def model(prompt: str) -> str:
        return "We have it." if needed in prompt else "Our rival has it for less."

    page = _compare(store, model=model, budget=budget).to_html()
    removed = page.partition('<span class="mark removed')[2].partition("Use the customer")[0]
    assert painted in removed
    assert removed.count("<bdi") == (budget > 0)
    assert 'class="passage supports"' in page.partition('<span class="mark removed')[0]


def test_a_level_that_never_removed_the_template_is_passed_over(store: Store) -> None:
    """Results of tools come first; the rest of the prompt, the template with it, is protected."""
    template = f"{BEFORE}\n\nNow:"
    plant(store, "answer", "2", template, QUESTIONS, effects=EFFECTS)
    plant(store, "answer", "3", BEFORE, QUESTIONS)
    first = ["answer:2:rest:0", "answer:2:var:question:rest:0", "3:tool_result:0"]
    _rename(store, "[[", f"[{json.dumps(first)}, [")
    with store.database.write() as connection:
        connection.execute(observations.update().values(level=1))
    version = _compare(store).versions[0]
    assert version.explained == len(QUESTIONS)
    assert [i.segment.text for i in version.segments if i.verdict == "supports"] == list(EFFECTS)


def test_what_no_explanation_removed_is_not_measured(store: Store) -> None:
    for version in "23":
        plant(store, "answer", version, BEFORE, QUESTIONS, effects=EFFECTS)
    _rename(store, ":sentence:", ":rest:")
    comparison = _compare(store)
    assert [i.segment.text for i in comparison.versions[0].segments] == ["{question}"]
    assert _influence(comparison, 0, "{question}").verdict == "supports"
    _rename(store, ":var:", ":rest:")
    comparison = _compare(store)
    (change,) = comparison.changes
    assert change.why_no_influences == "no explanation of 2 removed parts of its template at random"
    assert {i.verdict for version in comparison.versions for i in version.segments} == {"open"}


@pytest.mark.parametrize("key", ["a:1:rest:0", "a:1:var:name:rest:0", "3:rest:0", "a:12:word:0"])
def test_keys_of_other_text_and_of_the_rest_are_no_parts(key: str) -> None:
    assert read_key("a:1:", key) is None


def test_keys_of_variables_and_of_what_is_in_them() -> None:
    assert read_key("a:1:", "a:1:var:rest") == ("rest", "variable", 0)
    assert read_key("a:1:", "a:1:var:rest:1") == ("rest", "variable", 1)
    assert read_key("a:1:", "a:1:var:rest:word:3") == ("rest", "word", 0)
    assert read_key("a:1:", "a:1:section:12") == (None, "section", 12)


def _rename(store: Store, old: str, new: str) -> None:
    body = func.replace(explanations.c.body, old, new)
    with store.database.write() as connection:
        connection.execute(explanations.update().values(body=body))


def test_explanations_with_a_target_tell_nothing_of_the_answers(store: Store) -> None:
    alone = {"pooled": False, "effects": EFFECTS}
    plant(store, "answer", "2", BEFORE, QUESTIONS[:4], **alone)  # type: ignore[arg-type]
    plant(store, "answer", "2", BEFORE, QUESTIONS[:20], seed=1, avoid="no", **alone)  # type: ignore[arg-type]
    plant(store, "answer", "3", BEFORE, QUESTIONS[:4], **alone)  # type: ignore[arg-type]
    version = _compare(store).versions[0]
    assert (version.explained, version.dropped) == (4, ("20 explanations with a target",))


def test_explanations_under_other_settings_are_not_pooled(store: Store) -> None:
    alone = {"pooled": False, "keep": (0.5, 0.8), "effects": EFFECTS}
    plant(store, "answer", "2", BEFORE, QUESTIONS, effects=EFFECTS)
    plant(store, "answer", "2", BEFORE, QUESTIONS[:20], seed=1, **alone)  # type: ignore[arg-type]
    plant(store, "answer", "3", BEFORE, QUESTIONS, **alone)  # type: ignore[arg-type]
    comparison = _compare(store)
    assert comparison.versions[0].keep_probabilities == (0.7,)
    assert comparison.versions[0].explained == 60
    assert any("20 explanations" in why for why in comparison.versions[0].dropped)
    change = comparison.changes[0]
    assert "pooled" in change.why_no_influences
    assert all(c.change is None for c in change.segments)


def test_explanations_made_one_by_one_tell_of_the_average_as_pooled_calls_do(store: Store) -> None:
    for version in "23":
        plant(store, "answer", version, BEFORE, QUESTIONS, pooled=False, effects=EFFECTS)
    comparison = _compare(store)
    for report in comparison.versions:
        verdicts = {one.segment.text: one.verdict for one in report.segments}
        assert {verdicts.pop(text) for text in EFFECTS} == {"supports"}
        assert "supports" not in verdicts.values()
        assert "excluded" in verdicts.values()
    [change] = comparison.changes
    assert not change.why_no_influences
    assert not any(one.significant for one in change.segments)


def test_a_request_that_was_sent_again_is_no_further_evidence(store: Store) -> None:
    def errors() -> list[float]:
        rows = collect(store, "answer", "2", None, most_calls=1000, seed=0).rows
        assert rows is not None
        return [float(error) for error in pool(rows).error]

    plant(store, "answer", "2", BEFORE, QUESTIONS, effects=EFFECTS)
    once = errors()
    plant(store, "answer", "2", BEFORE, QUESTIONS, effects=EFFECTS, seed=1)
    again = observations.c.explanation_id > len(QUESTIONS)
    with store.database.write() as connection:
        rows = connection.execute(observations.select().where(~again)).mappings().all()
        connection.execute(observations.delete().where(again))
        of = "explanation_id"
        moved = [{**row, of: row[of] + len(QUESTIONS)} for row in rows]
        connection.execute(observations.insert(), moved)
    assert errors() == pytest.approx(once)


def test_calls_that_lose_a_fact_without_a_part_that_is_idle_on_average_are_counted(
    store: Store,
) -> None:
    """Where another part is gone too nothing is lost; what is lost without it alone decides."""
    plant(store, "answer", "2", BEFORE, QUESTIONS, effects=EFFECTS)
    idle = [one.text for one in segment_template("answer", "2", BEFORE, "sentence")].index(
        "Be brief."
    )
    needing = len(QUESTIONS) // 3
    with store.database.write() as connection:
        rows = connection.execute(observations.select()).mappings().all()
        alone = [
            {
                **row,
                "number": 99,
                "kind": "leave_one_out",
                "mask": "".join("0" if k == idle else "1" for k in range(len(row["mask"]))),
                "keep_probability": None,
                "shift": 0.2 if row["explanation_id"] <= needing else 0.0,
            }
            for row in rows
            if row["number"] == 0
        ]
        connection.execute(observations.insert(), alone)
    comparison = _compare(store, versions=["2"])
    found = _influence(comparison, 0, "Be brief.")
    assert found.verdict == "excluded"
    assert (found.calls_tried, found.calls_lost) == pytest.approx((len(QUESTIONS), needing))
    assert found.may_need > needing / len(QUESTIONS)
    told = f"{needing} of {len(QUESTIONS)} calls need it, at most {100 * found.may_need:.1f} %"
    assert f"{told} of all; saves" in comparison.to_html()
    assert f"{needing} of {len(QUESTIONS)} calls need “Be brief.”, at most" in comparison.summary


@pytest.mark.parametrize("signals", [("text", "probability"), ("probability", "text")])
def test_signals_that_differ_are_not_compared(store: Store, signals: tuple[str, str]) -> None:
    for version, signal in zip("23", signals, strict=True):
        plant(store, "answer", version, BEFORE, QUESTIONS, effects=EFFECTS, signal=signal)
    comparison = _compare(store)
    assert "probability" in comparison.changes[0].why_no_influences
    unseen = " (additions, length and form are not compared)."
    assert "of version 3 made no measurable difference" in comparison.summary
    assert (unseen in comparison.summary) == (signals[1] == "text")


@pytest.mark.parametrize("explained", [0, 3])
def test_too_few_explanations_leave_everything_open(store: Store, explained: int) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS)
    plant(store, "answer", "3", BEFORE, QUESTIONS[:explained], effects=EFFECTS, seed=2)
    plant(store, "answer", "3", BEFORE, QUESTIONS[explained:])
    comparison = _compare(store)
    assert all(i.verdict == "open" for v in comparison.versions for i in v.segments)
    said = "were not measured well enough to tell: up to 100 % of the answer"  # not what three say
    assert (said in comparison.summary) == (explained > 0)
    assert comparison.changes[0].why_no_influences
    assert comparison.to_html()
    told = _in_terminal(comparison)
    assert ("… +" in told, "parts: open, " in told) == (False, explained > 0)


def _in_terminal(shown: Comparison | Report) -> str:
    """What 80 columns show: no line is cut or wrapped at its end."""
    console = Console(record=True, width=80, file=StringIO())
    if isinstance(shown, Comparison):
        print_comparison(shown, console)
    else:
        print_report(shown, console)
    return console.export_text()


@pytest.mark.parametrize(
    ("low", "high", "error", "verdict", "page"),
    [
        (0.75, 1.0, 0.08, "seems to support, not certain", "1 part: open, up to 100 %"),
        (-0.4, -0.1, 0.08, "seems to work against, not certain", "1 part: open, up to 40 %"),
        (-0.1, 0.3, 0.08, "not measured well enough to tell: up to 30 %", "1 part: open, up to"),
        (-1.0, 1.0, None, "", "1 part was not measured: too few calls removed it."),
    ],
)
def test_what_is_open_is_told_as_its_interval_says(
    weaker: Comparison, low: float, high: float, error: float | None, verdict: str, page: str
) -> None:
    [version, *_] = weaker.versions
    segment = version.segments[0].segment
    one = Influence(
        segment=segment,
        influence=(low + high) / 2,
        ci_low=low,
        ci_high=high,
        standard_error=error,
    )
    alone = version.model_copy(update={"segments": (one,)})
    told = weaker.model_copy(update={"versions": (alone,), "changes": ()}).to_html()
    assert page in told
    if error is None:
        assert "Every part of" not in told
    else:
        table = told[told.index("Every part of") :]
        assert verdict in table
        assert table.count("<tr") == 2


def test_a_table_fits_80_columns_and_counts_what_says_nothing(weaker: Comparison) -> None:
    told = _in_terminal(weaker)
    change = next(line for line in told.splitlines() if LANGUAGE in line)
    assert re.search(r"−0\.\d\d +−0\.\d\d … −0\.\d\d +(< )?\.\d{3}$", change.rstrip())
    assert "more parts: no change in influence is certain" in told
    assert "no certain change: characters per answer" in told
    assert told.count("influence: what an answer loses without the part") == 1
    assert re.search(r"Be brief\. .* excluded, ≤ \d+ % of calls", told)
    [version, *_] = weaker.versions
    any_call = _influence(weaker, 0, "Be brief.").model_copy(update={"may_need": 1.0})
    alone = version.model_copy(update={"segments": (any_call,)})
    told = _in_terminal(weaker.model_copy(update={"versions": (alone,), "changes": ()}))
    assert re.search(r"Be brief\. .* excluded *$", told, re.M)


def test_one_part_is_no_parts(weaker: Comparison) -> None:
    [change] = weaker.changes
    still = next(one for one in change.segments if one.change is not None and not one.significant)
    alone = change.model_copy(update={"segments": (still,)})
    page = weaker.model_copy(update={"changes": (alone,)}).to_html()
    assert "<summary>1 part of which no change is certain<" in page


SURE, NEVER, FEW, NONE = share_of(63, 80, 12), share_of(0, 80), share_of(0, 2), share_of(0, 0)


@pytest.mark.parametrize(
    ("shares", "shown", "rest"),
    [
        ([SURE, NEVER, FEW, NONE], 2, "open (too few calls to tell): 2 more documents"),
        ([FEW], 0, "open (too few calls to tell): 1 document"),
        ([SURE, NEVER], 2, ""),
        ([SURE] * 14, 12, "2 more documents"),
        (
            [*[SURE] * 14, FEW],
            12,
            "2 more documents; open (too few calls to tell): 1 more document",
        ),
    ],
)
def test_what_mattered_shows_what_the_calls_tell(
    shares: list[Share], shown: int, rest: str
) -> None:
    parts = tuple(
        ReportedPart(kind="document", name=f"{k}: how long a warranty lasts.md" * 3, mattered=share)
        for k, share in enumerate(shares)
    )
    group = ReportGroup(kind="prompt", name="answer", parts=parts)
    report = Report(since="2026-11-01", until="2026-11-30", groups=(group,))
    told = _in_terminal(report)
    assert all(len(line.rstrip()) <= 80 for line in told.splitlines())
    assert len(re.findall(r" (63|0) of 80 ", told)) == shown
    assert rest in told
    assert ("too few calls" in told) == ("too few calls" in rest)
    assert rest in report_to_markdown(report)
    assert ("too few calls" in report.to_html()) == ("too few calls" in rest)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (
            {"a": share_of(24, 24, 12), "b": share_of(30, 36)},
            "The document “b” mattered most often, in 30 of the 36 explained calls that contain "
            "it.",
        ),
        (
            {"a": share_of(24, 24, 12), "b": share_of(1, 1)},
            "The document “a” mattered most often, in 24 of the 36 explained calls that contain it "
            "(12 not settled).",
        ),
        (
            {name: share_of(9, 9) for name in "abcdef"},
            "“a”, “b”, “c”, “d” and 2 more mattered most often, each in 9 of the 9 explained calls "
            "that contain it.",
        ),
    ],
)
def test_the_headline_names_the_largest_share_of_all_calls(
    shares: dict[str, Share], said: str
) -> None:
    parts = tuple(
        ReportedPart(kind="document", name=name, mattered=share) for name, share in shares.items()
    )
    group = ReportGroup(kind="prompt", name="answer", parts=parts)
    assert said in summarize(Report(since="", until="", explained=36, groups=(group,)))


def test_documents_make_room_for_the_instructions() -> None:
    """Those without an effect, which one came to find, stand after a dozen documents."""
    document = ReportedPart(kind="document", name="a.md", mattered=SURE)
    documents = [document.model_copy(update={"name": f"{k}.md"}) for k in range(14)]
    instruction = ReportedPart(kind="instruction", name="Be kind.", mattered=NEVER)
    group = ReportGroup(kind="prompt", name="answer", parts=(*documents, instruction), more=2)
    told = _in_terminal(Report(since="", until="", groups=(group,)))
    assert "Be kind. (instruction)" in told
    assert "3 more documents and 2 more parts" in told


def test_errors_name_what_there_is(store: Store) -> None:
    with pytest.raises(NothingToCompare, match="no call of a prompt or function named 'answer'"):
        _compare(store)
    plant(store, "answer", "2", BEFORE, QUESTIONS[:1])
    with pytest.raises(NothingToCompare, match="version '9'"):
        _compare(store, versions=["2", "9"])
    with pytest.raises(NothingToCompare, match="that began since then"):
        _compare(store, versions=["2"], since=datetime(2999, 1, 1, tzinfo=UTC))
    with pytest.raises(NothingToCompare, match="there are: answer"):
        compare("anser", settings=settings_in(Path(store.database.name).parent))


def test_of_one_version_it_says_what_mattered(store: Store) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS)
    comparison = _compare(store)
    [version] = comparison.versions
    assert comparison.mattered is not None
    assert (comparison.mattered.name, comparison.changes) == ("answer", ())
    assert comparison.summary.startswith(comparison.mattered.summary)
    assert (version.calls, version.explained) == (len(QUESTIONS), 0)
    page = comparison.to_html()
    assert "What mattered in answer" in page
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison
    assert not broken_limits(comparison, drops={})
    with pytest.raises(LimitError, match="one version only"):
        broken_limits(comparison, drops={}, answer_change=0.1)


def test_two_models_under_one_version(store: Store) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS, effects=EFFECTS, model="small")
    plant(store, "answer", "2", BEFORE, QUESTIONS, effects={}, model="large", seed=5)
    comparison = _compare(store, versions=["2"], models=["small", "large"])
    assert [v.label for v in comparison.versions] == ["2 · small", "2 · large"]
    significant = [c for c in comparison.changes[0].segments if c.significant]
    assert len(significant) == len(EFFECTS)


def test_versions_without_common_segments(store: Store) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS[:20], effects=EFFECTS)
    other = "Wetter in {city}?\nKurz.\nBitte.\nDanke sehr."
    plant(store, "answer", "3", other, [{"city": f"Ort {k}"} for k in range(20)], effects={})
    [change] = _compare(store, model=lambda prompt: "x", budget=40).changes
    assert {c.kind for c in change.segments} == {"added", "removed"}
    assert "variables" in change.why_no_answers


def test_a_missing_model_is_reported(store: Store) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS[:20])
    plant(store, "answer", "3", AFTER, QUESTIONS[:20])
    assert "no model for 'planted'" in _compare(store, budget=40).changes[0].why_no_answers


@pytest.mark.slow
def test_a_file_against_its_own_revision(store: Store, tmp_path: Path) -> None:
    plant(store, "answer", "2", BEFORE, QUESTIONS)
    folder = tmp_path / "repository"
    folder.mkdir()
    file = folder / "answer.txt"

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)

    git("init", "-q")
    file.write_text(BEFORE + "\n")
    git("add", "answer.txt")
    git("commit", "-qm", "first")
    file.write_text(AFTER + "\n")
    comparison = _compare(
        store, file=file, ref="HEAD", budget=100, model=lambda p: str("kind" in p)
    )
    assert [v.label for v in comparison.versions] == ["HEAD", "working copy"]
    assert comparison.versions[0].template == BEFORE
    answers = comparison.changes[0].answers
    assert answers is not None
    assert answers.significant
    with pytest.raises(Exception, match="no revision 'nonsense'"):
        _compare(store, file=file, ref="nonsense")


BRIEF = "Be brief."


BRIEF_USE = PromptUse(
    name="support", version="1", template=BRIEF, message=0, start=0, end=len(BRIEF)
)


def _call(number: int, question: str) -> Call:
    messages = (Message(role="system", content=BRIEF), Message(role="user", content=question))
    return Call(
        trace_id="1" * 32, span_id=f"{number:016x}", name="answer", messages=messages,
        prompts=(BRIEF_USE,), start_ns=number, end_ns=number + 1,
    )  # fmt: skip


def test_questions_beside_a_template_without_variables_are_inputs_of_their_own() -> None:
    traffic = [_call(1, "open?"), _call(2, "closed?"), _call(3, "open?")]
    chosen = choose_inputs(traffic, "support", [BRIEF], 10, np.random.default_rng(0))
    assert sorted(one.call.messages[1].content for one in chosen) == ["closed?", "open?"]


def test_the_title_of_an_example_is_the_end_of_its_question_where_it_differs() -> None:
    asked = "Documents:\n[1] Catalogue of the ring.\n\nQuestion: "
    asked += (
        "I should like to know for the guests of the tower on Sunday how much the bell {} weighs?"
    )
    example = {"before": "a", "after": "b", "distance": 1.0}
    examples = [
        {"variables": {"user": asked.format(bell)}, **example} for bell in ("Margery", "Dunstan")
    ]
    change = VersionChange.model_validate({"before": 0, "after": 1, "examples": examples})
    end = "…like to know for the guests of the tower on Sunday how much the bell {} weighs?"
    titles = [f"user: {end.format(bell)}" for bell in ("Margery", "Dunstan")]
    assert example_titles(change) == titles
    page = _in_page(change)
    assert all(f"1.00 · {title}</summary>" in page for title in titles)


def _in_page(change: VersionChange) -> str:
    versions = [VersionReport(label=v, version=v, template="t") for v in "12"]
    return Comparison(prompt="p", versions=tuple(versions), changes=(change,)).to_html()


def test_examples_show_what_differs_between_the_inputs() -> None:
    def inputs(*given: tuple[str, dict[str, str]]) -> list[Input]:
        calls = [_call(k, question) for k, (question, _) in enumerate(given)]
        result = Message(role="tool", content="a result")
        calls = [c.model_copy(update={"messages": (*c.messages, result)}) for c in calls]
        uses = [BRIEF_USE.model_copy(update={"variables": variables}) for _, variables in given]
        return [Input(call, use) for call, use in zip(calls, uses, strict=True)]

    same = {"company": "Nordvik"}
    asked = inputs(("open?", same), ("closed?", same))
    assert what_varies(asked) == [{"user": "open?"}, {"user": "closed?"}]
    named = inputs(("open?", {"name": "Ann"}), ("open?", {"name": "Bo"}))
    assert what_varies(named) == [{"name": "Ann"}, {"name": "Bo"}]
    assert what_varies(asked[:1]) == [{"user": "open?", **same}]
