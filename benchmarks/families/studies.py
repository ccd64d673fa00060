"""Studies of a case with its proxy and without, answered from the tables."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.attribution.measures import correlation
from benchmarks.families.tables import Table
from smile_trace.attribution import PerturbationStudy, Proxy, ProxyStudy, Study
from smile_trace.explaining.studies import PROXY_CALLS
from smile_trace.records import Explanation, ExplanationSettings, Perturbation, Response, Signal

EVERY_MASK = 256
"""Calls with which the target is asked about all of them: the attributions are exact."""

TIE = 0.01
"""A word whose exact value is so near to the largest is first, too."""


@dataclass(frozen=True)
class Outcome:
    """One study beside the exact values; `trust`, `agreement` and `dropped` are the proxy's."""

    target: str
    prompt: str
    held_out: bool
    signal: Signal
    calls: int
    with_proxy: bool
    seed: int
    first: bool
    correlation: float
    error: float
    status: str
    trust: float | None = None
    agreement: float | None = None
    dropped: str | None = None


def exact(table: Table, signal: Signal) -> np.ndarray:
    """The attribution of every word, from all masks."""
    return _values(_told(_alone(table, signal, EVERY_MASK, 0), table, signal, table))


def outcomes(
    table: Table,
    signal: Signal,
    *,
    alone: Iterable[int],
    beside: Iterable[int],
    seeds: Iterable[int],
    proxy: Table | None = None,
) -> list[Outcome]:
    """Studies of the target alone with so many calls, and beside its proxy.

    `proxy` is a table whose proxy is asked in place of the case's own, at the same places: one
    that knows nothing of it.
    """
    truth = exact(table, signal)
    if truth.max() <= TIE:
        return []  # nothing that could come first
    alone, beside, found = list(alone), list(beside), []
    for seed in seeds:
        for calls in alone:
            study: Study = _alone(table, signal, calls, seed)
            found.append(_outcome(table, signal, calls, seed, study, truth, proxy or table))
        for calls in beside:
            study = _beside(table, signal, calls, seed)
            found.append(_outcome(table, signal, calls, seed, study, truth, proxy or table))
    return found


def _alone(table: Table, signal: Signal, calls: int, seed: int) -> PerturbationStudy:
    return PerturbationStudy(
        table.case.prompted,
        ExplanationSettings(model="target", unit="word", budget=calls, seed=seed),
        answer=table.answer,
        signal=signal,
        protect=table.case.protected,
        deterministic=True,
        remote=False,
    )


def _beside(table: Table, signal: Signal, calls: int, seed: int) -> ProxyStudy:
    return ProxyStudy(
        table.case.prompted,
        ExplanationSettings(model="target", unit="word", proxy="proxy", budget=calls, seed=seed),
        proxy=Proxy("proxy", "probability", deterministic=True, calls=PROXY_CALLS - calls),
        answer=table.answer,
        signal=signal,
        protect=table.case.protected,
        deterministic=True,
        remote=False,
    )


def _told(study: Study, table: Table, signal: Signal, proxy: Table) -> Explanation:
    def answer(row: Perturbation) -> Response:
        [message] = row.messages
        place = table.places[message.content]
        if row.asked == "proxy":
            return proxy.scored(place, proxy.proxy)
        if signal == "text":
            return table.generated(place)
        return table.scored(place, table.target)

    while rows := study.ask():
        study.tell([(row, answer(row)) for row in rows])
    return study.result()


def _outcome(
    table: Table,
    signal: Signal,
    calls: int,
    seed: int,
    study: Study,
    truth: np.ndarray,
    proxy: Table,
) -> Outcome:
    found = _told(study, table, signal, proxy)
    values = _values(found)
    first = int(np.argmax(values))
    use = found.proxy
    return Outcome(
        target=table.case.target,
        prompt=table.case.prompt,
        held_out=table.case.held_out,
        signal=signal,
        calls=calls,
        with_proxy=use is not None,
        seed=seed,
        first=bool(truth[first] >= truth.max() - TIE),
        correlation=correlation(values, truth) or 0.0,
        error=float(((values - truth) ** 2).mean()),
        status=found.fidelity.status,
        trust=None if use is None else use.trust,
        agreement=None if use is None else use.agreement,
        dropped=None if use is None else use.dropped,
    )


def _values(explanation: Explanation) -> np.ndarray:
    """Per word that can be removed, in the order of the prompt."""
    free = [s for s in explanation.segments if not s.protected]
    return np.array([s.attribution for s in sorted(free, key=lambda s: s.start)])
