"""The calls and confirmed failures that suggestions are made from, and those they are tried on. The
seed separates them before anything is looked at: no call, no case and no other call with the same
request is on both sides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from smile_trace.comparison.evidence import (
    NothingToCompare,
    check_version,
    collect,
    models_of,
    versions_of,
)
from smile_trace.comparison.version_replay import Input, InputModels, choose_inputs
from smile_trace.comparison.version_report import report
from smile_trace.explaining.options import AnyModel
from smile_trace.records import Call
from smile_trace.records.comparison import ComparisonSettings, VersionReport
from smile_trace.records.message import identity_of
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.suggesting.cases import ConfirmedCase, cases_of

SEARCHED = 20
"""Calls on which changes are looked for."""
HELD_OUT = 30
"""Calls on which the changes found are tried."""
MOST_CASES = 10
"""Confirmed failures on either side."""


@dataclass(frozen=True)
class Material:
    """The calls and cases of one version; `report` is made without the held-out calls."""

    report: VersionReport
    traffic: Sequence[Call]
    searched: Sequence[Input]
    held_out: Sequence[Input]
    cases_searched: Sequence[ConfirmedCase]
    cases_held_out: Sequence[ConfirmedCase]

    @property
    def template(self) -> str:
        """The unchanged template."""
        return self.report.template

    @property
    def model(self) -> str | None:
        """The captured name of the calls' model."""
        return self.report.model or self.traffic[-1].model


def read_material(
    store: Store, settings: Settings, prompt: str, version: str | None, seed: int
) -> Material:
    """Read a version's calls (by default the version called last), and separate them.

    Calls that were not explained are held out first, so that suggestions are made from the
    explained ones; at most half of all requests are held out. Raises NothingToCompare if there
    is no such prompt or version.
    """
    known = versions_of(store, prompt)
    label = known[-1] if version is None else version
    check_version(known, prompt, label)
    chosen = ComparisonSettings(smallest_effect=settings.explain.smallest_effect, seed=seed)
    model = next(iter(models_of(store, prompt, label)), None)
    # What an instruction does may show in the steps towards an answer alone: in a tool's call.
    everything = collect(
        store, prompt, label, model, most_calls=chosen.most_calls, seed=seed, steps=True
    )
    with store.reading_prompts() as prompts:
        explained = {row.call_id for row in prompts.explanations(prompt, label)}
    traffic = everything.traffic
    generator = np.random.default_rng([seed, 2])
    cases = cases_of(store, prompt, label, everything.template, traffic)
    requests = sorted({case.request for case in cases})
    half = {requests[k] for k in generator.permutation(len(requests))[: len(requests) // 2]}
    cases = [cases[k] for k in generator.permutation(len(cases))]
    cases_searched = [case for case in cases if case.request in half]
    cases_held_out = [case for case in cases if case.request not in half]
    # The call of a case is on the side of its case.
    shown = {identity_of(case.call.messages) for case in cases_searched}
    kept_back = {identity_of(case.call.messages) for case in cases_held_out}
    known_of = {identity_of(call.messages) for call in traffic if call.id in explained}
    inputs = choose_inputs(traffic, prompt, [everything.template], len(traffic), generator)
    free = [item for item in inputs if identity_of(item.call.messages) not in shown]
    free.sort(key=lambda item: _order(identity_of(item.call.messages), kept_back, known_of))
    held_out = free[: min(HELD_OUT, len(inputs) // 2)]
    kept_back |= {identity_of(item.call.messages) for item in held_out}
    rest = [item for item in inputs if identity_of(item.call.messages) not in kept_back]
    among = frozenset(call.id for call in traffic if identity_of(call.messages) not in kept_back)
    evidence = collect(
        store,
        prompt,
        label,
        model,
        most_calls=chosen.most_calls,
        seed=seed,
        among=among,
        steps=True,
    )
    found = report(evidence, prompt, set(), chosen.smallest_effect, settings)
    searched = [rest[k] for k in generator.permutation(len(rest))[:SEARCHED]]
    return Material(
        report=found,
        traffic=traffic,
        searched=searched,
        held_out=held_out,
        cases_searched=_few(cases_searched),
        cases_held_out=_few(cases_held_out),
    )


def _order(request: str, kept_back: set[str], explained: set[str]) -> tuple[bool, bool]:
    """The order of holding out: requests that must be, then those not explained."""
    return request not in kept_back, request in explained


def _few(cases: Sequence[ConfirmedCase]) -> list[ConfirmedCase]:
    """Take at most MOST_CASES, of as many requests as possible."""
    seen = Counter[str]()
    turns = []
    for case in cases:
        turns.append(seen[case.request])
        seen[case.request] += 1
    order = sorted(range(len(cases)), key=lambda k: turns[k])
    return [cases[k] for k in order[:MOST_CASES]]


def asked_model(material: Material, model: AnyModel | None) -> AnyModel:
    """Who answers: the model that was given, or the calls' own."""
    return model if model is not None else material.model or "*"


def answerable(material: Material, models: InputModels) -> Material:
    """The material that these models can answer: a function has to allow calling it again, and is
    sent no request with a planted instruction, since it acts. Raises NothingToCompare if they can
    answer none of the calls."""

    def kept(inputs: Sequence[Input]) -> list[Input]:
        return [one for one in inputs if models.answers(one.call)]

    def kept_cases(cases: Sequence[ConfirmedCase]) -> list[ConfirmedCase]:
        return [
            one
            for one in cases
            if models.answers(one.input.call) and not (models.by_call and one.planted)
        ]

    found = replace(
        material,
        searched=kept(material.searched),
        held_out=kept(material.held_out),
        cases_searched=kept_cases(material.cases_searched),
        cases_held_out=kept_cases(material.cases_held_out),
    )
    if not (found.searched and found.held_out):
        raise NothingToCompare(
            "two different calls that can be made again are the least that can be told apart: "
            "capture more, and decorate a function that is called again with rerun=True"
        )
    return found
