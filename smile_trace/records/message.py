"""One message of a request."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from smile_trace.records.base import JSON
from smile_trace.records.parts import (
    Media,
    OtherPart,
    Part,
    Reasoning,
    TextPart,
    ToolResult,
    WithExtra,
)

TOOL_ROLES = ("tool", "function")


class Slot(NamedTuple):
    """A text of a message: characters `[start, end)` of its content.

    `part` is the index of its part, `number` that of the text in the part; `result` is set where
    a tool gave it back, `media` where it is the title of an image, a recording or a file.
    """

    start: int
    end: int
    part: int
    number: int
    result: bool
    media: bool = False


class Message(WithExtra):
    """One chat message. A completion prompt is a single message with role `user`.

    `content` is its text. Where the message is more than one text it has `parts`, and `content`
    is made of them: the texts of its text parts and of the results of tools, and the
    titles of images and files, one per line. JSON
    holds `content` or `parts`, not both.
    """

    role: str
    content: str = ""
    parts: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _read_parts(self) -> "Message":
        if not self.parts:
            return self
        one = self.parts[0] if len(self.parts) == 1 else None
        if isinstance(one, TextPart) and not one.extra:
            self.__dict__.update(content=one.content, parts=())
        else:
            texts = [text for part in self.parts for text in _texts(part)]
            self.__dict__.update(content="\n".join(texts))
        return self

    @model_serializer(mode="wrap")
    def _either(self, dump: SerializerFunctionWrapHandler) -> dict[str, JSON]:
        whole: dict[str, JSON] = dump(self)
        whole.pop("content" if self.parts else "parts", None)
        if not self.extra:
            whole.pop("extra", None)
        return whole

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Where the texts of its parts are in its content, in order."""
        if not self.parts:
            return (Slot(0, len(self.content), 0, 0, self.role in TOOL_ROLES),)
        found: list[Slot] = []
        start = 0
        for index, part in enumerate(self.parts):
            for number, text in enumerate(_texts(part)):
                end = start + len(text)
                kinds = isinstance(part, ToolResult), isinstance(part, Media)
                found.append(Slot(start, end, index, number, *kinds))
                start = end + 1
        return tuple(found)

    def with_texts(self, texts: Sequence[str | None]) -> "Message | None":
        """The message with other texts, one per slot.

        A text part whose text is None is dropped, and so is an image or file. So is a message of
        which nothing is left, or nothing but reasoning; the result of a tool stays, empty, since
        its call wants an answer.
        """
        if not self.parts:
            [text] = texts
            return None if text is None else self.model_copy(update={"content": text})
        parts: list[Part] = []
        given = iter(texts)
        for part in self.parts:
            if isinstance(part, TextPart):
                text = next(given)
                if text is not None:
                    parts.append(part.model_copy(update={"content": text}))
            elif isinstance(part, ToolResult):
                parts.append(part.with_texts([next(given) for _ in part.texts]))
            elif not isinstance(part, Media) or next(given) is not None:
                parts.append(part)
        if all(isinstance(part, Reasoning) for part in parts):
            return None
        return Message(role=self.role, parts=tuple(parts), extra=self.extra)

    def replaced(self, start: int, end: int, text: str) -> "Message":
        """The message with `text` in place of the characters `[start, end)` of its content.

        Raises:
            ValueError: they are not inside one of its texts.
        """
        content = self.content
        for slot in self.slots:
            if slot.start <= start <= end <= slot.end:
                new = content[slot.start : start] + text + content[end : slot.end]
                texts = [new if s == slot else content[s.start : s.end] for s in self.slots]
                changed = self.with_texts(texts)
                assert changed is not None
                return changed
        raise ValueError(f"no text of the message holds the characters {start} to {end}")

    @property
    def identity(self) -> list[JSON]:
        """What tells it from other messages, as JSON: role, content, and its parts and further
        fields, if any."""
        found: list[JSON] = [self.role, self.content]
        if self.parts:
            found.append([part.model_dump(mode="json") for part in self.parts])
        return [*found, self.extra] if self.extra else found


def identity_of(messages: Iterable[Message]) -> str:
    """The same text for the same messages, another one for others."""
    return json.dumps([message.identity for message in messages], default=repr)


def _texts(part: Part) -> tuple[str, ...]:
    if isinstance(part, TextPart):
        return (part.content,)
    if isinstance(part, Media):
        return (part.title,)
    return part.texts if isinstance(part, ToolResult) else ()


def other_parts(messages: Sequence[Message]) -> list[OtherPart]:
    """The parts of messages whose kind is not known."""
    return [part for m in messages for part in m.parts if isinstance(part, OtherPart)]
