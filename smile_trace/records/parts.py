"""What a message is made of, where it is more than one text.

The names are those of the GenAI conventions of OpenTelemetry (`text`, `tool_call`,
`tool_call_response`, `reasoning`); their `blob`, `uri` and `file` are one, `media`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from smile_trace.records.base import JSON, Record

_TEXT_BLOCKS = ("text", "input_text", "output_text")
_BLOCKS = (*_TEXT_BLOCKS, "image", "image_url", "input_image", "input_file", "document")
"""The types of blocks that the result of a tool may be made of (OpenAI, Anthropic)."""


class WithExtra(Record):
    """Something that a provider's client sends with more fields than we have a name for."""

    extra: dict[str, JSON] = {}
    """These fields, as they were sent. They are sent again in the same shape of request only."""

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
    """The model's wish that a tool is called. `arguments` are as they were sent: JSON as a text
    (OpenAI), or an object (Anthropic)."""

    type: Literal["tool_call"] = "tool_call"
    id: str | None = None
    name: str
    arguments: JSON = None

    @property
    def arguments_text(self) -> str:
        """The arguments as JSON text; as they are where they are a text already."""
        return self.arguments if isinstance(self.arguments, str) else _dumps(self.arguments or {})


class ToolResult(WithExtra):
    """What a tool gave back for the call of that id.

    `response` is as it was sent: a text (which may be JSON), a list of blocks (`{"type": "text",
    "text": …}`, images beside them), or any other JSON.
    """

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
        return tuple(block["text"] for block in self.response if _is_text(block))

    def with_texts(self, texts: Sequence[str | None]) -> "ToolResult":
        """The result with other texts; without those that are None. It may end up empty."""
        given = iter(texts)
        if not are_blocks(self.response):
            return self.model_copy(update={"response": next(given) or ""})
        left = [
            {**block, "text": text} if _is_text(block) else block
            for block in self.response
            if not _is_text(block) or (text := next(given)) is not None
        ]
        return self.model_copy(update={"response": left or ""})


class Media(WithExtra):
    """An image, audio, video or file; `modality` is one of these, "file" for any other (Anthropic's
    documents, the types of Google's). `uri` is where it is (`data:` for one that was sent inline);
    None where its data was not kept, of which there were `size` bytes. `file_id` names a file that
    the provider holds."""

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
        """What stands for it where texts are shown and cut: "image (png, 12 kB)", not its data."""
        noun = _MEDIA.get(self.modality, self.modality)
        data = str(self.uri or "")
        if not data.startswith("data:") and (where := self.file_id or self.uri):
            return f"{noun} ({where.strip('[]')[:80]})"
        head, _, body = data.partition(",")
        kind = self.media_type or head[5:].partition(";")[0]
        size = self.size if self.uri is None else len(body) * 3 // 4 - body[-2:].count("=")
        about = [kind.rpartition("/")[2][:40], "" if size is None else _written(size)]
        return f"{noun} ({', '.join(filter(None, about)) or 'not kept'})"


class Reasoning(WithExtra):
    """What the model wrote before its answer."""

    type: Literal["reasoning"] = "reasoning"
    content: str = ""


class OtherPart(Record):
    """A part of a kind that is not known, as it was captured."""

    type: Literal["other"] = "other"
    raw: JSON = None

    @property
    def kind(self) -> str:
        """What it calls itself."""
        kind = self.raw.get("type") if isinstance(self.raw, dict) else None
        return kind if isinstance(kind, str) and kind else "unknown"


Part = Annotated[
    TextPart | ToolCall | ToolResult | Media | Reasoning | OtherPart, Field(discriminator="type")
]


_MEDIA = {"image": "image", "audio": "recording", "video": "video"}


def _written(size: int) -> str:
    return f"{size} bytes" if size < 1000 else f"{round(size / 1000):,} kB"


def are_blocks(response: JSON) -> bool:
    """Whether the result of a tool is a list of texts and images, and not JSON of its own."""
    if not isinstance(response, list | tuple) or not response:
        return False
    return all(isinstance(b, dict) and b.get("type") in _BLOCKS and _is_whole(b) for b in response)


def _is_whole(block: Mapping[str, JSON]) -> bool:
    return block["type"] not in _TEXT_BLOCKS or isinstance(block.get("text"), str)


def _is_text(block: Mapping[str, JSON]) -> bool:
    return block["type"] in _TEXT_BLOCKS


def _dumps(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False)
