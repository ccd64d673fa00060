"""Whether what an answer says stands in what its call was given."""

import json
import re

from smile_trace._guards.presentable import presentable
from smile_trace._options import listed_texts
from smile_trace.attribution.correction.target import Target
from smile_trace.records import JSON, Call
from smile_trace.records.formats.answers import read_tool_calls


def why_own(call: Call, target: Target | None) -> str | None:
    """What tells that an answer is its model's own; `target`: of a final answer, which is wrong."""
    given, answer = _given(call), call.answer_without_reasoning
    if target is None:
        made_up = (text for text in _arguments(answer) if not _stands(text, given))
        first = next(made_up, None)
        return first and f"“{presentable(first, longest=60)}” is not in its input"
    if target.expected is None and target.contains is None:
        own = [text for text in said_instead(answer, target) if codes(text)]
        found = not own or any(_stands(text, given) for text in own)
        return None if found else "its input does not contain what it should not say"
    own_numbers = codes(answer) - codes(given)
    return GIVEN if own_numbers and holds_right(given, call, target) else None


GIVEN = "its input contains what it should have said"
_NUMBER = r"(?<!\w)(?=\w*\d)[\w.-]{0,200}\w"
"""Looked for at the beginnings of words alone: from each character, a long one would take the cube
of its length."""


def said_instead(answer: str, target: Target) -> list[str]:
    """What a wrong answer says, word for word: what it should avoid, and numbers of what others
    should be of ("12 months", where it should contain "36 months")."""
    wanted = _wanted(target)
    units = re.findall(rf"{_NUMBER}[ -](\w+)", " ".join(wanted))
    avoided = (
        text[1:-1] if len(text) > 2 and text[0] == text[-1] == "/" else f"(?i:{re.escape(text)})"
        for text in listed_texts(target.avoid) or ()
    )
    patterns = [*avoided, *(rf"{_NUMBER}[ -]{re.escape(unit)}\b" for unit in units)]
    said = [found[0] for pattern in patterns if (found := re.search(pattern, answer))]
    return [text for text in dict.fromkeys(said) if not any(text in one for one in wanted)]


def word_for_word(text: str, result: JSON) -> bool:
    """Whether a result holds a text word for word, whatever the case."""
    told = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", told, re.IGNORECASE) is not None


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
    wanted = _wanted(target)
    said = codes(call.answer_without_reasoning)
    return bool(wanted) and all(_stands(text, given, but=said) for text in wanted)


def _wanted(target: Target) -> list[str]:
    """The texts that an answer should hold."""
    return [*(listed_texts(target.contains) or ()), *([target.expected] if target.expected else ())]


def codes(text: str) -> frozenset[str]:
    """The numbers and codes in a text, without separators of thousands."""
    plain = re.sub(r"(?<=\d)[,\s](?=\d{3}\b)", "", text.casefold())
    return frozenset(re.findall(r"(?<!\w)(?=\w*\d)[\w.-]*\w", plain))


def _given(call: Call) -> str:
    tools = json.dumps(call.parameters.get("tools"))
    return "\n".join([*(message.content for message in call.messages), tools])


def _stands(text: str, given: str, but: frozenset[str] = frozenset()) -> bool:
    wanted = codes(text) - but
    return wanted <= codes(given) if wanted else text.casefold() in given.casefold()
