"""How providers' clients write requests, messages, responses and streams: a file per provider.

A new one is a subclass of `Provider` in a file here and a line in `registry.py`; `register` adds
one from elsewhere. What no provider knows is read as a plain chat, as JSON, or as its `repr`.
"""

from smile_trace.capture.providers.answers import join_chunks, read_answer, read_chunks
from smile_trace.capture.providers.base import (
    PROVIDERS,
    Answer,
    MessageDict,
    Part,
    Provider,
    SentRequest,
    register,
)
from smile_trace.capture.providers.messages import content_of, read_messages
from smile_trace.capture.providers.registry import KNOWN
from smile_trace.capture.providers.requests import (
    read_client_request,
    read_request,
    request_attributes,
)

__all__ = [
    "Answer",
    "MessageDict",
    "Part",
    "Provider",
    "SentRequest",
    "content_of",
    "join_chunks",
    "read_answer",
    "read_chunks",
    "read_client_request",
    "read_messages",
    "read_request",
    "register",
    "request_attributes",
]

PROVIDERS.extend(KNOWN)
