"""Reasoning that a model writes before its answer, told apart from the answer.

Servers with a parser for it send it beside the answer: `reasoning_content` (DeepSeek, llama.cpp,
SGLang, vLLM), `reasoning` (OpenRouter, Groq, later releases of vLLM), `thinking` (Ollama). Without
one it stands at the beginning of the answer, in a pair of tags: DeepSeek-R1, Qwen3 and many others
write `<think>`, Amazon's Nova (and prompts that ask for it) `<thinking>`, Magistral `[THINK]`. If
the chat template wrote the opening tag, only the closing one is there; if the limit of the answer
cut it short, only the opening one.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from smile_trace.records.base import JSON

_PAIRS = {"<think>": "</think>", "<thinking>": "</thinking>", "[THINK]": "[/THINK]"}
_OPENING = re.compile(rf"\s*({'|'.join(map(re.escape, _PAIRS))})")
_ONLY_CLOSED = re.compile(r"(?<!`)(?:</think>|\[/THINK\])")
"""The closing tags of the templates that write the opening one; quoted, it is a text about it."""

_FIELDS = ("reasoning_content", "reasoning", "thinking")


class Reasoned(NamedTuple):
    """An answer and the reasoning before it (None without any). `unfinished`: the reasoning does
    not end, so that there is no answer."""

    answer: str
    reasoning: str | None = None
    unfinished: bool = False


def apart(text: str) -> Reasoned:
    """Split the reasoning at the beginning of a text from its answer. Tags further behind are a
    part of the answer."""
    thoughts = list[str]()
    rest, opening = text, _OPENING.match(text)
    if opening is None:
        closing = None if text.lstrip()[:1] in ("{", "[") else _ONLY_CLOSED.search(text)
        if closing is None or any(tag in text[: closing.start()] for tag in _PAIRS):
            return Reasoned(text)
        thoughts.append(text[: closing.start()])
        rest = text[closing.end() :]
        opening = _OPENING.match(rest)
    while opening is not None:
        thought, end, behind = rest[opening.end() :].partition(_PAIRS[opening[1]])
        thoughts.append(thought)
        if not end:
            return Reasoned("", joined(*thoughts), unfinished=True)
        rest, opening = behind, _OPENING.match(behind)
    return Reasoned(rest.lstrip(), joined(*thoughts))


def untagged(reasoning: str) -> str:
    """Return the reasoning without the tags around it."""
    return apart(reasoning).reasoning or reasoning


def range_of_reasoning(text: str) -> tuple[int, int] | None:
    """Return where the reasoning at the beginning of a text stands, its tags included; None without
    any."""
    found = apart(text)
    if found.reasoning is None:
        return None
    head = text[: len(text) - len(found.answer)]
    return len(text) - len(text.lstrip()), len(head.rstrip())


def reasoning_beside(message: Mapping[str, JSON]) -> str | None:
    """Return the reasoning that a server sends in a field beside the answer, if any. A server that
    changed the name sends the same under both."""
    return next((said for name in _FIELDS if (said := joined(message.get(name)))), None)


def joined(*thoughts: JSON) -> str | None:
    """Return the texts among these, one per line; None if they say nothing."""
    said = [text.strip() for text in thoughts if isinstance(text, str) and text.strip()]
    return "\n".join(said) or None
