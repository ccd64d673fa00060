"""Requests, messages, responses and streams as providers' clients write them: a file per provider.

A new provider is a subclass of `Provider` in a file here and a name at the end of this one;
`register` adds one from elsewhere. Anything else is read as a plain chat, as JSON, or as its
`repr`.
"""

from smile_trace.providers.anthropic import Anthropic
from smile_trace.providers.base import (
    PROVIDERS,
    Answer,
    MessageDict,
    Part,
    Provider,
    SentRequest,
    content_of,
    read_messages,
    register,
)
from smile_trace.providers.exchanges import (
    join_chunks,
    read_answer,
    read_chunks,
    read_client_request,
    read_request,
    request_attributes,
)
from smile_trace.providers.langchain import LangChain
from smile_trace.providers.openai import OpenAI
from smile_trace.providers.openai_responses import OpenAIResponses

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

# Asked in this order, after those that an application registers.
PROVIDERS.extend((LangChain(), OpenAIResponses(), OpenAI(), Anthropic()))
