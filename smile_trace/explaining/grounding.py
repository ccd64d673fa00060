"""Whether what an answer says stands in what its call was given."""

import json
import re

from smile_trace._options import listed_texts
from smile_trace.attribution.correction.target import Target
from smile_trace.records import Call
from smile_trace.records.formats.answers import read_tool_calls


def made_up(call: Call) -> str | None:
    """An argument of the tools called, a word or one with a number or code, that stands nowhere in
    what the call was given; None if each does."""
    given = _given(call)
    arguments = [one.arguments for one in read_tool_calls(call.answer_without_reasoning) or ()]
    values = [value for one in arguments if isinstance(one, dict) for value in one.values()]
    texts = [str(value) for value in values if isinstance(value, str | int | float)]
    told = [text for text in texts if len(text) > 1 and (text.isalnum() or codes(text))]
    return next((text for text in told if not _stands(text, given)), None)


def is_own(call: Call, target: Target) -> bool:
    """Whether a wrong final answer is its model's own: what it should say stands in what it was
    given, and a number that it says does not; or nothing of what it should not say does."""
    given, said = _given(call), codes(call.answer_without_reasoning)
    if target.expected is None and target.contains is None:
        return not any(_stands(text, given) for text in listed_texts(target.avoid) or ())
    return holds_right(given, call, target) and bool(said - codes(given))


def holds_right(given: str, call: Call, target: Target) -> bool:
    """Whether the numbers and codes that a final answer should say, and does not, stand in a
    text."""
    wanted = [*(listed_texts(target.contains) or ()), *([target.expected] * bool(target.expected))]
    said = codes(call.answer_without_reasoning)
    return bool(wanted) and all(_stands(str(text), given, but=said) for text in wanted)


def codes(text: str) -> frozenset[str]:
    """The numbers and codes in a text, without separators of thousands."""
    plain = re.sub(r"(?<=\d)[,\s](?=\d{3}\b)", "", text.casefold())
    return frozenset(re.findall(r"\w*\d[\w.-]*(?<=\w)", plain))


def _given(call: Call) -> str:
    tools = json.dumps(call.parameters.get("tools"))
    return "\n".join([*(message.content for message in call.messages), tools])


def _stands(text: str, given: str, but: frozenset[str] = frozenset()) -> bool:
    wanted = codes(text) - but
    return wanted <= codes(given) if wanted else text.casefold() in given.casefold()
