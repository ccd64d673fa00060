"""The two requests that tell what the tools offered have to do with the call of one."""

import json
from typing import Any

import pytest

from smile_trace.explaining.sources import OfferedTools
from smile_trace.records import Call, Message, Response


def tool(name: str) -> dict[str, Any]:
    """A definition that describes itself, and a parameter that is called `description`."""
    properties = {
        "description": {"type": "string", "description": "What it looks like."},
        "number": {"type": "integer", "description": "Of the order."},
    }
    schema = {"type": "object", "properties": properties}
    function = {"name": name, "description": f"Does {name}.", "parameters": schema}
    return {"type": "function", "function": function}


def answer(*names: str) -> str:
    calls = [{"name": name, "arguments": {"a": 1, "b": [name]}} for name in names]
    return json.dumps({"tool_calls": calls})


def offered(said: str, *names: str, **parameters: Any) -> OfferedTools:
    call = Call(
        trace_id="1" * 32,
        span_id="2" * 16,
        name="agent",
        messages=(Message(role="user", content="hello"),),
        answer=said,
        parameters={"tools": [tool(name) for name in names], "temperature": 0, **parameters},
        start_ns=1,
        end_ns=2,
    )
    return OfferedTools(call)


def names(parameters: dict[str, Any] | None) -> list[str]:
    return [one["function"]["name"] for one in (parameters or {})["tools"]]


def test_undescribed_and_without() -> None:
    found = offered(answer("get"), "get", "cancel", "send", tool_choice="auto")
    assert found
    bare = found.undescribed()
    assert names(bare) == ["get", "cancel", "send"]
    assert bare["temperature"] == 0
    assert "Does " not in json.dumps(bare)
    assert "What it looks like" not in json.dumps(bare)
    assert list(bare["tools"][0]["function"]["parameters"]["properties"]) == [
        "description",
        "number",
    ], "a parameter of that name stays"
    assert names(found.without()) == ["cancel", "send"]


@pytest.mark.parametrize(
    "found",
    [
        offered("It arrives on Friday.", "get"),
        offered(answer("get")),
        offered(answer("other"), "get"),
    ],
)
def test_what_calls_no_tool_that_is_offered_is_not_asked(found: OfferedTools) -> None:
    assert not found


def test_a_tool_that_is_asked_for_by_name_is_always_offered() -> None:
    choice = {"type": "function", "function": {"name": "get"}}
    assert offered(answer("get"), "get", "cancel", tool_choice=choice).without() is None
    assert offered(answer("get"), "get").without() is None


def test_whether_the_call_is_kept() -> None:
    found = offered(answer("get", "send"), "get", "send")
    assert found.is_kept(Response(text=answer("send", "get")))
    assert not found.is_kept(Response(text=answer("get")))
    assert not found.is_kept(Response(text="I cannot."))


@pytest.mark.parametrize(
    ("called", "tools", "response", "sentence"),
    [
        (("get",), ("get", "a", "b"), "No.", None),
        (("get",), ("get", "a"), answer("a"),
         "If it were not offered, a would be called in its place."),
        (("get",), ("get", "a"), answer("get"),
         "The model calls it even where it is not offered."),
        (("get", "send"), ("get", "send", "a"), answer("a"),
         "If they were not offered, a would be called in their place."),
        (("get", "send"), ("get", "send", "a"), answer("send"),
         "The model calls them even where they are not offered."),
    ],
)  # fmt: skip
def test_the_sentence(
    called: tuple[str, ...], tools: tuple[str, ...], response: str, sentence: str | None
) -> None:
    found = offered(answer(*called), *tools)
    assert found.instead(Response(text=response)) == sentence
