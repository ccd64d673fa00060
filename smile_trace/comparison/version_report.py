"""One version's evidence as a report: its segments' influences and the figures of its traffic."""

import re
from collections.abc import Sequence, Set

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.comparison.evidence import Evidence
from smile_trace.comparison.pooled_effects import Pooled, pool
from smile_trace.comparison.templates import segment_template
from smile_trace.comparison.verdicts import LEVEL, PooledVerdict, pooled_verdicts
from smile_trace.models.transport import price
from smile_trace.records import Call, Feedback, Prompted, Unit, Usage
from smile_trace.records.comparison import Influence, Measure, TemplateSegment, VersionReport
from smile_trace.records.formats.requests import with_offered_tools
from smile_trace.records.message import ToolCall
from smile_trace.settings import ServerSettings, Settings, table_of

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
"""Beginnings of refusals."""


def report(
    evidence: Evidence, prompt: str, units: Set[Unit], limit: float, settings: Settings
) -> VersionReport:
    """Report one version; without rows its template is cut like those beside it, by `units`.
    `limit` is the smallest effect that matters, in units of answer change."""
    segments = evidence.segments
    if evidence.rows is None:
        unit: Unit = "word" if units == {"word"} else "sentence"
        segments = segment_template(prompt, evidence.version, evidence.template, unit)
    base_url = base_url_of(evidence.model, settings)
    influences = [Influence(segment=s, influence=0.0, ci_low=-1.0, ci_high=1.0) for s in segments]
    rows = evidence.rows
    if rows is not None:
        pooled = pool(rows, limit)
        verdicts = pooled_verdicts(pooled, limit)
        influences = [
            _influence(segment, pooled, k, verdicts[k]) for k, segment in enumerate(segments)
        ]
        influences = _with_savings(influences, evidence, base_url)
    keep = () if rows is None else tuple(round(1 - q, 6) for q in np.unique(rows.q)[::-1].tolist())
    return VersionReport(
        label=evidence.label,
        version=evidence.version,
        model=evidence.model,
        template=evidence.template,
        calls=evidence.calls,
        sampled_of=evidence.sampled_of,
        explained=0 if rows is None else rows.calls,
        rows=0 if rows is None else rows.asked or len(rows),
        keep_probabilities=keep,
        signal=evidence.signal,
        segments=tuple(influences),
        measures=measure(evidence.traffic, evidence.feedback, base_url),
        probes=evidence.probes,
        dropped=tuple(evidence.dropped),
        beside=_roles_beside(evidence.traffic, prompt),
    )


def _roles_beside(traffic: Sequence[Call], prompt: str) -> tuple[str, ...]:
    own = {
        call.messages[use.message].role
        for call in traffic
        for use in call.prompts
        if use.name == prompt
    }
    roles = dict.fromkeys(message.role for call in traffic for message in call.messages)
    return tuple(role for role in roles if role not in own)


def _influence(
    segment: TemplateSegment, pooled: Pooled, place: int, verdict: PooledVerdict
) -> Influence:
    error = float(pooled.error[place])
    known = bool(np.isfinite(error))
    centre = float(pooled.influence[place]) if known else 0.0
    return Influence(
        segment=segment,
        influence=min(max(centre, verdict.low), verdict.high),
        ci_low=verdict.low,
        ci_high=verdict.high,
        standard_error=error if known else None,
        p_value=verdict.p_value,
        significant=verdict.significant,
        verdict=verdict.verdict,
        spread=float(pooled.spread[place]),
        calls_tried=float(pooled.tried[place]),
        calls_lost=float(pooled.lost[place]),
        calls_need=int(pooled.need[place]),
        may_need=verdict.may_need,
        calls_needed=verdict.calls_needed,
        calls=int(pooled.calls[place]),
        calls_held=len(pooled.held.get(place, ())),
        elsewhere=verdict.elsewhere,
    )


def _with_savings(
    influences: Sequence[Influence], evidence: Evidence, base_url: str | None
) -> list[Influence]:
    per_character = _tokens_per_character(evidence.traffic)
    found = []
    for item in influences:
        idle = item.verdict == "excluded" and item.segment.variable is None and not item.untested
        if per_character is not None and idle:
            tokens = 1000 * per_character * len(item.segment.text)
            usd = price_of_input(tokens, evidence.model, base_url)
            item = item.model_copy(update={"tokens_saved": tokens, "usd_saved": usd})
        found.append(item)
    return found


def _tokens_per_character(traffic: Sequence[Call]) -> float | None:
    """Input tokens per character that was sent, from the usage that providers reported."""
    counted = [
        (call.usage.input_tokens, _characters(call))
        for call in traffic
        if call.usage is not None and call.usage.input_tokens
    ]
    characters = sum(length for _, length in counted)
    return sum(tokens for tokens, _ in counted) / characters if characters else None


def input_added(
    before: str, after: str, traffic: Sequence[Call], model: str | None, settings: Settings
) -> tuple[float, float | None] | None:
    """The input tokens and US dollars that a new template adds to a thousand calls (less than
    zero: it saves them); None if no call's usage is known, no price without one."""
    per_character = _tokens_per_character(traffic)
    if per_character is None:
        return None
    tokens = 1000 * per_character * (len(after) - len(before))
    return tokens, price_of_input(tokens, model, base_url_of(model, settings))


def _characters(call: Call) -> int:
    """The characters of a request: its messages with the calls of tools, and the tools offered."""
    sent = with_offered_tools(Prompted.of(call)).messages
    calls = [part for one in sent for part in one.parts if isinstance(part, ToolCall)]
    texts = [one.content for one in sent] + [f"{one.name}{one.arguments_text}" for one in calls]
    return sum(map(len, texts))


def base_url_of(model: str | None, settings: Settings) -> str | None:
    """The address that decides a model's prices; None if there are none."""
    table = table_of(settings.models, model or "*")
    return table.base_url if isinstance(table, ServerSettings) else None


def price_of_input(tokens: float, model: str | None, base_url: str | None) -> float | None:
    """The cost of so many input tokens, in US dollars; None if no price is known."""
    if model is None or base_url is None:
        return None
    million = price(Usage(input_tokens=1_000_000, output_tokens=0), model, base_url)
    return None if million is None else tokens * million / 1e6


# -- traffic --------------------------------------------------------------------------------------


def measure(
    traffic: Sequence[Call], feedback: Sequence[Feedback], base_url: str | None
) -> tuple[Measure, ...]:
    """The figures of a version's calls, each over the calls for which it is known; without a
    `base_url` there are no prices."""
    answered = [call for call in traffic if call.answer is not None]
    usages = [call.usage for call in traffic if call.usage is not None]
    prices = [price for call in traffic if (price := _price_of_call(call, base_url)) is not None]
    values: dict[str, list[float]] = {
        "answer_characters": [float(len(call.answer_without_reasoning)) for call in answered],
        "latency_seconds": [(call.end_ns - call.start_ns) / 1e9 for call in answered],
        "input_tokens": [float(u.input_tokens) for u in usages if u.input_tokens is not None],
        "output_tokens": [float(u.output_tokens) for u in usages if u.output_tokens is not None],
        "usd": prices,
        "refusal_rate": [float(refuses(call.answer_without_reasoning)) for call in answered],
        "feedback": [item.score for item in feedback],
    }
    return tuple(_measure(name, found) for name, found in values.items() if found)


def refuses(answer: str) -> bool:
    """Whether an answer begins as refusals do, in eight languages; a rule, not a verdict."""
    return _REFUSAL.match(answer) is not None


def _price_of_call(call: Call, base_url: str | None) -> float | None:
    if call.usage is None or call.model is None or base_url is None:
        return None
    return price(call.usage, call.model, base_url)


def _measure(name: str, values: Sequence[float]) -> Measure:
    mean = float(np.mean(values))
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    half = 0.0
    if len(values) > 1:
        quantile = scipy.stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)
        half = float(quantile * deviation / np.sqrt(len(values)))
    return Measure(
        name=name,
        mean=mean,
        ci_low=mean - half,
        ci_high=mean + half,
        deviation=deviation,
        count=len(values),
    )
