"""The study of a few random masks on one call, and many calls' masks as rows over a template."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from smile_trace.attribution import Answered, CannotExplain, Embed
from smile_trace.attribution.answer_change.response_scores import answer_words, score_responses
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.attribution.design.masks import fixed
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.design.planner import CallKey, call_key, number_of
from smile_trace.attribution.reporting.segments import observations
from smile_trace.comparison.pooled_effects import Array, PooledRows
from smile_trace.comparison.templates import read_key, segments_in_call, template_segments
from smile_trace.records import (
    Cost,
    Explanation,
    ExplanationSettings,
    Fidelity,
    Perturbation,
    Prompted,
    Response,
    Segment,
    SegmentAttribution,
    Signal,
)
from smile_trace.records.comparison import TemplateSegment
from smile_trace.store.queries.prompts import ExplanationRow, PromptReader

KEEP = 0.7
"""Keep probability of pooled masks; never pooled with the .5 and .8 of single explanations."""


class PooledStudy:
    """A `Study` of random masks on one call.

    The segments are those of the template, each variable being one; the rest of the prompt is
    always sent. The masks depend on the seed and on the call. The Explanation holds the rows and no
    attribution, which takes the rows of many calls.

    Args:
        prompted: the call; the first template that was rendered into it counts.
        settings: the budget counts every call to the model, the baselines included.
        signal: as in a `PerturbationStudy`.
        deterministic: whether the model repeats itself; then one baseline is enough, else two.
        embed: word vectors; by default the packaged ones.

    Raises:
        CannotExplain: no template was rendered into the call, or it has fewer than two segments.
    """

    def __init__(
        self,
        prompted: Prompted,
        settings: ExplanationSettings,
        *,
        answer: str,
        signal: Signal,
        deterministic: bool,
        embed: Embed | None = None,
    ) -> None:
        self.prompted = prompted
        self.answer = answer
        self.signal: Signal = signal if answer.strip() else "text"
        self._settings = settings
        self._deterministic = deterministic
        self._segments = _segments(prompted)
        self._text_change = text_comparison(
            answer, embed, settings.distance, cut=prompted.answer_cut
        )
        baselines = 1 if deterministic else 2
        self._rows = _rows(prompted, self._segments, settings, baselines, deterministic)
        self._responses: dict[CallKey, Response] = {}
        self._asked = False

    @property
    def proxy_signal(self) -> Signal:
        """The signal itself: no proxy is asked."""
        return self.signal

    def ask(self) -> list[Perturbation]:
        """All rows at once, then none."""
        if self._asked:
            return []
        self._asked = True
        return list({call_key(row): row for row in self._rows}.values())

    def texts(self, pairs: Sequence[Answered] = ()) -> list[str]:
        """The words of the answers if texts are compared."""
        return answer_words(self._text_change, self.signal, pairs)

    def tell(self, pairs: Iterable[Answered]) -> None:
        """See `Study.tell`."""
        known = set(map(call_key, self._rows))
        for row, response in pairs:
            if call_key(row) not in known:
                raise ValueError("tell() takes only the perturbations that ask() gave.")
            self._responses[call_key(row)] = response

    def result(self) -> Explanation:
        """The rows with their answer changes, and no attribution."""
        pairs = [(row, self._responses.get(call_key(row))) for row in self._rows]
        scores = score_responses(
            [pairs], self.signal, self._text_change, deterministic=self._deterministic
        )
        scored = self.signal == "probability"
        rows = observations(pairs, scores.changes[0], [None] * len(pairs), scored=scored)
        count = sum(row.kind == "random" for row in self._rows)
        return Explanation(
            messages=self.prompted.messages,
            form=self.prompted.form,
            answer=self.answer,
            signal=self.signal,
            segments=tuple(_unknown(segment) for segment in self._segments),
            fidelity=Fidelity(
                status="inconclusive",
                reason=f"{count} perturbed prompts of this call are pooled with those of the "
                "other calls of its prompt version; see `smile-trace compare`.",
                noise_floor=scores.noise_floor,
            ),
            cost=Cost(target_calls=len(self._responses)),
            summary="This call is part of a pooled explanation of its prompt version.",
            perturbations=tuple(rows),
            partitions=(tuple(segment.key for segment in self._segments),),
            settings=self._settings,
        )


def _segments(prompted: Prompted) -> tuple[Segment, ...]:
    if not prompted.prompts:
        raise CannotExplain("No Prompt was rendered into this call, so there is nothing to pool.")
    use = prompted.prompts[0]
    message = prompted.messages[use.message]
    found = segments_in_call(
        template_segments(use.name, use.version, use.template), use, message.content, message.role
    )
    if len(found) < 2:
        raise CannotExplain("The template has fewer than two parts that could be removed.")
    return found


def _rows(
    prompted: Prompted,
    segments: Sequence[Segment],
    settings: ExplanationSettings,
    baselines: int,
    deterministic: bool,
) -> list[Perturbation]:
    perturber = Perturber(prompted, segments)
    everything = (True,) * len(segments)
    rows = [
        Perturbation(
            kind="baseline", mask=everything, messages=prompted.messages, replicate=replicate
        )
        for replicate in range(min(baselines, settings.budget))
    ]
    drawn: dict[str, int] = {rows[0].text_hash: len(rows)}
    generator = np.random.default_rng([settings.seed, number_of(prompted)])
    while len(rows) < settings.budget:
        mask = tuple(bool(retained) for retained in generator.random(len(segments)) < KEEP)
        if not perturber.sendable(mask):
            continue
        row = Perturbation(
            kind="random",
            mask=mask,
            messages=perturber.messages(mask),
            keep_probability=KEEP,
            fixed=fixed(mask, everything, perturber.sendable),
        )
        again = 0 if deterministic else drawn.get(row.text_hash, 0)
        drawn[row.text_hash] = again + 1
        rows.append(row.model_copy(update={"replicate": again}))
    return rows


def _unknown(segment: Segment) -> SegmentAttribution:
    return SegmentAttribution(
        **segment.model_dump(exclude={"parent"}), attribution=0.0, ci_low=-1.0, ci_high=1.0
    )


class PooledRowReader:
    """Reads rows of one signal, that of most explanations it reads first; the keys of the
    template's segments begin with `stem` (`NAME:VERSION:`)."""

    def __init__(self, prompts: PromptReader, stem: str) -> None:
        self._prompts = prompts
        self._stem = stem
        self._variables = f"{stem}var:"
        self.signal: Signal | None = None

    def read(
        self, explanations: Sequence[ExplanationRow], segments: Sequence[TemplateSegment]
    ) -> PooledRows | None:
        """The random masks of the explanations that are over these segments; None if none is."""
        known = {item.explanation_id: item for item in explanations}
        partitions = self._partitions(list(known))
        columns = {segment.key: k for k, segment in enumerate(segments)}
        maps: dict[tuple[int, int], Array | None] = {}
        x, y, q, call, weight, varies = [], [], [], [], [], []
        designs: dict[int, list[str]] = {}
        for row in self._prompts.masks(list(known)):
            level = row.explanation_id, row.level
            if level not in maps:
                keys = partitions[row.explanation_id]
                maps[level] = self._map(keys[row.level], columns) if row.level < len(keys) else None
            shares = maps[level]
            if shares is None:
                continue
            removed = np.frombuffer(row.mask.encode(), dtype=np.uint8) == ord("0")
            free = np.ones(len(removed), dtype=bool)
            free[row.fixed] = False
            x.append(removed @ shares)
            varies.append((free @ shares) > 0.999)
            y.append(row.answer_change)
            q.append(1 - row.keep_probability)
            call.append(row.explanation_id)
            designs.setdefault(row.explanation_id, []).append(row.mask)
            weight.append(1 / known[row.explanation_id].probability)
        if not y:
            return None
        shared = {number: _design_number(masks) for number, masks in designs.items()}
        return PooledRows(
            x=np.array(x),
            y=np.array(y),
            q=np.round(q, 6),
            call=np.array(call),
            weight=np.array(weight),
            varies=np.array(varies),
            design=np.array([shared[number] for number in call]),
        )

    def keys(self, explanations: Sequence[ExplanationRow]) -> list[str]:
        """The template's keys in the first level that removes any, as most explanations have it."""
        found = self._partitions([item.explanation_id for item in explanations])
        first: Counter[tuple[str, ...]] = Counter()
        for levels in found.values():
            ours = (tuple(k for k in keys if read_key(self._stem, k)) for keys in levels)
            first.update([keys for keys in ours if keys][:1])
        return list(first.most_common(1)[0][0]) if first else []

    def _partitions(self, ids: Sequence[int]) -> dict[int, list[list[str]]]:
        """The keys of each explanation's units per level; none if its signal is another."""
        found = self._prompts.partitions(ids)
        if found and self.signal is None:
            self.signal = Counter(item.signal for item in found.values()).most_common(1)[0][0]
        return {
            number: item.keys if item.signal == self.signal else []
            for number, item in found.items()
        }

    def _map(self, keys: Sequence[str], columns: dict[str, int]) -> Array | None:
        """Each unit's share of each segment, shape (units, segments); None if the unit differs. A
        variable may have been segmented into words, each of which is a share of it."""
        shares = np.zeros((len(keys), len(columns)))
        # Only matches outside of variables show that the template was segmented alike, unless it
        # consists of variables.
        alike = bool(columns) and all(key.startswith(self._variables) for key in columns)
        for unit, key in enumerate(keys):
            part, column = read_key(self._stem, key), columns.get(key)
            if part is None:
                continue
            if part.variable is not None:
                column = (
                    columns.get(f"{self._variables}{part.variable}") if column is None else column
                )
            elif column is not None:
                alike = True
            else:
                return None
            if column is not None:
                shares[unit, column] = 1.0
        return shares / np.maximum(shares.sum(axis=0), 1) if alike else None


_TELLING = 8
"""Masks that tell a draw from another: studies of one draw may end at different lengths."""


def _design_number(masks: Sequence[str]) -> int:
    digest = hashlib.sha256("\n".join(masks[:_TELLING]).encode()).digest()
    return int.from_bytes(digest[:7])
