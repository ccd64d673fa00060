"""What a version's traffic looked like: length, latency, cost, refusals, feedback."""

import re
from collections.abc import Sequence

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from smile_trace.comparison.verdicts import LEVEL
from smile_trace.models.accounting.cost import price
from smile_trace.records import Call, Feedback
from smile_trace.records.comparison import Measure, MeasureChange

_REFUSAL = re.compile(
    # English, German, French, Spanish, Italian, Portuguese, Chinese, Japanese
    r"\W*(?:(?:i(?:'|’)?m|i am) (?:really |very |so )?(?:sorry|unable|not able|afraid)"
    r"|sorry,? (?:but )?i|i (?:cannot|can(?:'|’)?t|can not|won(?:'|’)?t|am unable)"
    r"|as an ai\b|i must decline|unfortunately,? i (?:cannot|can(?:'|’)?t)"
    r"|es tut mir leid|tut mir leid|ich kann (?:dir|ihnen|das|dabei|leider)?\s*nicht"
    r"|je suis désolé|désolée?,|je ne peux pas|lo siento|no puedo"
    r"|mi dispiace|non posso|desculpe|sinto muito|não posso"
    r"|抱歉|对不起|很抱歉|我无法|我不能|申し訳|すみません)",
    re.IGNORECASE,
)
"""How answers that refuse begin."""


def refuses(answer: str) -> bool:
    """Whether an answer begins as refusals do (in nine languages); a rule, no judgement."""
    return _REFUSAL.match(answer) is not None


def measure(
    traffic: Sequence[Call], opinions: Sequence[Feedback], base_url: str | None
) -> tuple[Measure, ...]:
    """The figures of a version's calls, each over the calls that know it.

    Args:
        base_url: the provider's address, which decides the price; None: no prices.
    """
    answered = [call for call in traffic if call.answer is not None]
    usages = [call.usage for call in traffic if call.usage is not None]
    prices = [price for call in traffic if (price := price_of_call(call, base_url)) is not None]
    values: dict[str, list[float]] = {
        "answer_characters": [float(len(call.answer or "")) for call in answered],
        "latency_seconds": [(call.end_ns - call.start_ns) / 1e9 for call in answered],
        "input_tokens": [float(u.input_tokens) for u in usages if u.input_tokens is not None],
        "output_tokens": [float(u.output_tokens) for u in usages if u.output_tokens is not None],
        "usd": prices,
        "refusal_rate": [float(refuses(call.answer or "")) for call in answered],
        "feedback": [opinion.score for opinion in opinions],
    }
    return tuple(_measure(name, found) for name, found in values.items() if found)


def price_of_call(call: Call, base_url: str | None) -> float | None:
    """What the call cost, in US dollars; None where usage or price is unknown."""
    if call.usage is None or call.model is None or base_url is None:
        return None
    return price(call.usage, call.model, base_url)


def _measure(name: str, values: Sequence[float]) -> Measure:
    mean = float(np.mean(values))
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    half = 0.0
    if len(values) > 1:
        quantile = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)
        half = float(quantile * deviation / np.sqrt(len(values)))
    return Measure(
        name=name,
        mean=mean,
        ci_low=mean - half,
        ci_high=mean + half,
        deviation=deviation,
        count=len(values),
    )


def change_of_measures(
    before: Sequence[Measure], after: Sequence[Measure]
) -> tuple[MeasureChange, ...]:
    """Welch's t test (1947) of every figure that both versions have at least twice."""
    known = {measure.name: measure for measure in after}
    return tuple(
        _change(one, known[one.name])
        for one in before
        if one.name in known and min(one.count, known[one.name].count) > 1
    )


def _change(before: Measure, after: Measure) -> MeasureChange:
    variances = [m.deviation**2 / m.count for m in (before, after)]
    error = float(np.sqrt(sum(variances)))
    change = after.mean - before.mean
    if error == 0:
        p_value, half = float(change == 0), 0.0
    else:
        parts = [v**2 / (m.count - 1) for v, m in zip(variances, (before, after), strict=True)]
        freedom = sum(variances) ** 2 / sum(parts)
        p_value = float(2 * stats.t.sf(abs(change) / error, freedom))
        half = float(stats.t.ppf((1 + LEVEL) / 2, freedom) * error)
    return MeasureChange(
        name=before.name,
        before=before.mean,
        after=after.mean,
        change=change,
        ci_low=change - half,
        ci_high=change + half,
        p_value=p_value,
    )
