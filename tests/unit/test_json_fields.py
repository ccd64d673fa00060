"""Fields of JSON answers by their paths."""

import json

import pytest

from smile_trace.json_fields import (
    fields,
    place_of,
    read_path,
    value_at,
    written_path,
)

ANSWER = """{ "city": "Berlin", "zip" : 10115, "tags": ["a", "b"],
  "items": [{"name": "lamp", "n": 2}, {"name": "a \\"cup\\"", "n": 1}],
  "first name": null, "open": {} , "none": ""}"""


def test_the_fields_of_an_object_in_their_order() -> None:
    found = {written_path(path): ANSWER[a:b] for path, (a, b) in fields(ANSWER).items()}
    assert found == {
        "$.city": "Berlin",
        "$.zip": "10115",
        "$.tags": '["a", "b"]',
        "$.items[0].name": "lamp",
        "$.items[0].n": "2",
        "$.items[1].name": 'a \\"cup\\"',
        "$.items[1].n": "1",
        '$["first name"]': "null",
        "$.open": "{}",
        "$.none": '""',
    }


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$.city", ("city",)),
        ("$.items[1].name", ("items", 1, "name")),
        ('$["first name"]', ("first name",)),
        ("$['first name'].x", ("first name", "x")),
        ("$", None),
        ("$5", None),
        ("$5.20", None),
        ("city", None),
        ("$.city, please", None),
    ],
)
def test_paths_are_read(text: str, path: tuple[str | int, ...] | None) -> None:
    assert read_path(text) == path
    if path is not None:
        assert read_path(written_path(path)) == path


def test_an_answer_in_a_fence_and_one_that_is_no_json() -> None:
    fenced = f"Here it is:\n```json\n{ANSWER}\n```"
    assert value_at(fenced, ("city",)) == "Berlin"
    for text in ("", "Berlin", "{", '{"a": 1', "[1, 2", '{"a" 1}', "{}", "[]"):
        assert all(path == () for path in fields(text))


def test_an_object_is_all_its_fields() -> None:
    place = place_of(ANSWER, ("items", 0))
    assert place is not None
    assert ANSWER[slice(*place)] == 'lamp", "n": 2'
    assert value_at(ANSWER, ("nothing",)) is None


def test_too_deep_a_nesting_is_no_field() -> None:
    deep: object = "x"
    for _ in range(60):
        deep = {"a": deep}
    assert fields(json.dumps(deep)) == {}
    assert fields("[" * 100_000) == {}


@pytest.mark.parametrize("text", [r'$["\q"]', '$["a\nb"]', r'$["\u12"]'])
def test_a_path_with_a_broken_escape_is_no_path(text: str) -> None:
    assert read_path(text) is None


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    text = '{"a": 1, "b": 2, "a": 3}'
    assert [(path, text[a:b]) for path, (a, b) in fields(text).items()] == [
        (("b",), "2"),
        (("a",), "3"),
    ]
