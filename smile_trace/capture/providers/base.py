"""What a provider's file knows, and what it reads requests and responses into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

Part = dict[str, Any]
"""A piece of a message, e.g. `{"type": "text", "content": "…"}`."""
MessageDict = dict[str, Any]
"""`{"role": "user", "parts": [Part, …]}`: a message of the GenAI conventions."""


@dataclass(slots=True)
class SentRequest:
    """What a request says.

    `attributes` have a `gen_ai` name, `parameters` have none. `form` is None for a chat.
    `unreadable` is set where the request names messages that are none.
    """

    messages: list[MessageDict] | None = None
    form: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    unreadable: bool = False


@dataclass(slots=True)
class Answer:
    """An answer as it will be written; `no_content` says why it holds none."""

    messages: list[MessageDict] = field(default_factory=list)
    finish_reasons: list[str] = field(default_factory=list)
    model: str | None = None
    response_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    form: str | None = None
    no_content: str | None = None
    shortened: bool = False


class Provider:
    """The shapes of one provider's API: subclasses override what differs from a plain chat.

    Each method answers None for what is not of its shape; then the next provider is asked.
    Values are recognised by their fields (mappings or a client's objects, see `jsonable.field`),
    never by importing a client. Every method runs in the application's call path.
    """

    name: ClassVar[str]
    stream_types: ClassVar[tuple[str, ...]] = ()
    """Names of the client's classes that hand out a stream without being an iterator."""

    def read_request(self, request: Mapping[str, Any]) -> SentRequest | None:
        """The messages and parameters of a whole request, as the client takes it."""
        return None

    def read_message(self, message: Any) -> MessageDict | None:
        """A chat message that is more than a role and its content."""
        return None

    def read_part(self, part: Any) -> Part | None:
        """A part of a message's content that is not text."""
        return None

    def read_response(self, response: Any) -> Answer | None:
        """The answer in a response object."""
        return None

    def read_stream(self, chunks: Sequence[Any]) -> Answer | None:
        """The answer that the items of a stream make together, also where the end is missing."""
        return None

    def read_chunk(self, chunk: Any) -> str | None:
        """The text that one item of a stream adds."""
        return None


PROVIDERS: list[Provider] = []
"""Asked in this order."""


def register(provider: Provider) -> None:
    """Ask `provider` too, before those that are known."""
    PROVIDERS.insert(0, provider)
