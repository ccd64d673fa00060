"""One version's evidence as a report: its segments judged, its traffic measured."""

from collections.abc import Sequence

import numpy as np

from smile_trace.comparison.evidence import Evidence
from smile_trace.comparison.pooled_effects import Pooled, pool
from smile_trace.comparison.traffic import measure
from smile_trace.comparison.verdicts import Judgement, judge
from smile_trace.models.accounting.cost import price
from smile_trace.records import Call, Usage
from smile_trace.records.comparison import Influence, TemplateSegment, VersionReport


def report(
    evidence: Evidence,
    label: str,
    segments: Sequence[TemplateSegment],
    delta: float,
    base_url: str | None,
) -> VersionReport:
    """Report one version.

    Args:
        segments: the template's segments; those of the evidence where it has rows.
        delta: the margin of "no_effect", in units of shift.
        base_url: the provider's address, which decides prices; None: no prices.
    """
    influences = [Influence(segment=s, influence=0.0, ci_low=-1.0, ci_high=1.0) for s in segments]
    if evidence.rows is not None:
        pooled = pool(evidence.rows)
        judgements = judge(pooled, delta)
        per_character = _tokens_per_character(evidence.traffic)
        influences = [
            _influence(segment, k, pooled, judgements[k], per_character, evidence, base_url)
            for k, segment in enumerate(segments)
        ]
    rows = evidence.rows
    keep = () if rows is None else tuple(round(1 - q, 6) for q in np.unique(rows.q)[::-1].tolist())
    return VersionReport(
        label=label,
        version=evidence.version,
        model=evidence.model,
        template=evidence.template,
        calls=evidence.calls,
        sampled_of=evidence.sampled_of,
        explained=0 if rows is None else rows.calls,
        rows=0 if rows is None else len(rows),
        keep_probabilities=keep,
        signal=evidence.signal,
        segments=tuple(influences),
        measures=measure(evidence.traffic, evidence.opinions, base_url),
        dropped=tuple(evidence.dropped),
    )


def _influence(
    segment: TemplateSegment,
    place: int,
    pooled: Pooled,
    judgement: Judgement,
    per_character: float | None,
    evidence: Evidence,
    base_url: str | None,
) -> Influence:
    error = float(pooled.error[place])
    known = bool(np.isfinite(error))
    tokens = usd = None
    if judgement.verdict == "no_effect" and segment.variable is None and per_character is not None:
        tokens = 1000 * per_character * len(segment.text)
        usd = _price(tokens, evidence.model, base_url)
    centre = float(pooled.influence[place]) if known else 0.0
    return Influence(
        segment=segment,
        influence=min(max(centre, judgement.low), judgement.high),
        ci_low=judgement.low,
        ci_high=judgement.high,
        standard_error=error if known else None,
        p_value=judgement.p_value,
        significant=judgement.significant,
        verdict=judgement.verdict,
        spread=float(pooled.spread[place]),
        calls_tried=float(pooled.tried[place]),
        calls_lost=float(pooled.lost[place]),
        may_need=judgement.may_need,
        calls_needed=judgement.calls_needed,
        tokens_saved=tokens,
        usd_saved=usd,
    )


def _tokens_per_character(traffic: Sequence[Call]) -> float | None:
    """Input tokens per character of prompt, from the usage that providers reported."""
    counted = [
        (call.usage.input_tokens, sum(len(message.content) for message in call.messages))
        for call in traffic
        if call.usage is not None and call.usage.input_tokens
    ]
    characters = sum(length for _, length in counted)
    return sum(tokens for tokens, _ in counted) / characters if characters else None


def _price(tokens: float, model: str | None, base_url: str | None) -> float | None:
    if model is None or base_url is None:
        return None
    million = price(Usage(input_tokens=1_000_000, output_tokens=0), model, base_url)
    return None if million is None else tokens * million / 1e6
