"""Messages of a request, and the parts of a message that is more than one text.

Parts are named as in OpenTelemetry's GenAI conventions (`text`, `tool_call`, `tool_call_response`,
`reasoning`); their `blob`, `uri` and `file` are one kind here, `media`.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from smile_trace.records.base import JSON, Record
from smile_trace.records.blocks import (
    are_blocks,
    block_text,
    is_document,
    title_of,
    with_block_text,
)


class WithExtra(Record):
    """An object that a provider's client sends with more fields than this record names."""

    extra: dict[str, JSON] = {}
    """The further fields, as sent. They are sent again only in the same shape of request."""

    @model_serializer(mode="wrap")
    def _without_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, JSON]:
        whole: dict[str, JSON] = dump(self)
        if not self.extra:
            whole.pop("extra", None)
        return whole


class TextPart(WithExtra):
    """A text."""

    type: Literal["text"] = "text"
    content: str


class ToolCall(WithExtra):
    """A tool call that the model asks for. `arguments` are as sent: JSON text (OpenAI) or an object
    (Anthropic)."""

    type: Literal["tool_call"] = "tool_call"
    id: str | None = None
    name: str
    arguments: JSON = None

    @property
    def arguments_text(self) -> str:
        """The arguments as JSON text."""
        return self.arguments if isinstance(self.arguments, str) else _dumps(self.arguments or {})


class ToolResult(WithExtra):
    """The result of the tool call with that id. `response` is as sent: a text (which may be JSON),
    a list of blocks (`{"type": "text", "text": …}`, images beside them), or any other JSON."""

    type: Literal["tool_call_response"] = "tool_call_response"
    id: str | None = None
    response: JSON = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of the result, or those of its blocks."""
        if isinstance(self.response, str):
            return (self.response,)
        if not are_blocks(self.response):
            return (_dumps(self.response),)
        return tuple(text for b in self.response if (text := block_text(b)) is not None)

    def with_texts(self, texts: Sequence[str | None]) -> "ToolResult":
        """Return the result with other texts, without those that are None. It may end up empty."""
        given = iter(texts)
        if not are_blocks(self.response):
            return self.model_copy(update={"response": next(given) or ""})
        left = [
            block if own is None else with_block_text(block, text or "")
            for block in self.response
            if (own := block_text(block)) is None or (text := next(given)) is not None
        ]
        return self.model_copy(update={"response": left or ""})


class Media(WithExtra):
    """An image, audio, video or file; `modality` is "file" for any other name (Anthropic's
    documents, Google's types). `uri` is its address (`data:` if it was sent inline); None if its
    `size` bytes of data were not kept. `file_id` names a file that the provider holds."""

    type: Literal["media"] = "media"
    modality: str
    uri: str | None = None
    media_type: str | None = None
    size: int | None = None
    file_id: str | None = None
    detail: str | None = None
    """How closely OpenAI's models look at an image."""

    @field_validator("modality")
    @classmethod
    def _one_name(cls, modality: str) -> str:
        return modality if modality in _MEDIA else "file"

    @property
    def title(self) -> str:
        """The text that stands for it, instead of its data: "image (png, 12 kB)"."""
        noun = _MEDIA.get(self.modality, self.modality)
        data = str(self.uri or "")
        if not data.startswith("data:") and (where := self.file_id or self.uri):
            return f"{noun} ({where.strip('[]')[:80]})"
        head, _, body = data.partition(",")
        kind = self.media_type or head[5:].partition(";")[0]
        size = self.size if self.uri is None else len(body) * 3 // 4 - body[-2:].count("=")
        about = [kind.rpartition("/")[2][:40], "" if size is None else _written(size)]
        return f"{noun} ({', '.join(filter(None, about)) or 'not kept'})"


FIELD = "field"
"""The key in the `extra` of reasoning that was sent as a text in a field of its message; its value
is the field's name."""
AS_ITEM = ("encrypted_content", "content", "id")
"""The keys of which reasoning of OpenAI's Responses API has one."""
_OF_ITEMS = ("id", "status", "annotations", "logprobs")
"""Fields by which that API links what the model said to the reasoning before it."""


class Reasoning(WithExtra):
    """The model's thoughts before its answer. A server takes them back in its own form only, by
    which `extra` then has a key: FIELD, one of AS_ITEM, Anthropic's `signature` or `data`."""

    type: Literal["reasoning"] = "reasoning"
    content: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it was sent as plain text, of which any part can be left out."""
        return FIELD in self.extra


class OtherPart(Record):
    """A part of an unknown kind, as it was captured."""

    type: Literal["other"] = "other"
    raw: JSON = None

    @property
    def kind(self) -> str:
        """The part's own name of its type."""
        kind = self.raw.get("type") if isinstance(self.raw, dict) else None
        return kind if isinstance(kind, str) and kind else "unknown"


Part = Annotated[
    TextPart | ToolCall | ToolResult | Media | Reasoning | OtherPart, Field(discriminator="type")
]


_MEDIA = {"image": "image", "audio": "recording", "video": "video"}


def _written(size: int) -> str:
    return f"{size} bytes" if size < 1000 else f"{round(size / 1000):,} kB"


def _dumps(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False)


TOOL_ROLES = ("tool", "function")


class Slot(NamedTuple):
    """A text of a message: characters `[start, end)` of its content. `number` is its index among
    the texts of its part. `result`: a tool returned it; `media`: it is the title of an image,
    recording or file; `document`: it is a document; `title`: of a document or file."""

    start: int
    end: int
    part: int
    number: int
    result: bool
    media: bool = False
    document: bool = False
    title: str | None = None


class Message(WithExtra):
    """A chat message. A completion prompt is a single message with role `user`. If the message is
    more than one text it has `parts`, and `content` is made of them: texts, results of tools,
    reasoning that was sent as text, and titles of images and files, one per line. JSON holds
    `content` or `parts`, not both."""

    role: str
    content: str = ""
    parts: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _read_parts(self) -> "Message":
        if self.parts:
            self.__dict__.update(_content_of(self.parts))
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with the fields of `update`, whose content is that of its parts."""
        changed = super().model_copy(update=update, deep=deep)
        if update and changed.parts and "parts" in update:
            changed.__dict__.update(_content_of(changed.parts))
        return changed

    @classmethod
    def of(cls, role: str, parts: tuple[Part, ...], extra: dict[str, JSON]) -> "Message":
        """Return the message of these parts, of which there is at least one."""
        return cls.trusted(extra=extra, role=role, **_content_of(parts))

    @model_serializer(mode="wrap")
    def _either(self, dump: SerializerFunctionWrapHandler) -> dict[str, JSON]:
        whole: dict[str, JSON] = dump(self)
        whole.pop("content" if self.parts else "parts", None)
        if not self.extra:
            whole.pop("extra", None)
        return whole

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The places of its parts' texts in its content, in order."""
        if not self.parts:
            return (Slot(0, len(self.content), 0, 0, self.role in TOOL_ROLES),)
        found: list[Slot] = []
        start = 0
        for index, part in enumerate(self.parts):
            for number, (text, about) in enumerate(zip(_texts(part), _about(part), strict=True)):
                end = start + len(text)
                kinds = isinstance(part, ToolResult), isinstance(part, Media), is_document(about)
                found.append(Slot(start, end, index, number, *kinds, title_of(about)))
                start = end + 1
        return tuple(found)

    def without_reasoning(self, taken: Collection[str] = ()) -> "Message":
        """Return the message without its reasoning, but for that of which `extra` has a key that is
        among `taken`. What is left stands for itself; of reasoning alone an empty one stays."""

        def is_left(part: Part) -> bool:
            return not isinstance(part, Reasoning) or not part.extra.keys().isdisjoint(taken)

        if all(map(is_left, self.parts)):
            return self
        parts = tuple(_unlinked(part) for part in self.parts if is_left(part)) or _ALONE
        return Message.of(self.role, parts, _without_links(self.extra))

    def with_texts(self, texts: Sequence[str | None]) -> "Message | None":
        """Return the message with other texts, one per slot.

        A text part, image or file whose text is None is dropped; a tool's result stays, empty,
        since its call wants an answer, and so does reasoning, whose field some servers demand.
        Returns None if nothing or only reasoning is left that is no text.
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
            elif isinstance(part, Reasoning) and part.is_text:
                parts.append(part.model_copy(update={"content": next(given) or ""}))
            elif not isinstance(part, Media) or next(given) is not None:
                parts.append(part)
        if all(isinstance(p, Reasoning) and not (p.is_text and p.content) for p in parts):
            return None
        return Message(role=self.role, parts=tuple(parts), extra=self.extra)

    def replaced(self, start: int, end: int, text: str) -> "Message":
        """Return the message with `text` in place of the characters `[start, end)` of its content.
        Raises ValueError if the characters are not inside one of its texts."""
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
        """The JSON that tells it from other messages: role, content, parts, further fields."""
        found: list[JSON] = [self.role, self.content]
        if self.parts:
            found.append([part.model_dump(mode="json") for part in self.parts])
        return [*found, self.extra] if self.extra else found


_ALONE = (Reasoning(),)


def with_reasoning(messages: Iterable[Message], taken: Collection[str]) -> list[Message]:
    """Return the messages with what is `taken` of their reasoning (`Message.without_reasoning`),
    and without those that were nothing else."""
    left = (message.without_reasoning(taken) for message in messages)
    return [message for message in left if message.parts != _ALONE]


def identity_of(messages: Iterable[Message]) -> str:
    """Return a text that is the same for equal messages only."""
    return json.dumps([message.identity for message in messages], default=repr)


def _without_links(extra: Mapping[str, JSON]) -> dict[str, JSON]:
    return {name: value for name, value in extra.items() if name not in _OF_ITEMS}


def _unlinked(part: Part) -> Part:
    if isinstance(part, TextPart | ToolCall):
        return part.model_copy(update={"extra": _without_links(part.extra)})
    return part


def _content_of(parts: tuple[Part, ...]) -> dict[str, Any]:
    """The content of a message of these parts, and the parts of it that are not told by that."""
    one = parts[0] if len(parts) == 1 else None
    if isinstance(one, TextPart) and not one.extra:
        return {"content": one.content, "parts": ()}
    return {"content": "\n".join(text for part in parts for text in _texts(part)), "parts": parts}


def _texts(part: Part) -> tuple[str, ...]:
    if isinstance(part, TextPart) or (isinstance(part, Reasoning) and part.is_text):
        return (part.content,)
    if isinstance(part, Media):
        return (part.title,)
    return part.texts if isinstance(part, ToolResult) else ()


def _about(part: Part) -> list[Mapping[str, JSON]]:
    """The further fields of each text of a part."""
    if isinstance(part, ToolResult) and are_blocks(part.response):
        return [block for block in part.response if block_text(block) is not None]
    return [part.extra if isinstance(part, TextPart | Media) else {} for _ in _texts(part)]


def tool_names(messages: Iterable[Message]) -> dict[str, str]:
    """Return the names of the called tools by the ids of the calls."""
    calls = (part for m in messages for part in m.parts if isinstance(part, ToolCall))
    return {call.id: call.name for call in calls if call.id is not None}


def tools_answered(message: Message, messages: Iterable[Message]) -> list[str]:
    """Return the names of the tools whose results a message holds, each once."""
    names = tool_names(messages)
    ids = [part.id for part in message.parts if isinstance(part, ToolResult)]
    return list(dict.fromkeys(names[answered] for answered in ids if answered in names))


def other_parts(messages: Sequence[Message]) -> list[OtherPart]:
    """Return the parts of unknown kind."""
    return [part for m in messages for part in m.parts if isinstance(part, OtherPart)]


def messages_text(messages: Iterable[Message]) -> str:
    """Return messages as one text, each after its role."""
    return "\n\n".join(f"{message.role}: {message.content}" for message in messages)
