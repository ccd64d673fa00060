"""What stands behind wrong answers: how often, more often than in other calls, and in words."""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

import pytest
import scipy  # type: ignore[import-untyped]

from smile_trace.comparison.wrong_answers import Key, _more_often, stand_behind
from smile_trace.records import (
    Call,
    Correction,
    Document,
    Explanation,
    Message,
    Segment,
    ToolCall,
    ToolResult,
)
from smile_trace.records.report import WrongAnswers
from tests.support.explained import explanation

SYSTEM = "Be brief. Always say 29 euros."
NEWS, HOURS = "Assembly costs 29 euros. Ask us.", "We open at nine."
USER = f"Documents:\n{NEWS}\n{HOURS}\nWhat does assembly cost?"
FRAME = f"Documents:\n{NEWS}"


def call(number: int, *, user: str = USER, system: str = SYSTEM) -> Call:
    held = {"prices.md": NEWS, "hours.md": HOURS}
    tool = (ToolCall(id="c", name="get_price"),), (ToolResult(id="c", response="price: 29"),)
    return Call(
        trace_id=f"{number:032x}",
        span_id="b" * 16,
        name="desk",
        messages=(
            Message(role="system", content=system),
            Message(role="user", content=user),
            Message(role="assistant", parts=tool[0]),
            Message(role="tool", parts=tool[1]),
        ),
        answer="29 euros",
        start_ns=number,
        end_ns=number + 1,
        documents=tuple(
            Document(source=name, text=text, place=(1, start, start + len(text)))
            for name, text in held.items()
            if (start := user.find(text)) >= 0
        ),
    )


def wrong(*culprits: str, of: Call) -> Explanation:
    """An explanation with one correction of all these parts."""
    parts = []
    for text in culprits:
        message = next(m for m, one in enumerate(of.messages) if text in one.content)
        start = of.messages[message].content.index(text)
        parts.append(
            Segment(
                text=text,
                message=message,
                role=of.messages[message].role,
                start=start,
                end=start + len(text),
                unit="sentence",
                key=text,
            )
        )
    found = [Correction(parts=tuple(parts), right=9, of=10, ci_low=0.6, ci_high=1)] if parts else []
    return explanation().model_copy(update={"met": False, "corrections": tuple(found)})


def behind(culprits: Mapping[int, Iterable[str]], others: int = 20, **fields: Any) -> WrongAnswers:
    """What stands behind wrong calls, by number, beside others without the newer document."""
    calls = {number: call(number) for number in culprits}
    rest = [call(100 + number, user="We open at nine.\nWhen?") for number in range(others)]
    explained = {
        calls[number].id: wrong(*parts, of=calls[number]) for number, parts in culprits.items()
    }
    every = [*calls.values(), *rest]
    ids = {one.id for one in calls.values()}
    found = stand_behind("desk", "2026-12-01T00:00", every, ids, explained, untold=0, **fields)
    return WrongAnswers.model_validate_json(found.model_dump_json())


@pytest.mark.parametrize(
    ("culprit", "kind", "name"),
    [
        ("Assembly costs 29 euros.", "document", "prices.md"),
        (NEWS, "document", "prices.md"),
        (FRAME, "turn", FRAME[:-1]),
        (USER, "turn", USER[:-1]),
        ("Always say 29 euros.", "instruction", "Always say 29 euros"),
        ("price: 29", "tool_result", "get_price"),
    ],
)
def test_a_removal_is_named_by_the_smallest_part_that_holds_it(
    culprit: str, kind: str, name: str
) -> None:
    [part] = [one for one in behind({1: [culprit]}).parts if one.behind.count]
    assert (part.kind, part.name) == (kind, name)


def test_parts_are_counted_once_per_answer_and_both_of_a_pair() -> None:
    found = behind({1: ["Ask us.", "We open at nine."], 2: ["Ask us."], 3: [], 4: []})
    counted = {part.name: (part.behind.count, part.behind.of) for part in found.parts}
    assert counted == {"prices.md": (2, 4), "hours.md": (1, 4)}
    assert found.nothing_found == 2
    prices, hours = found.parts
    assert (prices.in_wrong, prices.in_others, prices.more_often) == (4, 0, True)
    assert (hours.in_wrong, hours.in_others, hours.more_often) == (4, 20, False)
    assert hours.q_value is None  # it is in all calls: nothing could tell
    assert found.summary.splitlines() == [
        "4 of 24 answers of desk since 2026-12-01 are wrong; 4 of them are explained.",
        "“prices.md” is behind 2 of 4 wrong answers [18 to 82 %]; it is in 0 of 20 other calls "
        "and 4 of 4 wrong ones, more often than by chance (q < .001).",
        "“hours.md” is behind 1 of 4 wrong answers [6 to 64 %]; it is in all 20 other calls.",
        "For 2, nothing in the prompt was found to blame.",
    ]


def test_errors_of_chance_are_counted_apart() -> None:
    one, other = call(1), call(2)
    lucky = wrong(of=one).model_copy(update={"control": (4, 5)})
    explained = {one.id: lucky, other.id: wrong(of=other)}
    ids = {one.id, other.id}
    found = stand_behind("desk", "2026-12-01T00:00", [one, other], ids, explained, untold=0)
    assert (found.nothing_found, found.by_chance) == (1, 1)
    assert "1 came by chance: when the request is sent again, the answer is right." in found.summary


def test_what_wrong_answers_hold_more_often_is_said_even_if_it_is_not_to_blame() -> None:
    [part] = behind({1: [], 2: [], 3: [], 4: []}).parts
    assert (part.name, part.behind.count, part.more_often) == ("prices.md", 0, True)
    assert len(part.examples) == 3


def test_the_test_is_fishers() -> None:
    held = {str(n) for n in range(4, 11)}
    wrong_ones = {str(n) for n in range(8)}
    [value] = _more_often({("document", "a"): held}, wrong_ones, 30).values()
    table = [[4, 4], [3, 19]]
    assert value == pytest.approx(scipy.stats.fisher_exact(table, alternative="greater").pvalue)


def test_false_discoveries_are_few_and_rare_parts_cost_nothing() -> None:
    random, alarms, found = Random(1), 0, 0
    for _ in range(60):
        ids = [str(n) for n in range(60)]
        wrong_ones = set(random.sample(ids, 12))
        held: dict[Key, set[str]] = {
            ("document", f"{k}"): {i for i in ids if random.random() < 0.2} for k in range(20)
        }
        rare: dict[Key, set[str]] = {("document", f"rare {i}"): {i} for i in ids}
        alarms += any(q <= 0.05 for q in _more_often({**held, **rare}, wrong_ones, 60).values())
        held["document", "behind"] = {*random.sample(sorted(wrong_ones), 7), "0"}
        found += _more_often({**held, **rare}, wrong_ones, 60)["document", "behind"] <= 0.05
    assert alarms <= 0.1 * 60
    assert found >= 0.9 * 60
