"""A study driven by a planted function of the messages, with every text that was sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import pytest

from smile_trace.attribution import PerturbationStudy
from smile_trace.attribution.estimation.fidelity import HeldOut
from smile_trace.records import (
    Explanation,
    ExplanationSettings,
    Message,
    Perturbation,
    Prompted,
    Response,
    Unit,
)

Planted = Callable[[tuple[Message, ...]], str | Response]


def further(*seeds: int) -> list[Any]:
    """Seeds for the slow lane, beside those that run with every change."""
    return [pytest.param(seed, marks=pytest.mark.slow) for seed in seeds]


def chat(*contents: str, roles: Sequence[str] = ("user",)) -> tuple[Message, ...]:
    """Messages with these contents; the last role goes on."""
    padded = [*roles, *[roles[-1]] * len(contents)]
    return tuple(Message(role=r, content=c) for r, c in zip(padded, contents, strict=False))


def copying(word: str) -> Planted:
    """Says the word where the prompt holds it, else that it does not know."""
    return lambda messages: word if any(word in m.content for m in messages) else "unknown"


def constant(messages: tuple[Message, ...]) -> str:
    """Says the same whatever it is asked."""
    return "It is always the same answer."


class Fitted(NamedTuple):
    """What was fitted, of which the quality alone is known."""

    held_out: HeldOut | None


@dataclass
class Asked:
    """What one run of a study asked, and the study itself."""

    study: PerturbationStudy
    rounds: list[list[Perturbation]] = field(default_factory=list)

    @property
    def perturbations(self) -> list[Perturbation]:
        """All of them, in order."""
        return [perturbation for round_ in self.rounds for perturbation in round_]

    @property
    def explanation(self) -> Explanation:
        """The result so far."""
        return self.study.result()


def run(
    messages: tuple[Message, ...] | str,
    model: Planted,
    *,
    answer: str | None = None,
    budget: int = 40,
    seed: int = 0,
    unit: Unit = "word",
    signal: Any = "text",
    deterministic: bool = True,
    remote: bool = False,
    shuffle: int | None = None,
    prompted: Prompted | None = None,
    until_settled: int | None = None,
    **options: Any,
) -> Asked:
    """Asks until the study is finished; `shuffle` seeds another order of telling."""
    messages = chat(messages) if isinstance(messages, str) else messages
    prompted = prompted or Prompted(messages=messages)
    if answer is None:
        said = model(prompted.messages)
        answer = said if isinstance(said, str) else said.text or ""
    settings = ExplanationSettings(
        model="planted", budget=budget, seed=seed, unit=unit, until_settled=until_settled
    )
    study = PerturbationStudy(
        prompted,
        settings,
        answer=answer,
        signal=signal,
        deterministic=deterministic,
        remote=remote,
        **options,
    )
    asked = Asked(study)
    while perturbations := study.ask():
        asked.rounds.append(perturbations)
        said_all = [model(p.messages) for p in perturbations]
        pairs = [
            (p, said if isinstance(said, Response) else Response(text=said))
            for p, said in zip(perturbations, said_all, strict=True)
        ]
        if shuffle is not None:
            Random(shuffle).shuffle(pairs)
        study.tell(pairs)
    return asked
