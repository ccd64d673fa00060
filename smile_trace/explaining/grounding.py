"""Whether what an answer says stands in what its call was given."""

import json
import re

from smile_trace._guards.presentable import presentable
from smile_trace._options import listed_texts
from smile_trace.attribution.correction.target import Target
from smile_trace.records import Call
from smile_trace.records.formats.answers import read_tool_calls


def why_own(call: Call, target: Target | None) -> str | None:
    """What tells that an answer is its model's own; `target`: of a final answer, which is wrong."""
    given, answer = _given(call), call.answer_without_reasoning
    if target is None:
        made_up = (text for text in _arguments(answer) if not _stands(text, given))
        own = next(made_up, None)
        return own and f"“{presentable(own, longest=60)}” stands nowhere in what it was given"
    if target.expected is None and target.contains is None:
        found = any(_stands(text, given) for text in listed_texts(target.avoid) or ())
        return None if found else "what it should not say stands nowhere in what it was given"
    own_numbers = codes(answer) - codes(given)
    return GIVEN if own_numbers and holds_right(given, call, target) else None


GIVEN = "what it should say stands in what it was given"


def _arguments(answer: str) -> list[str]:
    """The arguments of the tools called that have to come from somewhere: words, numbers, codes."""
    given = [one.arguments for one in read_tool_calls(answer) or ()]
    values = [value for one in given if isinstance(one, dict) for value in one.values()]
    written = (value for value in values if not isinstance(value, bool))
    texts = [str(value) for value in written if isinstance(value, str | int | float)]
    return [text for text in texts if len(text) > 1 and (text.isalnum() or codes(text))]


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
