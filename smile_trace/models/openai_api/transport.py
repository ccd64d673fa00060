"""An OpenAI-compatible server, asked by the openai client."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import openai
from openai._types import Omit

from smile_trace._guards.presentable import presentable
from smile_trace.models.base import ModelUnavailable
from smile_trace.models.items import Item
from smile_trace.models.openai_api import wire
from smile_trace.models.retry import Failure
from smile_trace.models.transport import Transport as Common
from smile_trace.records import JSON, Response, Usage


class Transport(Common):
    """An OpenAI-compatible server; `base_url` is the address up to and including `/v1`."""

    client: ClassVar[ModuleType] = openai

    def _connect(self, **common: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(api_key=self._key or "none", **common)

    def _headers(self, body: Mapping[str, JSON]) -> Mapping[str, Any]:
        return {} if self._key else {"Authorization": Omit()}

    def _bound(self, body: Mapping[str, JSON]) -> Usage:
        return wire.token_bound(body)

    def _responses(self, reply: object, items: Sequence[Item]) -> list[Response]:
        return wire.responses(reply, items)

    def _unavailable(self, failure: Failure, path: str) -> ModelUnavailable:
        if failure.status != 404 or path != wire.PATHS["responses"]:
            return super()._unavailable(failure, path)
        return ModelUnavailable(
            f"{presentable(self.base_url)} has no Responses API, or not the model "
            f'{self._model!r} ({failure.reason}): set form = "chat" for it, which asks by chat '
            "completions, or correct its name",
            permanent=True,
        )
