"""Models whose answer changes at a planted rate for each probe, and profiles of them."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import smile_trace
from smile_trace.models import Capabilities, Request
from smile_trace.probes import PROBES, Probe
from smile_trace.records import JSON, Message, Prompted, Response
from smile_trace.records.profile import Profile

PROMPT = """Answer the customer's question from the documents.

Rules:
- Answer in one sentence.
- Do not guess.

[1] Returns are accepted within 30 days of delivery.

[2] Shipping is free above 50 euros.

[3] Gift cards cannot be returned.

[4] Batteries go to a collection point in London.

Question: My name is Mary, I am 34 years old, and my husband bought a lamp for me in Paris. How long
may he return it?"""
"""It has something to vary for every probe, and at least ten variants of each."""

SAME, OTHER = "He may return the lamp within 30 days.", "Lamps cannot be given back at all."

NAMES = tuple(probe.words.name for probe in PROBES)


@dataclass(frozen=True)
class Planted:
    """Answer-change rates: `rates` by probe, `noise` for every other request, repeats too."""

    rates: Mapping[str, float]
    noise: float = 0.0


class PlantedModel:
    """Draws whether an answer is another one, at the rate of the probe that the request is of."""

    name = "planted"
    identity = None
    capabilities = Capabilities()

    def __init__(self, planted: Planted, seed: int) -> None:
        self._draw = random.Random(seed)
        self._rates = {"stability": planted.rates.get("stability", planted.noise)}
        call = Prompted(messages=(Message(role="user", content=PROMPT),), answer=SAME)
        self._of: dict[str, float] = {}
        self._markers: dict[str, str] = {}
        for probe in PROBES[1:]:
            rate = planted.rates.get(probe.words.name, planted.noise)
            for variant in probe.variants(call, seed):
                self._of.setdefault(_key(variant.messages), rate)
                if variant.marker is not None:
                    self._markers[_key(variant.messages)] = variant.marker

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        """No."""
        return False

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """An answer each."""
        return [Response(text=self._answer(_key(request.messages))) for request in requests]

    async def aclose(self) -> None:
        """Nothing to close."""

    def _answer(self, key: str) -> str:
        moved = self._draw.random() < self._of.get(key, self._rates["stability"])
        if key in self._markers:
            return self._markers[key] if moved else SAME
        return OTHER if moved else SAME


def profile_of(
    planted: Planted, seed: int, *, budget: int, probes: Sequence[str | Probe] | None = None
) -> Profile:
    """The profile of one planted model."""
    return smile_trace.profile(
        PROMPT,
        model=PlantedModel(planted, seed),
        answer=SAME,
        budget=budget,
        seed=seed,
        probes=probes,
    )


def _key(messages: Sequence[Message]) -> str:
    return json.dumps([message.identity for message in messages])
