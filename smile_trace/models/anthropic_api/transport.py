"""Anthropic's server, asked by Anthropic's own client."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import anthropic

from smile_trace.models.anthropic_api import wire
from smile_trace.models.anthropic_api.parameters import SAMPLING
from smile_trace.models.items import Item
from smile_trace.models.transport import Transport as Common
from smile_trace.records import JSON, Response, Usage


class Transport(Common):
    """Anthropic's server; `base_url` is the address before `/v1/messages`."""

    client: ClassVar[ModuleType] = anthropic

    def _connect(self, **common: Any) -> anthropic.AsyncAnthropic:
        # The client traces itself, into the application's own traces.
        return anthropic.AsyncAnthropic(api_key=self._key, open_telemetry=False, **common)

    def _headers(self, body: Mapping[str, JSON]) -> Mapping[str, Any]:
        # A request with these was made under the older version: the newer one refuses them.
        older = any(name in body for name in SAMPLING)
        return {"anthropic-version": "2023-06-01"} if older else {}

    def _bound(self, body: Mapping[str, JSON]) -> Usage:
        return wire.token_bound(body)

    def _responses(self, reply: object, items: Sequence[Item]) -> list[Response]:
        return wire.responses(reply, items)
