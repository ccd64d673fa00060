"""Which fields of an answer change, where it is a list: of calls of tools, or of items."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

import smile_trace
from smile_trace.attribution.reporting.moved_fields import changed_fields
from smile_trace.records import Message, Perturbation, Response, ToolCall
from smile_trace.records.formats.answers import tool_calls_text
from tests.support.studies import run

POLICY, LOYALTY = ("get_policy", {"fare": "SMART"}), ("get_loyalty", {"customer": "C1"})


def calls(*made: tuple[str, dict[str, Any]]) -> str:
    return tool_calls_text(ToolCall(id="1", name=name, arguments=given) for name, given in made)


def changed(answer: str, *responses: str) -> list[list[str]]:
    """The fields that each response changes; a last one that keeps and one that loses all are
    beside them, so that every field is one that some change."""
    rows = [*responses, answer, "No."]
    asked = Perturbation(kind="random", mask=(True,), messages=())
    found = changed_fields(answer, [(asked, Response(text=text)) for text in rows])
    return [
        [".".join(map(str, path[1:])) for path, of in found.items() if of[number]]
        for number in range(len(responses))
    ]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ([LOYALTY], ["0.name", "0.arguments.fare"]),
        ([LOYALTY, POLICY], []),
        ([("get_policy", {"fare": "LIGHT"}), LOYALTY], ["0.arguments.fare"]),
        ([("find_policy", {"fare": "SMART"}), LOYALTY], ["0.name"]),
        ([("get_help", {}), POLICY, LOYALTY], []),
    ],
)
def test_a_call_is_compared_with_the_call_of_the_same_tool(
    response: Sequence[tuple[str, dict[str, Any]]], expected: list[str]
) -> None:
    assert changed(calls(POLICY, LOYALTY), calls(*response)) == [expected]


def test_of_several_calls_of_a_tool_the_nearest_is_meant() -> None:
    days = [("get_day", {"day": day, "city": city}) for day, city in ((1, "Oslo"), (2, "Riga"))]
    other = ("get_day", {"day": 2, "city": "Bonn"})
    found = changed(calls(*days), calls(days[1]), calls(other, days[0]), calls(days[0]))
    first, second = ([f"{n}.name", f"{n}.arguments.day", f"{n}.arguments.city"] for n in (0, 1))
    assert list(map(set, found)) == [set(first), {"1.arguments.city"}, set(second)]


@pytest.mark.parametrize(
    ("key", "left", "expected"),
    [
        ("items", [1, 2], ["0.what"]),
        ("items", [2, 1, 0], []),
        ("ranking", [1, 2], ["0.what", "1.what", "2.what"]),
    ],
)
def test_an_item_that_is_left_out_changes_no_other(
    key: str, left: list[int], expected: list[str]
) -> None:
    items = [{"what": what, "unit": "kg"} for what in ("tea", "rice", "salt")]
    answer, response = ({key: of} for of in (items, [items[k] for k in left]))
    [found] = changed(json.dumps(answer), json.dumps(response))
    assert [path for path in found if path.endswith("what")] == expected


def test_a_value_in_other_letters_is_another_one_but_not_a_text_of_sentences() -> None:
    logged = {"boat": "SEA FERN", "skipper": "Dr. May", "note": "It leaks. (Please hurry!)"}
    other = {"boat": "Sea  Fern", "skipper": "DR. MAY", "note": "it leaks. (please hurry!)"}
    assert changed(json.dumps([logged]), json.dumps([other])) == [["boat", "skipper"]]
    assert smile_trace.answer_change(json.dumps(logged), json.dumps(other)) == pytest.approx(2 / 3)
    assert smile_trace.answer_change(logged["note"], other["note"]) == 0.0


def test_a_part_without_which_the_first_call_is_missing_changes_that_call_alone() -> None:
    def model(messages: tuple[Message, ...]) -> str:
        made = [POLICY] if "policy" in messages[0].content else []
        return calls(*made, LOYALTY)

    found = run("Please look at the policy for my next trip", model).explanation
    assert {change.path for change in found.fields} == {
        "$.tool_calls[0].name",
        "$.tool_calls[0].arguments.fare",
    }
    assert "the call to get_policy and the argument `fare` of get_policy change" in found.summary
    assert "get_loyalty" not in found.summary.partition(" Of ")[0]
