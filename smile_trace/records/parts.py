"""What a message is made of, where it is more than one text.

The names are those of the GenAI conventions of OpenTelemetry (`text`, `tool_call`,
`tool_call_response`, `reasoning`); their `blob`, `uri` and `file` are one, `media`.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from smile_trace.records.base import JSON, Record


class TextPart(Record):
    """A text."""

    type: Literal["text"] = "text"
    content: str


class ToolCall(Record):
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


class ToolResult(Record):
    """What a tool gave back for the call of that id.

    `response` is as it was sent: a text (which may be JSON), a list of text blocks
    (`{"type": "text", "text": …}`), or any other JSON.
    """

    type: Literal["tool_call_response"] = "tool_call_response"
    id: str | None = None
    response: JSON = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of the result, or those of its blocks."""
        if isinstance(self.response, str):
            return (self.response,)
        blocks = text_blocks(self.response)
        return (_dumps(self.response),) if blocks is None else blocks

    def with_texts(self, texts: Sequence[str | None]) -> "ToolResult":
        """The result with other texts; without those that are None. It may end up empty."""
        left = [text for text in texts if text is not None]
        response: JSON = left[0] if left else ""
        if left and text_blocks(self.response) is not None:
            response = [{"type": "text", "text": text} for text in left]
        return self.model_copy(update={"response": response})


class Media(Record):
    """An image, audio, video or file. `uri` is where it is (`data:` for one that was sent inline);
    None where its data was not kept. `file_id` names a file that the provider holds."""

    type: Literal["media"] = "media"
    modality: str
    uri: str | None = None
    media_type: str | None = None
    file_id: str | None = None
    detail: str | None = None
    """How closely OpenAI's models look at an image."""


class Reasoning(Record):
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


def text_blocks(response: JSON) -> tuple[str, ...] | None:
    """The texts of a list of text blocks; None for anything else."""
    if not isinstance(response, list | tuple) or not response:
        return None
    texts = []
    for block in response:
        if not isinstance(block, dict) or block.keys() != {"type", "text"}:
            return None
        if block["type"] != "text" or not isinstance(block["text"], str):
            return None
        texts.append(block["text"])
    return tuple(texts)


def _dumps(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False)
