"""What the store knows of one prompt: its versions, their calls, and their perturbed prompts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np

from smile_trace.comparison.influence.pooled_effects import PooledRows
from smile_trace.comparison.templates import segment_template
from smile_trace.errors import SmileTraceError
from smile_trace.records import Call, Feedback, PromptUse, Signal, Unit
from smile_trace.records.comparison import TemplateSegment
from smile_trace.store import Store
from smile_trace.store.prompts import ExplanationRow, PromptReader

T = TypeVar("T")

LARGEST_DESIGN = 20_000_000
"""Numbers in the largest least-squares problem: about 160 MB."""
_UNITS: tuple[Unit, ...] = ("sentence", "word")


class NothingToCompare(SmileTraceError):
    """The store holds nothing to compare; the message says what to do."""


@dataclass
class Evidence:
    """Everything about one version of a prompt under one model.

    `traffic`: a random sample of its calls. `rows` over `segments`, from `explained` of the
    `sampled_of` explained calls; `dropped` says what was kept apart.
    """

    version: str
    model: str | None
    template: str
    calls: int
    traffic: list[Call]
    feedback: list[Feedback] = field(default_factory=list)
    unit: Unit | None = None
    segments: tuple[TemplateSegment, ...] = ()
    rows: PooledRows | None = None
    signal: Signal | None = None
    sampled_of: int = 0
    explained: int = 0
    dropped: list[str] = field(default_factory=list)


def versions_of(store: Store, prompt: str) -> dict[str, int]:
    """The versions of a prompt that were called, with their numbers of calls, oldest first.

    Raises:
        NothingToCompare: no call used a prompt of that name.
    """
    with store.reading_prompts() as prompts:
        found = prompts.versions(prompt)
        if not found:
            names = ", ".join(prompts.names(limit=20))
            known = f" (there are: {names})" if names else ""
            raise NothingToCompare(
                f"no call of a prompt named {prompt!r} is in the store{known}: run "
                "`smile-trace worker --once` where calls were captured just now."
            )
    return found


def models_of(store: Store, prompt: str, version: str) -> list[str]:
    """The models that a version was explained under, most often first."""
    with store.reading_prompts() as prompts:
        return prompts.models(prompt, version)


def collect(
    store: Store, prompt: str, version: str, model: str | None, *, most_calls: int, seed: int
) -> Evidence:
    """Gather one version's evidence.

    Explanations under different settings are never mixed: those in pooled mode are taken where
    there are any, else the most frequent settings; the others are named in `dropped`.

    Raises:
        NothingToCompare: the version has no calls (of that model).
    """
    generator = np.random.default_rng(seed)
    with store.reading_prompts() as prompts:
        traffic, count = _traffic(prompts, prompt, version, model, most_calls, generator)
        if not traffic:
            under = "" if model is None else f" under the model {model!r}"
            raise NothingToCompare(
                f"no call of {prompt!r} version {version!r}{under} is in the store."
            )
        evidence = Evidence(version, model, _use(traffic[0], prompt).template, count, traffic)
        traces = dict.fromkeys(call.trace_id for call in traffic)
        evidence.feedback = prompts.feedback(list(traces))
        _explain(prompts, evidence, prompt, most_calls, generator)
    return evidence


def template_of(store: Store, prompt: str, version: str) -> str:
    """The template of a version that was called.

    Raises:
        NothingToCompare: it was not; the message says which were.
    """
    known = versions_of(store, prompt)
    if version not in known:
        raise NothingToCompare(
            f"no call of {prompt!r} used version {version!r}: there are {', '.join(sorted(known))}."
        )
    with store.reading_prompts() as prompts:
        [call] = prompts.calls(prompts.call_ids(prompt, version)[:1])
    return _use(call, prompt).template


def _use(call: Call, prompt: str) -> PromptUse:
    return next(use for use in call.prompts if use.name == prompt)


def _traffic(
    prompts: PromptReader,
    prompt: str,
    version: str,
    model: str | None,
    most: int,
    generator: np.random.Generator,
) -> tuple[list[Call], int]:
    """A random sample of the version's calls, in order of time, and how many there are."""
    ids = prompts.call_ids(prompt, version, model)
    return prompts.calls(_sample(ids, most, generator)), len(ids)


def _explain(
    prompts: PromptReader,
    evidence: Evidence,
    prompt: str,
    most: int,
    generator: np.random.Generator,
) -> None:
    """Fill in the rows of the perturbed prompts."""
    found = prompts.explanations(prompt, evidence.version, evidence.model)
    evidence.sampled_of = len(found)
    if not found:
        return
    kept, evidence.dropped = _one_kind(found, prompts)
    bodies = _Bodies(prompts, prompt, evidence.version, evidence.template)
    for unit in _UNITS:
        segments = bodies.segments(unit)
        chosen = _sample(kept, most, generator)
        first = bodies.rows(chosen[:20], segments)
        if first is None:
            continue
        # Two strata at most, each with its own intercept and coefficients.
        per_call = len(first) / first.calls * 2 * (len(segments) + 1)
        chosen = _sample(chosen, max(20, int(LARGEST_DESIGN / per_call)), generator)
        evidence.rows = bodies.rows(chosen, segments)
        evidence.segments, evidence.unit, evidence.signal = segments, unit, bodies.signal
        return
    evidence.dropped.append("the explanations hold no random masks over the template's segments")


def _one_kind(
    found: Sequence[ExplanationRow], prompts: PromptReader
) -> tuple[list[ExplanationRow], list[str]]:
    """The explanations of one model and one kind of settings, and what was kept apart."""
    kinds = Counter((item.model, item.settings_hash) for item in found)
    pooled = {
        settings_hash
        for _, settings_hash in kinds
        if (settings := prompts.settings(settings_hash)) is not None and settings.pooled
    }
    best = max(kinds, key=lambda kind: (kind[1] in pooled, kinds[kind], kind))
    dropped = [
        f"{count} explanations of {model or 'an unknown model'} under other settings"
        for (model, settings_hash), count in sorted(kinds.items())
        if (model, settings_hash) != best
    ]
    return [item for item in found if (item.model, item.settings_hash) == best], dropped


class _Bodies:
    """Turns explanations into rows over the segments of a template."""

    def __init__(self, prompts: PromptReader, prompt: str, version: str, template: str) -> None:
        self._prompts = prompts
        self._prompt, self._version, self._template = prompt, version, template
        self._stem = f"{prompt}:{version}:"
        self.signal: Signal | None = None

    def segments(self, unit: Unit) -> tuple[TemplateSegment, ...]:
        """The template cut by that unit."""
        return segment_template(self._prompt, self._version, self._template, unit)

    def rows(
        self, chosen: Sequence[ExplanationRow], segments: Sequence[TemplateSegment]
    ) -> PooledRows | None:
        """All random masks of these explanations whose partition holds these segments."""
        ids = [item.explanation_id for item in chosen]
        partitions = self._partitions(ids)
        place = {segment.key: k for k, segment in enumerate(segments)}
        maps: dict[tuple[int, int], np.ndarray | None] = {}
        known = {item.explanation_id: item for item in chosen}
        x, y, q, call, weight, varies = [], [], [], [], [], []
        for row in self._prompts.masks(ids):
            key = (row.explanation_id, row.level)
            if key not in maps:
                keys = partitions[row.explanation_id]
                maps[key] = self._matrix(keys[row.level], place) if row.level < len(keys) else None
            matrix = maps[key]
            if matrix is None:
                continue
            out = np.frombuffer(row.mask.encode(), dtype=np.uint8) == ord("0")
            free = np.ones(len(out), dtype=bool)
            free[row.fixed] = False
            x.append(out @ matrix)
            varies.append((free @ matrix) > 0.999)
            y.append(row.answer_change)
            q.append(1 - row.keep_probability)
            call.append(row.explanation_id)
            weight.append(1 / known[row.explanation_id].probability)
        if not y:
            return None
        return PooledRows(
            np.array(x),
            np.array(y),
            np.round(q, 6),
            np.array(call),
            np.array(weight),
            np.array(varies),
        )

    def _partitions(self, ids: Sequence[int]) -> dict[int, list[list[str]]]:
        """Per explanation and level the keys of the units; notes the signal, keeps to one."""
        found = self._prompts.partitions(ids)
        signals = Counter(item.signal for item in found.values())
        if signals and self.signal is None:
            self.signal = cast(Signal, signals.most_common(1)[0][0])
        return {
            number: item.keys if item.signal == self.signal else []
            for number, item in found.items()
        }

    def _matrix(self, keys: Sequence[str], place: dict[str, int]) -> np.ndarray | None:
        """Units × segments: the share of a segment that a unit is. None where they do not meet.

        A variable that was cut into words is left out as far as its words are.
        """
        matrix = np.zeros((len(keys), len(place)))
        # A variable alone says nothing about how the rest was cut, unless there is no rest.
        met = all(key.startswith(f"{self._stem}var:") for key in place)
        for unit, key in enumerate(keys):
            column = place.get(key)
            if column is None and key.startswith(f"{self._stem}var:"):
                variable = key.removeprefix(self._stem).split(":")[1]
                column = place.get(f"{self._stem}var:{variable}")
            elif column is not None and not key.startswith(f"{self._stem}var:"):
                met = True
            if column is not None:
                matrix[unit, column] = 1.0
        sizes = matrix.sum(axis=0)
        return matrix / np.maximum(sizes, 1) if met else None


def _sample(items: Sequence[T], most: int, generator: np.random.Generator) -> list[T]:
    """At most that many of the items, at random, in their order."""
    if len(items) <= most:
        return list(items)
    return [items[k] for k in sorted(generator.choice(len(items), most, replace=False))]
