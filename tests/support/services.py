"""Strict planted servers in the place of the services that the documentation names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support import strict_anthropic, strict_openai

AZURE = "/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"
NOWHERE = "http://127.0.0.1:9"
"""In the place of MLflow's: a reader's own, on this machine, is not written to."""


@dataclass(frozen=True)
class Services:
    """Running ones: how an application reaches them, and what they refused."""

    environment: Mapping[str, str]
    """Addresses and keys of the clients that take them from there."""
    addresses: Mapping[str, str]
    """What a page writes to what stands there in its place."""
    refused: list[list[str]]
    """The sentences of each server."""

    def here(self, text: str) -> str:
        """Code or settings of a page, with the addresses of the planted servers."""
        for service, address in self.addresses.items():
            text = text.replace(service, address)
        return text


def answer(body: dict[str, Any]) -> str:
    """An answer that depends on one word."""
    return "At nine." if "nine" in str(body) else "That is not known."


@contextmanager
def services() -> Iterator[Services]:
    """OpenAI's, Azure's and Ollama's, which are one server here, and Anthropic's."""
    with strict_openai.strict(answer) as openai, strict_anthropic.strict(answer) as anthropic:
        openai.paths |= {AZURE, "/openai/v1/chat/completions"}
        yield Services(
            environment={
                "OPENAI_BASE_URL": openai.base_url,
                "OPENAI_API_BASE": openai.base_url,  # LlamaIndex's name for it
                "OPENAI_API_KEY": "a-key",
                "AZURE_OPENAI_API_KEY": "a-key",
                "ANTHROPIC_BASE_URL": anthropic.base_url,
                "ANTHROPIC_API_KEY": "a-key",
            },
            addresses={
                "https://api.openai.com/v1": openai.base_url,
                "https://NAME.openai.azure.com": openai.base_url.removesuffix("/v1"),
                "http://localhost:11434/v1": openai.base_url,
                "http://127.0.0.1:5000": NOWHERE,
                "http://localhost:5000": NOWHERE,
                'kind = "anthropic"': f'kind = "anthropic"\nbase_url = "{anthropic.base_url}"',
            },
            refused=[openai.refused, anthropic.refused],
        )
