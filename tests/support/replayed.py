"""Explained calls of many prompts in a store, a model that is swapped, and a webhook's receiver."""

import random
from collections.abc import Mapping

from smile_trace.records import ExplanationSettings
from smile_trace.store import Store
from smile_trace.store.arrivals import ArrivedSpan, SpoolFile
from smile_trace.store.sampling import Decision
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Fault, Request
from tests.support.spooled import call_span
from tests.support.store_rows import explanation

OLD, NEW = "Returns are free for thirty days.", "I am sorry, but I cannot help you with that."
OTHER = "Parcels leave our house on Mondays only."
DAY = 86_400.0


def with_explained(store: Store, prompt: str, first: int, cases: int) -> None:
    """Captured and explained calls of a prompt, with the numbers from `first` on."""
    asked = ExplanationSettings(model="planted")
    for number in range(first, first + cases):
        text = f"{prompt}: question {number}, please?"
        span = call_span(number, prompt=text, answer=OLD).model_copy(update={"name": prompt})
        arrived = ArrivedSpan(span, span.model_dump_json())
        store.traces.add(SpoolFile(f"{number}", number, 1, 1.0), [arrived])
        store.traces.complete(gone=(), silent_before=0.0)
        decision = Decision(
            call_id=f"{span.trace_id}:{span.span_id}",
            settings=asked,
            settings_hash="h",
            model="planted",
            state="pending",
        )
        store.sampling.decide([decision], {}, now=5.0)
        [job] = store.jobs.due(now=5.0, limit=1)
        store.jobs.explain(job, explanation(), now=6.0)


class SwappedModel:
    """Answers for many prompts; each of their models is swapped in a period of its own.

    Args:
        at: by prompt, the first period (from 0) of the new model.
        noise: how often the old one says another thing.
    """

    def __init__(self, at: Mapping[str, int], noise: float = 0.0) -> None:
        self._at = at
        self._noise = noise
        self._draw = random.Random(7)
        self.period = 0

    def at(self, name: str) -> int:
        """The first period of a prompt's new model."""
        return self._at[name]

    def __call__(self, prompt: str) -> str:
        name = next(one for one in self._at if f"{one}:" in prompt)
        if self.period >= self._at[name]:
            return NEW
        return OTHER if self._draw.random() < self._noise else OLD


class Receiver(FakeHttpServer):
    """Takes what is posted, after one refusal."""

    def __init__(self) -> None:
        super().__init__()
        self.faults.append(Fault("answer"))

    def answer(self, request: Request) -> Answer:
        """Taken."""
        return Answer(204)
