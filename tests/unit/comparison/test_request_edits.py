"""Requests without parts of theirs and with others changed, the parts named as people name them."""

import json

import pytest

from smile_trace.comparison.request_edits import MOST_NAMED, RequestEdits
from smile_trace.errors import SmileTraceError
from smile_trace.records import Document, Media, Message, Prompted, ToolCall, ToolResult

OLD = "Assembly costs 79 euros. Keep your receipt."
NEW = "Assembly costs 29 euros. Keep your receipt."
USER = f"[1] old.md\n{OLD}\n\n[2] new.md\n{NEW}\n\nWhat does assembly cost?"
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("get_order", "search")]


def document(name: str, text: str) -> Document:
    start = USER.index(text)
    return Document(id=name, source=name, text=text, place=(1, start, start + len(text)))


PROMPTED = Prompted(
    messages=(
        Message(role="system", content="You are a shop. Answer in full sentences."),
        Message(role="user", content=USER),
        Message(role="assistant", parts=(ToolCall(id="a", name="get_order", arguments="{}"),)),
        Message(role="tool", parts=(ToolResult(id="a", response='{"city": "Oslo", "days": 3}'),)),
    ),
    answer="29 euros",
    documents=(document("old.md", OLD), document("new.md", NEW)),
    parameters={"tools": TOOLS, "temperature": 0},
)
EDITS = RequestEdits(PROMPTED)


def contents(prompted: Prompted) -> list[str]:
    return [message.content for message in prompted.messages]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("old.md", f"[1] old.md\n{OLD}"),
        ("document:new.md", f"[2] new.md\n{NEW}"),
        ("“What does assembly cost?”", "What does assembly cost?"),
        ("the system message", "You are a shop. Answer in full sentences."),
        ("search", json.dumps(TOOLS[1])),
        ("the result of get_order", '{"city": "Oslo", "days": 3}'),
        ("the tool “get_order”", json.dumps(TOOLS[0])),
        ("1:sentence:6", "What does assembly cost?"),
        ("29 euros", "29 euros"),
    ],
)
def test_a_part_has_the_names_that_people_give_it(name: str, text: str) -> None:
    assert EDITS.part(name).text == text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Keep your receipt", r"names 2 parts.*79 euros\. Keep your.*\(1:sentence:2\).*\(1:sent"),
        ("get_order", r"the result of get_order \(.*\), the tool “get_order” \(4:tool:0\)"),
        ("euros", r"names 2 parts.*“… .*79 euros.*”.*29 euros"),
        ("new.mb", r"no part of the request is called 'new.mb': there are .*new\.md"),
        ("nothing like it", "there are “You are a shop” .*, …; you can also"),
    ],
)
def test_a_name_of_several_parts_or_of_none_lists_what_may_be_meant(name: str, said: str) -> None:
    with pytest.raises(SmileTraceError, match=said) as error:
        EDITS.part(name)
    assert str(error.value).count("(") <= MOST_NAMED


def test_parts_are_removed_and_changed_at_once() -> None:
    without = [EDITS.part("old.md"), EDITS.part("search"), EDITS.part("Answer in full sentences")]
    changed = [(EDITS.part("29 euros"), "a hundred and 29 euros"), (EDITS.part("Oslo"), "Rome")]
    assert EDITS.edited() == PROMPTED
    edited = EDITS.edited(without, changed)
    assert contents(edited) == [
        "You are a shop.",
        f"[2] new.md\n{NEW.replace('29', 'a hundred and 29')}\n\nWhat does assembly cost?",
        "",
        '{"city": "Rome", "days": 3}',
    ]
    assert edited.parameters == {"tools": TOOLS[:1], "temperature": 0}


def test_what_stands_behind_a_longer_text_is_still_removed() -> None:
    longer = (EDITS.part("[1] old.md"), "A much longer heading of it all")
    edited = EDITS.edited([EDITS.part("What does assembly cost?"), EDITS.part("new.md")], [longer])
    assert contents(edited)[1] == f"A much longer heading of it all\n{OLD}"


def test_a_part_inside_a_removed_one_is_removed_with_it() -> None:
    both = [EDITS.part("29 euros"), EDITS.part("new.md")]
    assert EDITS.edited(both) == EDITS.edited(both[1:])


@pytest.mark.parametrize(
    ("without", "changed", "said"),
    [
        (["new.md"], {"29 euros": "9 euros"}, "“new.md” and “29 euros” overlap"),
        ([], {"79 euros. Keep": "x", "Keep your receipt.\n\n[2]": "y"}, "overlap"),
        ([], {"search": "no JSON"}, "has to remain JSON"),
        ([], {"2:step:0": "x"}, "can only be removed"),
    ],
)
def test_what_cannot_be_done_is_said(
    without: list[str], changed: dict[str, str], said: str
) -> None:
    others = [(EDITS.part(name), text) for name, text in changed.items()]
    with pytest.raises(SmileTraceError, match=said):
        EDITS.edited([EDITS.part(name) for name in without], others)


def test_something_is_left_to_send() -> None:
    edits = RequestEdits(Prompted(messages=(Message(role="user", content="Hello."),)))
    with pytest.raises(SmileTraceError, match="nothing would be left of the request"):
        edits.edited([edits.part("user")])


def test_an_image_is_removed_or_stays_as_it_is() -> None:
    image = Media(modality="image", uri="https://example.com/a.png")
    parts = ({"type": "text", "content": "What is this?"}, image)
    edits = RequestEdits(Prompted(messages=(Message(role="user", parts=parts),)))
    [shown] = [part for part in edits.shown if part.unit == "media"]
    assert not edits.can_change(shown)
    assert contents(edits.edited([shown])) == ["What is this?"]
