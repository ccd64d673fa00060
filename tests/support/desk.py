"""A model that tells the price in its request, and a logged call of it."""

from collections.abc import Mapping, Sequence

from smile_trace.models import Capabilities, Request
from smile_trace.records import JSON, Response
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.spooled import call_span, write_spool

PROMPT = "In 2024 assembly cost 79 euros. In 2025 it costs 29 euros. What does assembly cost?"
ANSWER = "Assembly of your wardrobe costs 29 euros. You pay at the door."


class Desk:
    """Tells the price in the request, in words that vary, and keeps what it is asked."""

    name = identity = "planted"
    capabilities = Capabilities()

    says: str | None = None
    """What it answers to everything."""

    def __init__(self, *, varies: bool = True) -> None:
        self.asked: list[Request] = []
        self._varies = varies

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        return not self._varies

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        self.asked += requests
        return [Response(text=self._answer(request), finish_reason="stop") for request in requests]

    async def aclose(self) -> None: ...

    def _answer(self, request: Request) -> str:
        if self.says is not None:
            return self.says
        told = "29" if "29 euros" in request.messages[0].content else "79"
        how = ("at the door", "when we come")[self._varies and request.replicate % 2]
        return f"Assembly of your wardrobe costs {told} euros. You pay {how}."


def with_call(prompt: str, answer: str) -> Settings:
    """The settings of a home whose store holds one call, trace 1."""
    settings = Settings()
    write_spool(settings.spool, [call_span(1, prompt=prompt, answer=answer)])
    with Store.open(settings) as store:
        Ingest(store, settings).run()
    return settings
