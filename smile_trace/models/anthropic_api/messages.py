"""Messages in the shape of Anthropic's Messages API, so that it takes them after any removal.

Sources: Anthropic's API reference, "Create a Message", and "Handle tool calls"; the sentences of
its refusals. What it refuses is never sent: a text without a letter, a result of a tool that does
not come first in the message behind its call, an error without a text, a conversation that begins
or ends with the assistant.
"""

import contextlib
import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.models.anthropic_api.parameters import without_cache
from smile_trace.models.base import NotRepeatable
from smile_trace.records import (
    JSON,
    Media,
    Message,
    OtherPart,
    Part,
    Reasoning,
    TextPart,
    ToolCall,
    ToolResult,
)
from smile_trace.records.message import are_blocks

PLACEHOLDER = "…"
"""What a user's message says that has to be there where all its text is removed."""

_INSTRUCTIONS = ("system", "developer")
_INLINE = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)

Turn = dict[str, JSON]
"""A message as it is sent: `{"role": …, "content": …}`."""


def conversation(
    messages: Sequence[Message], *, prefilled: bool = False
) -> tuple[JSON, list[Turn]]:
    """The system prompt (a text, a list of text blocks, or None) and the messages.

    Args:
        messages: what is left of a request.
        prefilled: the request ended with the assistant's words, which the answer continues.

    Raises:
        NotRepeatable: a part has no form in this API.
    """
    leading = list(takewhile(lambda message: message.role in _INSTRUCTIONS, messages))
    turns = [turn for m in messages[len(leading) :] if (turn := _turn(m))["content"]]
    turns, misplaced = _place_instructions(_merged(turns))
    if not turns or turns[0]["role"] != "user":
        turns.insert(0, _said_nothing())
    if turns[-1]["role"] == "assistant":
        if prefilled and isinstance(turns[-1]["content"], str):
            turns[-1]["content"] = turns[-1]["content"].rstrip()  # refused with white space
        elif not prefilled:
            turns.append(_said_nothing())
    return _system(leading, misplaced), turns


def _said_nothing() -> Turn:
    return {"role": "user", "content": PLACEHOLDER}


def _turn(message: Message) -> Turn:
    role = message.role if message.role in ("assistant", *_INSTRUCTIONS) else "user"
    if role in _INSTRUCTIONS:
        role = "system"
    if not message.parts:
        return {"role": role, "content": message.content if message.content.strip() else ""}
    blocks = [block for part in message.parts if (block := _block(part)) is not None]
    if all(block["type"] in ("thinking", "redacted_thinking") for block in blocks):
        blocks = []  # a message may not hold nothing else
    return {"role": role, "content": blocks}


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    """The turns with those of one role in one where a call would be parted from its results: these
    have to be in the one message behind it, before all else."""
    merged: list[Turn] = []
    for turn in turns:
        last = merged[-1] if merged else None
        parted = last is not None and (_has(last, "tool_use") or _has(turn, "tool_result"))
        if last is None or last["role"] != turn["role"] or not parted:
            merged.append(turn)
            continue
        blocks = [*_blocks(last), *_blocks(turn)]
        results = [block for block in blocks if block["type"] == "tool_result"]
        last["content"] = results + [block for block in blocks if block not in results]
    return merged


def _place_instructions(turns: list[Turn]) -> tuple[list[Turn], list[Turn]]:
    """The turns without instructions that have lost the user's turn that they stood behind, and
    those: in the middle of a conversation they may stand only there."""
    kept: list[Turn] = []
    misplaced: list[Turn] = []
    for number, turn in enumerate(turns):
        after = turns[number + 1]["role"] if number + 1 < len(turns) else "assistant"
        behind_user = bool(kept) and kept[-1]["role"] == "user"
        if turn["role"] == "system" and not (behind_user and after == "assistant"):
            misplaced.append(turn)
        else:
            kept.append(turn)
    return kept, misplaced


def _system(leading: Sequence[Message], misplaced: Sequence[Turn]) -> JSON:
    turns = [*map(_turn, leading), *misplaced]
    if len(turns) == 1:
        return turns[0]["content"] or None
    return [block for turn in turns for block in _blocks(turn)] or None


def _has(turn: Turn, kind: str) -> bool:
    return any(block["type"] == kind for block in _blocks(turn))


def _blocks(turn: Turn) -> list[Turn]:
    content = turn["content"]
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content)


def _block(part: Part) -> Turn | None:
    """A content block; None for a text without a letter.

    Raises:
        NotRepeatable: there is none for this part.
    """
    if isinstance(part, TextPart):
        return _text(part)
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
    if isinstance(part, ToolResult):
        return _result(part)
    if isinstance(part, Reasoning) and "data" in part.extra:
        return {"type": "redacted_thinking", "data": part.extra["data"]}
    if isinstance(part, Reasoning) and "signature" in part.extra:
        signature = part.extra["signature"]
        return {"type": "thinking", "thinking": part.content, "signature": signature}
    if isinstance(part, Media) and part.modality == "image" and part.uri is not None:
        return {"type": "image", "source": _source(part.uri)}
    if isinstance(part, Media) and part.modality == "file":
        raise NotRepeatable("its file is not sent to Anthropic again: its price has no bound")
    if isinstance(part, OtherPart) and part.kind == "refusal":
        return _text(TextPart(content=str(part.raw.get("content") or "")))
    raise NotRepeatable(f"Anthropic's Messages API takes no {part.type} of this kind")


def _text(part: TextPart) -> Turn | None:
    if not part.content.strip():
        return None
    extra = without_cache(part.extra)
    if extra.get("type") == "search_result":
        return {**extra, "content": [{"type": "text", "text": part.content}]}
    if extra.get("type") == "document":
        return {**extra, "source": {**extra["source"], "data": part.content}}
    return {"type": "text", "text": part.content}


def _input(part: ToolCall) -> JSON:
    """The arguments as an object, which this API takes alone."""
    arguments = part.arguments
    if isinstance(arguments, str):
        with contextlib.suppress(ForeignDataError):
            arguments = foreign.decode(arguments or "{}", lenient=True)
    if isinstance(arguments, dict):
        return arguments
    return {} if arguments is None else {"arguments": arguments}


def _result(part: ToolResult) -> Turn:
    """What a tool gave back; nothing where its text was removed, and then no error either."""
    content: JSON = part.texts[0] if part.texts and part.texts[0].strip() else None
    if are_blocks(part.response):
        content = [without_cache(b) for b in part.response if b.get("text", "x").strip()]
    block: Turn = {"type": "tool_result", "tool_use_id": part.id}
    if content:
        block["content"] = content
        block |= {"is_error": True} if part.extra.get("is_error") else {}
    return block


def _source(uri: str) -> JSON:
    inline = _INLINE.fullmatch(uri)
    if inline is None:
        return {"type": "url", "url": uri}
    return {"type": "base64", "media_type": inline[1], "data": inline[2]}
