"""The study of a few random masks on one call."""

from collections.abc import Iterable, Sequence

import numpy as np

from smile_trace.attribution import Answered, CannotExplain, Embed
from smile_trace.attribution.answer_change.response_scores import answer_words, score_responses
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.attribution.design.masks import fixed
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.design.planner import CallKey, call_key, number_of
from smile_trace.attribution.reporting.segments import observations
from smile_trace.comparison.templates import segments_in_call, template_segments
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
                raise ValueError("tell() accepts only perturbations that ask() returned.")
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
