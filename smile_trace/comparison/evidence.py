"""The store's evidence on a prompt's versions: their calls and their pooled rows."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

import numpy as np

from smile_trace.comparison.final_answers import final_answers
from smile_trace.comparison.pooled_effects import PooledRows
from smile_trace.comparison.pooled_rows import PooledRowReader
from smile_trace.errors import SmileTraceError
from smile_trace.probes.prompt_profile import rates_of
from smile_trace.records import Call, Feedback, PromptUse, Signal
from smile_trace.records.comparison import TemplateSegment
from smile_trace.records.profile import ProbeRate
from smile_trace.store import Store
from smile_trace.store.queries.prompts import ExplanationRow, PromptReader

T = TypeVar("T")

MAX_DESIGN = 20_000_000
"""Numbers in the largest least-squares problem: about 160 MB."""


class NothingToCompare(SmileTraceError):
    """The store holds nothing to compare; the message says what to do."""


@dataclass
class Evidence:
    """Everything about one version of a prompt under one model, called `label` in the comparison.

    `traffic` is a random sample of the newest `calls`, without the `steps` towards their answers.
    `rows` are over `segments`, from a sample of the `sampled_of` explained calls; `probes` are the
    profiled calls'. `dropped` says what is unused.
    """

    label: str
    version: str
    model: str | None
    template: str
    calls: int
    traffic: list[Call]
    feedback: list[Feedback] = field(default_factory=list)
    segments: tuple[TemplateSegment, ...] = ()
    rows: PooledRows | None = None
    signal: Signal | None = None
    sampled_of: int = 0
    probes: tuple[ProbeRate, ...] = ()
    dropped: list[str] = field(default_factory=list)
    steps: list[Call] = field(default_factory=list)


def versions_of(store: Store, prompt: str, since: float = 0.0) -> list[str]:
    """The versions of a prompt that were called since then (Unix seconds), oldest first. Raises
    NothingToCompare if no call used a prompt of that name."""
    with store.reading_prompts() as prompts:
        found = prompts.versions(prompt, since)
        function = not found and prompts.has_function(prompt)
    if function:
        raise NothingToCompare(
            f"{prompt!r} is a function whose calls use no smile_trace.Prompt, and so has no prompt "
            "versions: smile-trace compare without versions says what mattered in its calls."
        )
    if not found:
        lately = " that began since then" if since else ""
        raise NothingToCompare(
            f"no call of a prompt named {prompt!r}{lately} is in the "
            f"store{known_prompts(store)}: if calls were captured just now, run `smile-trace "
            "worker --once` first."
        )
    return found


def known_prompts(store: Store) -> str:
    """The names of the prompts in the store, in parentheses; empty without any."""
    with store.reading_prompts() as prompts:
        names = ", ".join(prompts.names(limit=20))
    return f" (there are: {names})" if names else ""


def check_version(known: Sequence[str], prompt: str, version: str) -> None:
    """Check that a version was called. Raises NothingToCompare if it was not; the message lists
    those that were."""
    if version not in known:
        raise NothingToCompare(
            f"no call of {prompt!r} used version {version!r}: there are {', '.join(sorted(known))}."
        )


def models_of(store: Store, prompt: str, version: str) -> list[str]:
    """The models that a version was explained under, most often first."""
    with store.reading_prompts() as prompts:
        return prompts.models(prompt, version)


def template_of(store: Store, prompt: str, version: str) -> str:
    """The template of a version that was called. Raises NothingToCompare if it was not; the message
    lists those that were."""
    check_version(versions_of(store, prompt), prompt, version)
    with store.reading_prompts() as prompts:
        [call] = prompts.calls(prompts.call_ids(prompt, version, most=1))
    return _use(call, prompt).template


def prompt_with(store: Store) -> Callable[[str], str | None]:
    """A function that names the prompt of which a logged version has a template, whatever blanks
    are around it; None if none has. It reads the newest versions of 200 prompts, once."""

    @cache
    def known() -> dict[str, str]:
        with store.reading_prompts() as prompts:
            newest = {name: prompts.versions(name)[-5:] for name in prompts.names(limit=200)}
            return {
                _use(call, name).template.strip(): name
                for name, versions in newest.items()
                for version in versions
                for call in prompts.calls(prompts.call_ids(name, version, most=1))
            }

    return lambda template: known().get(template.strip())


def collect(
    store: Store,
    prompt: str,
    version: str,
    model: str | None,
    *,
    most_calls: int,
    seed: int,
    since: float = 0.0,
    among: frozenset[str] | None = None,
    steps: bool = False,
) -> Evidence:
    """Gather one version's evidence from at most `most_calls` of its newest calls (begun `since`
    then, in Unix seconds, and `among` some ids), without the steps towards an answer unless with
    `steps`.

    Explanations under different settings are never pooled: those in pooled mode are preferred, else
    those under the most frequent settings; the others are listed in `dropped`. Raises
    NothingToCompare if the version has no calls (of that model).
    """
    generator = np.random.default_rng(seed)
    with store.reading_prompts() as prompts:
        ids = prompts.call_ids(prompt, version, since)
        if among is not None:
            ids = [one for one in ids if one in among]
        calls, share = _calls_of(prompts, ids, model, most_calls, generator)
        sampled = [call.id for call in calls]
        # All where the prompt's answers are another version's: its steps are named themselves.
        answers = set(sampled if steps else _answers(store, prompt, sampled) or sampled)
        traffic = [call for call in calls if call.id in answers]
        if not traffic:
            under = "" if model is None else f" under the model {model!r}"
            raise NothingToCompare(
                f"no call of {prompt!r} version {version!r}{under} is in the store."
            )
        template = _use(traffic[0], prompt).template
        evidence = Evidence(version, version, model, template, round(share * len(ids)), traffic)
        evidence.steps = [call for call in calls if call.id not in answers]
        evidence.feedback = prompts.feedback(list(dict.fromkeys(call.trace_id for call in traffic)))
        within = None if not since and among is None else frozenset(ids)
        _pool(store, prompts, evidence, prompt, most_calls, generator, within, steps=steps)
        profiled = list(store.profiles.read(name=prompt, version=version))
        among_ids = sorted({one.call_id for one in profiled} & {*ids})
        mine = {call.id for call in prompts.calls(among_ids) if model in (None, call.model)}
    evidence.probes = rates_of(one for one in profiled if one.call_id in mine)
    return evidence


def _calls_of(
    prompts: PromptReader,
    ids: Sequence[str],
    model: str | None,
    most: int,
    generator: np.random.Generator,
) -> tuple[list[Call], float]:
    """At most so many random calls among these that were captured under the model, in order of
    time, and the share of those with it."""
    order = generator.permutation(len(ids)).tolist() if len(ids) > most else range(len(ids))
    found: list[Call] = []
    read = 0
    while read < len(ids) and len(found) < most:
        some = prompts.calls([ids[k] for k in order[read : read + most - len(found)]])
        found += [call for call in some if model in (None, call.model)]
        read += len(some)
    found.sort(key=lambda call: call.start_ns)
    return found, len(found) / max(1, read)


def _use(call: Call, prompt: str) -> PromptUse:
    return next(use for use in call.prompts if use.name == prompt)


def _answers(store: Store, prompt: str, calls: Sequence[str]) -> list[str]:
    """Those of the calls that gave a final answer."""
    answers = final_answers(store, dict.fromkeys(calls, ("prompt", prompt)))
    return [one for one in calls if one in answers]


def _pool(
    store: Store,
    prompts: PromptReader,
    evidence: Evidence,
    prompt: str,
    most_calls: int,
    generator: np.random.Generator,
    ids: frozenset[str] | None,
    *,
    steps: bool,
) -> None:
    """Add the rows of the calls `ids` (None: all), in the unit that most of them share."""
    version = evidence.version
    found = prompts.explanations(prompt, version, evidence.model)
    if ids is not None:
        found = [item for item in found if item.call_id in ids]
    found = _of_logged_answers(found, prompts, evidence)
    if not steps:
        answers = {*_answers(store, prompt, [item.call_id for item in found])}
        given = [item for item in found if item.call_id in answers] or found
        if left := len(found) - len(given):
            many = f"{left} explanations" if left > 1 else "an explanation"
            evidence.dropped.append(f"{many} of steps towards an answer")
        found = given
    evidence.sampled_of = len(found)
    if not found:
        return
    alike, others = _under_same_settings(found, prompts)
    evidence.dropped += others
    reader = PooledRowReader(prompts, prompt, version, evidence.template)
    chosen = _sample(alike, most_calls, generator)
    segments = reader.cut(chosen)
    first = reader.read(chosen[:20], segments)
    if first is not None:
        # Two strata at most, each with its own intercept and coefficients.
        per_call = len(first) / first.calls * 2 * (len(segments) + 1)
        chosen = _sample(chosen, max(20, int(MAX_DESIGN / per_call)), generator)
    evidence.rows = reader.read(chosen, segments)
    if evidence.rows is None:
        evidence.dropped.append(
            "the explanations, none of which removed parts of the template at random"
        )
        return
    evidence.segments, evidence.signal = segments, reader.signal


def _of_logged_answers(
    found: Sequence[ExplanationRow], prompts: PromptReader, evidence: Evidence
) -> list[ExplanationRow]:
    """Leave out explanations with a target: they say what an error depends on, not an answer."""
    aimed = {key for key, of in prompts.settings(found).items() if of.target}
    alike = [item for item in found if item.settings_hash not in aimed]
    if left := len(found) - len(alike):
        many = f"{left} explanations" if left > 1 else "an explanation"
        evidence.dropped.append(f"{many} with a target")
    return alike


def _under_same_settings(
    found: Sequence[ExplanationRow], prompts: PromptReader
) -> tuple[list[ExplanationRow], list[str]]:
    kinds = Counter((item.model, item.settings_hash) for item in found)
    pooled = {key for key, of in prompts.settings(found).items() if of.pooled}
    best = max(kinds, key=lambda kind: (kind[1] in pooled, kinds[kind], kind))
    dropped = [
        f"{count} explanations of {model or 'an unknown model'} under other settings"
        for (model, settings_hash), count in sorted(kinds.items())
        if (model, settings_hash) != best
    ]
    return [item for item in found if (item.model, item.settings_hash) == best], dropped


def _sample(items: Sequence[T], size: int, generator: np.random.Generator) -> list[T]:
    if len(items) <= size:
        return list(items)
    return [items[k] for k in sorted(generator.choice(len(items), size, replace=False))]
