"""The providers whose shapes are known: to add one, write its file and name it here."""

from smile_trace.capture.providers.anthropic import Anthropic
from smile_trace.capture.providers.base import Provider
from smile_trace.capture.providers.langchain import LangChain
from smile_trace.capture.providers.openai import OpenAI
from smile_trace.capture.providers.openai_responses import OpenAIResponses

KNOWN: tuple[Provider, ...] = (LangChain(), OpenAIResponses(), OpenAI(), Anthropic())
"""Asked in this order, after those that an application registers."""
