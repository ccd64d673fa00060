"""The two models: Gemma 3 270M continues a text, SmolLM2 135M Instruct answers a chat."""

import asyncio
from collections.abc import Sequence
from typing import Literal

from smile_trace.models import Request
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.models.packaged import chat_model_path
from smile_trace.records import Form, Message, Response

Name = Literal["gemma", "smollm2"]
NAMES: tuple[Name, Name] = ("gemma", "smollm2")
FORMS: dict[Name, Form] = {"gemma": "completion", "smollm2": "chat"}
TOKENS: dict[Name, int] = {"gemma": 4, "smollm2": 6}
"""Of an answer, at most."""


class Asked:
    """One of the models, asked at temperature 0, several texts at once; it starts on first use.

    SmolLM2's probabilities differ in the last digits with what is asked at the same time, and with
    them now and then an answer: as it would in use.
    """

    def __init__(self, name: Name) -> None:
        self.name = name
        path = None if name == "gemma" else chat_model_path()
        settings = LocalSettings(
            kind="local",
            path=path,
            packaged="demo-completion",
            max_tokens=TOKENS[name],
            context_tokens=4096,
        )
        self._model = LocalModel(name, settings)
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Stop the model."""
        self._loop.run_until_complete(self._model.aclose())
        self._loop.close()

    def generate(self, texts: Sequence[str]) -> list[Response]:
        """What it answers to each."""
        requests = [_request(text, FORMS[self.name]) for text in texts]
        return self._loop.run_until_complete(self._model.generate(requests))

    def score(self, texts: Sequence[str], answer: str, form: Form) -> list[Response]:
        """The log-probabilities of the tokens of `answer` after each, asked in the target's form
        (Gemma has no other than `completion`)."""
        requests = [_request(text, form) for text in texts]
        return self._loop.run_until_complete(self._model.score(requests, answer))


def _request(text: str, form: Form) -> Request:
    message = Message(role="user", content=text)
    return Request(messages=(message,), form=form, parameters={"temperature": 0})
