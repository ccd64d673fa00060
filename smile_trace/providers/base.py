"""The interface of a provider's file, and what requests and responses are read into."""

import base64
import binascii
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from smile_trace._guards import objects
from smile_trace._guards.jsonable import MAX_ITEMS, Shortened, binary, field, jsonable, plain_str

Part = dict[str, Any]
"""A piece of a message, e.g. `{"type": "text", "content": "…"}`."""
MessageDict = dict[str, Any]
"""`{"role": "user", "parts": [Part, …]}`: a message of the GenAI conventions."""

R = TypeVar("R")


@dataclass(slots=True)
class SentRequest:
    """The content of a request. `attributes` have a `gen_ai` name, `parameters` have none. `form`
    is None for a chat. `unreadable`: its messages cannot be read as messages."""

    messages: list[MessageDict] | None = None
    form: str | None = None
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    unreadable: bool = False


@dataclass(slots=True)
class Answer:
    """An answer as it will be written; `no_content` says why it holds none."""

    messages: list[MessageDict] = dataclasses.field(default_factory=list)
    finish_reasons: list[str] = dataclasses.field(default_factory=list)
    model: str | None = None
    response_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    form: str | None = None
    no_content: str | None = None
    shortened: bool = False


class Stream:
    """A response that arrives in items."""

    def __init__(self) -> None:
        self.begun = False

    def add(self, item: Any) -> None:
        """Add an item; another provider's is ignored."""
        raise NotImplementedError

    @property
    def whole(self) -> dict[str, Any]:
        """The response that the items would have been."""
        raise NotImplementedError


class Pieces:
    """Texts by name, each joined from its pieces; `of` is the type of what holds them."""

    def __init__(self, of: str | None = None) -> None:
        self.of = of
        self._pieces: dict[str, list[str]] = {}

    def add(self, name: str, piece: Any) -> None:
        """Add a piece; anything but text is ignored."""
        if isinstance(piece, str):
            self._pieces.setdefault(name, []).append(piece)

    @property
    def whole(self) -> dict[str, str]:
        """The texts."""
        return {name: "".join(pieces) for name, pieces in self._pieces.items()}


class Provider:
    """The shapes of one provider's API: subclasses override what differs from a plain chat. Each
    method returns None for what is not of its shape; then the next provider is asked. Values are
    recognised by their fields (mappings or a client's objects, see `jsonable.field`), never by
    importing a client. Every method runs in the application's call path."""

    name: ClassVar[str]
    stream_types: ClassVar[tuple[str, ...]] = ()
    """Names of the client's classes that hand out a stream without being an iterator."""
    stream: "ClassVar[type[Stream] | None]" = None

    def read_request(self, request: Mapping[str, Any]) -> SentRequest | None:
        """Read the messages and parameters of a whole request, as the client takes it."""
        return None

    def read_message(self, message: Any) -> MessageDict | None:
        """Read a chat message that is more than a role and its content."""
        return None

    def read_part(self, part: Any) -> Part | None:
        """Read a part of a message's content that is not text."""
        return None

    def read_response(self, response: Any) -> Answer | None:
        """Read the answer in a response object."""
        return None

    def read_stream(self, chunks: Sequence[Any]) -> Answer | None:
        """Read the answer that a stream's items make together, even if the end is missing."""
        if self.stream is None:
            return None
        stream = self.stream()
        for chunk in chunks:
            stream.add(chunk)
        return self.read_response(stream.whole) if stream.begun else None

    def read_chunk(self, chunk: Any) -> str | None:
        """Return the text that one item of a stream adds."""
        return None


PROVIDERS: list[Provider] = []


def register(provider: Provider) -> None:
    """Ask `provider` too, before the known ones."""
    PROVIDERS.insert(0, provider)


def first_read(read: Callable[[Provider], R | None]) -> R | None:
    """Return what the first provider reads that knows the shape; None if none does."""
    return next((found for one in PROVIDERS if (found := read(one)) is not None), None)


_COMMON_ROLES = ("system", "user", "assistant")
_TEXT_TYPES = ("text", "input_text", "output_text", None)


def read_messages(value: Any) -> list[MessageDict] | None:
    """Return `value` as messages; None if it is neither text nor messages. A string is one `user`
    message. A list holds chat messages as the providers' clients take them (mappings or objects
    with `role` and `content`), or texts."""
    if isinstance(value, str):
        return [text_message("user", value)]
    if field(value, "role") is not None:
        value = [value]
    if not isinstance(value, list | tuple) or not value:
        return None
    messages = [_message(item) for item in value]
    return None if None in messages else [m for m in messages if m is not None]


def text_message(role: str, text: str) -> MessageDict:
    """Return a message with a single text."""
    return {"role": role, "parts": [{"type": "text", "content": plain_str(text)}]}


def content_of(message: MessageDict) -> str:
    """Return the texts of a message, one per line: its content for the dialects."""
    return "\n".join(p["content"] for p in message["parts"] if p["type"] == "text")


def _message(value: Any) -> MessageDict | None:
    if isinstance(value, str):
        return text_message("user", value)
    role = field(value, "role")
    content = field(value, "content")
    if not isinstance(role, str):
        return first_read(lambda provider: provider.read_message(value))
    says_more = type(value) is not dict or len(value) > 2
    if role not in _COMMON_ROLES or not isinstance(content, str) or says_more:
        message = first_read(lambda provider: provider.read_message(value))
        if message is not None:
            return message
    return with_extra(
        {"role": plain_str(role), "parts": read_parts(content)}, value, ("role", "content", "type")
    )


def read_parts(content: Any) -> list[Part]:
    """Return the parts of a message's content: a text, a part, or a list of both."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": plain_str(content)}]
    if isinstance(content, list | tuple):
        parts = [_part(item) for item in content[:MAX_ITEMS]]
        if len(content) > MAX_ITEMS:
            left_out = Shortened(f"<{len(content) - MAX_ITEMS} more>")
            parts.append({"type": "text", "content": left_out})
        return parts
    return [_part(content)]


def _part(value: Any) -> Part:
    """Read a content part; an unknown one keeps its JSON."""
    if isinstance(value, str):
        return {"type": "text", "content": plain_str(value)}
    kind, text = field(value, "type"), field(value, "text")
    if isinstance(text, str) and kind in _TEXT_TYPES:
        return with_extra(
            {"type": "text", "content": plain_str(text)}, value, ("type", "text", "role")
        )
    part = first_read(lambda provider: provider.read_part(value))
    if part is not None:
        return part
    name = str(kind or "unknown")
    return {"type": "unknown" if name == "text" else name, "content": jsonable(value)}


def with_extra(read: dict[str, Any], value: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """Add to a message or part read from `value` its further non-null fields as `extra`: they are
    sent again as they are."""
    if isinstance(value, Mapping):
        held = {key: item for key, item in value.items() if key not in known and item is not None}
        extra = jsonable(held) if held else held
    else:
        plain = jsonable(value) if objects.is_model(value) else {}
        held = plain if isinstance(plain, dict) else {}
        extra = {key: item for key, item in held.items() if key not in known and item is not None}
    return {**read, "extra": extra} if extra else read


def blob(modality: str, media_type: str, data: str | bytes) -> Part:
    """Return inline data: base64 text as it is, bytes as a placeholder with size and hash."""
    if isinstance(data, str):
        held = {"mime_type": media_type, "content": plain_str(data)}
        return {"type": "blob", "modality": modality, **held}
    return {**binary(data, media_type or None), "type": "blob", "modality": modality}


def without_data(part: Part) -> Part:
    """Replace inline data by a placeholder with its size and hash."""
    raw = _decoded(part["content"])
    rest = {name: value for name, value in part.items() if name not in ("mime_type", "content")}
    return {**rest, **binary(raw, part["mime_type"] or None), "type": "blob"}


def media(modality: str, address: str) -> Part:
    """Return an image or file by its address; a data URL becomes a blob."""
    head, comma, data = address.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return blob(modality, head[5:-7], data)
    return {"type": "uri", "modality": modality, "uri": plain_str(address)}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "surrogatepass")


def tool_call(id_: Any, name: Any, arguments: Any) -> Part:
    """Return the model's request to call a tool."""
    return {"type": "tool_call", "id": id_, "name": name, "arguments": jsonable(arguments)}


def tool_response(id_: Any, content: Any) -> Part:
    """Return a tool's result."""
    return {"type": "tool_call_response", "id": id_, "response": jsonable(content)}


def refused(why: str) -> Part:
    """Return the model's refusal to answer, in its words."""
    return {"type": "refusal", "content": why}
