"""Small functions of the package itself: waits, lists, fields of JSON, titles of passages."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from smile_trace._guards.bounded_http import retry_after
from smile_trace._text.json_fields import (
    fields,
    place_of,
    read_path,
    value_at,
    written_path,
)
from smile_trace._text.lists import listed, listed_few
from smile_trace._text.titles import both_ends, by_words, document_name, title


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": " 7 "}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"RateLimit-Reset": "9"}, 9.0),
        ({"retry-after": "3", "ratelimit-reset": "9"}, 3.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_seconds_and_dates(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_to_come() -> None:
    at = datetime.now(UTC) + timedelta(seconds=100)
    seconds = retry_after({"retry-after": format_datetime(at, usegmt=True)})
    assert seconds is not None
    assert 0 < seconds <= 100


@pytest.mark.parametrize(
    ("text", "longest", "ends", "begins"),
    [
        ("Dear office, we are entirely yours", 12, "Dear … yours", "Dear …"),
        ("Instructions that are to be followed", 12, "Instructions … followed", "Instructions …"),
        ("Instructions", 9, "Instructions", "Instructions"),
        ("so kilonewtons", 12, "so kilonewtons", "so …"),
        ("x" * 40, 12, f"{'x' * 6} … {'x' * 6}", f"{'x' * 10} …"),
    ],
)
def test_what_is_shortened_ends_with_whole_words(
    text: str, longest: int, ends: str, begins: str
) -> None:
    assert both_ends(text, longest) == ends
    assert by_words(text, longest) == begins


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], ""),
        (["one"], "one"),
        (["one", "two"], "one and two"),
        (["one", "two", "three"], "one, two and three"),
    ],
)
def test_listed(items: list[str], said: str) -> None:
    assert listed(items) == said


def test_another_conjunction() -> None:
    assert listed(["a", "b", "c"], "or") == "a, b or c"


def test_the_first_few_are_listed_and_the_others_counted() -> None:
    assert listed_few(["a", "b", "c"]) == "a, b and c"
    assert listed_few([*"abcde"]) == "a, b, c and two more"
    assert listed_few([]) == ""


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
        (r'$["\q"]', None),
        ('$["a\nb"]', None),
        (r'$["\u12"]', None),
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


def test_an_object_is_all_that_is_written() -> None:
    place = place_of(ANSWER, ("items", 0))
    assert place is not None
    assert ANSWER[slice(*place)] == '{"name": "lamp", "n": 2}'
    assert value_at(ANSWER, ("nothing",)) is None


def test_too_deep_a_nesting_is_no_field() -> None:
    deep: object = "x"
    for _ in range(60):
        deep = {"a": deep}
    assert fields(json.dumps(deep)) == {}
    assert fields("[" * 100_000) == {}


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    text = '{"a": 1, "b": 2, "a": 3}'
    assert [(path, text[a:b]) for path, (a, b) in fields(text).items()] == [
        (("b",), "2"),
        (("a",), "3"),
    ]


BODY = "Goods can be returned within 30 days, unworn and with their tags."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"## Returns\n{BODY}", "Returns"),
        (f"**Returns:**\n{BODY}", "Returns"),
        (f"[2] Returns\n{BODY}", "[2] Returns"),
        (f"Title: Returns and refunds\n{BODY}", "Returns and refunds"),
        (f"Document 2:\n{BODY}", "Document 2"),
        (f"[2] {BODY}", "[2] Goods can be returned within 30 …"),
        (f"Document 2: {BODY}", "Document 2 Goods can be returned within 30 …"),
        (f'<doc id="2" title="Returns">{BODY}</doc>', "Returns"),
        (f'<doc id="2">{BODY}</doc>', "doc 2"),
        (f"<document index='2'>\n<source>returns.md</source>\n{BODY}</document>", "returns.md"),
        (f"<doc>\nReturns\n{BODY}\n</doc>", "Returns"),
        (f"退货政策\n{BODY}", "退货政策"),
        (f"Username: admin\n{BODY}", "Username: admin"),
        (f"Product name: Lamp\n{BODY}", "Product name: Lamp"),
        (f"2. {BODY}\n3. {BODY}", None),
        (f"[2] {BODY}\n1. {BODY}", "[2] Goods can be returned within 30 …"),
        (f"[2] {'退' * 40}", f"[2] {'退' * 32} …"),
        (BODY, None),
        (f"{BODY}\n{BODY}", None),
        (f"---\n{BODY}", None),
        ("Returns", None),
        ("", None),
    ],
)
def test_a_passage_is_called_by_its_title_or_number(text: str, expected: str | None) -> None:
    assert title(text) == expected


def test_a_hostile_text_takes_no_time() -> None:
    spaces = " " * 400_000
    hostile = (
        "<a " + "x=" * 200_000,
        "#" * 400_000,
        f"{spaces}:",
        f"a{spaces}b\nc",
        "[1]" * 200_000,
        "1. " + "\n" * 400_000 + f"\n{spaces}",
    )
    for text in hostile:
        assert title(text) is None or len(title(text) or "") <= 80


@pytest.mark.parametrize(
    ("source", "id", "expected"),
    [
        ("returns.md", "7", "returns.md"),
        (None, "faq-7", "faq-7"),
        (None, "beefeater-facade", "beefeater-facade"),
        (None, "b53406e0-5f5e-421a-9eb3-8b86909346a3", None),
        (None, "node_b53406e05f5e421a9eb38b86909346a3", None),
        ("", None, None),
    ],
)
def test_name_of_a_document(source: str | None, id: str | None, expected: str | None) -> None:
    assert document_name(source, id) == expected
