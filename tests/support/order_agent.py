"""A planted agent: it looks an order up, and answers from what the tool gave back."""

import json
import re
from typing import Any

SYSTEM = "You are the assistant of a shop. Answer in one sentence."
QUESTION = "Hello, I am waiting for order 4711. When does it arrive?"
RESULT = {
    "number": 4711,
    "customer": "A. Sommer",
    "items": [{"name": "kettle", "price": 39.5}, {"name": "blue lamp", "price": 18}],
    "shipping": {"carrier": "Parcel Post", "arrives": "Friday", "left": "Hamburg"},
}
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {"number": {"type": "integer"}},
                "required": ["number"],
            },
        },
    }
    for name, description in (
        ("get_order", "Looks an order up."),
        ("cancel_order", "Cancels an order."),
    )
]


def messages(result: Any = RESULT, call_id: str = "call_1") -> list[dict[str, Any]]:
    """The request of the agent's second step."""
    function = {"name": "get_order", "arguments": '{"number": 4711}'}
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": QUESTION},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call_id, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call_id, "content": json.dumps(result)},
    ]


REQUEST: dict[str, Any] = {
    "model": "planted",
    "messages": messages(),
    "tools": TOOLS,
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "text"},
    "temperature": 0,
    "top_p": 1.0,
    "max_completion_tokens": 60,
}


def first_step(body: dict[str, Any]) -> str | list[dict[str, Any]]:
    """Which tool, by one word of the user; its argument, by the number; neither, no call."""
    said = " ".join(str(m["content"]) for m in body["messages"] if m["role"] == "user")
    number = re.search(r"\d+", said)
    if number is None:
        return "Which order is it?"
    name = "cancel_order" if "cancel" in said else "get_order"
    return [{"name": name, "arguments": {"number": int(number[0])}}]


def answer(body: dict[str, Any]) -> str:
    """All of the answer depends on the day in the tool's result."""
    said = "\n".join(str(m.get("content")) for m in body["messages"] if m["role"] == "tool")
    return "It arrives on Friday." if "Friday" in said else "I could not find your order."
