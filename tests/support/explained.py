"""Captured traces and explanations with chosen scores, as the worker hands them to a tracker."""

import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence

from smile_trace import semconv
from smile_trace.records import (
    Call,
    Cost,
    Explanation,
    ExplanationSettings,
    Fidelity,
    FidelityStatus,
    Message,
    Observation,
    SegmentAttribution,
    Span,
    Trace,
    Usage,
)
from smile_trace_contracts.samples import HOSTILE as HOSTILE

WORD = re.compile(r"\w+(?:'\w+)?|[^\w\s]")


def explanation(
    messages: Sequence[tuple[str, str]] = (
        ("system", "You are a terse geography assistant. Answer with one word."),
        ("user", "My friend thinks it is Lyon, but I am not sure.\nWhat is the capital of France?"),
    ),
    scores: Mapping[str, float] = {"France": 0.71, "capital": 0.44, "Lyon": -0.12},
    *,
    answer: str = "Paris",
    status: FidelityStatus = "reliable",
    r2: float | None = 0.82,
    protected: Sequence[str] = (),
    summary: str = "“France” (+0.71) drove this answer.",
    at: str = "2026-11-25T00:40:00+00:00",
    perturbations: int = 2,
) -> Explanation:
    """An explanation in which the words of `scores` are significant and all others are not.

    Messages of the roles in `protected` are never removed.
    """
    segments = [
        _segment(word, index, role, scores, protected=role in protected)
        for index, (role, content) in enumerate(messages)
        for word in WORD.finditer(content)
    ]
    return Explanation(
        messages=tuple(Message(role=role, content=content) for role, content in messages),
        answer=answer,
        signal="probability",
        segments=tuple(segments),
        fidelity=Fidelity(
            status=status,
            reason="it predicts held-out answers better than how much was left out",
            r2_heldout=r2,
            r2_low=None if r2 is None else r2 - 0.1,
            r2_high=None if r2 is None else min(r2 + 0.1, 1.0),
            noise_floor=0.03,
            noise_ceiling=0.98,
        ),
        cost=Cost(target_calls=40, tokens=1840, usd=0.0012),
        summary=summary,
        perturbations=(
            Observation(kind="random", mask=(True,) * len(segments), text_hash="0" * 64, shift=0.1),
        )
        * perturbations,
        settings=ExplanationSettings(model="gemma-3-270m"),
        explained_at=at,
    )


def _segment(
    word: re.Match[str], message: int, role: str, scores: Mapping[str, float], *, protected: bool
) -> SegmentAttribution:
    value = 0.0 if protected else scores.get(word[0], 0.01 if word.start() % 2 else -0.02)
    return SegmentAttribution(
        text=word[0],
        message=message,
        role=role,
        start=word.start(),
        end=word.end(),
        unit="word",
        key=f"{message}:{word.start()}",
        attribution=value,
        ci_low=max(value - 0.06, -1.0),
        ci_high=min(value + 0.05, 1.0),
        p_value=None if protected else (0.002 if word[0] in scores else 0.6),
        significant=word[0] in scores and not protected,
        protected=protected,
    )


def captured(
    explained: Explanation, *, root: bool = True, external_trace: Mapping[str, str] = {}
) -> tuple[Trace, Call]:
    """The trace of one LLM call, with a context span around it if `root`."""
    trace_id, span_id, root_id = secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(8)
    now = time.time_ns()
    start, end = now - 150_000_000, now - 10_000_000
    resource = {"service.name": "support-bot"}
    llm = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=root_id if root else None,
        name="chat gpt-4o-mini",
        start_ns=start,
        end_ns=end,
        attributes={
            semconv.KIND: "call",
            semconv.NAME: "ask",
            semconv.OPERATION_NAME: "chat",
            semconv.PROVIDER_NAME: "openai",
            semconv.REQUEST_MODEL: "gpt-4o-mini",
            semconv.INPUT_MESSAGES: json.dumps([_parts(m) for m in explained.messages]),
            semconv.OUTPUT_MESSAGES: json.dumps(
                [_parts(Message(role="assistant", content=explained.answer))]
            ),
            semconv.USAGE_INPUT_TOKENS: 31,
            semconv.USAGE_OUTPUT_TOKENS: 4,
        },
        resource=resource,
    )
    context = Span(
        trace_id=trace_id,
        span_id=root_id,
        name="answer",
        start_ns=now - 180_000_000,
        end_ns=now,
        attributes={
            semconv.KIND: "context",
            semconv.INPUT: json.dumps({"question": explained.messages[-1].content}),
            semconv.OUTPUT: json.dumps(explained.answer),
        },
        resource=resource,
    )
    call = Call(
        trace_id=trace_id,
        span_id=span_id,
        name="ask",
        messages=explained.messages,
        answer=explained.answer,
        model="gpt-4o-mini",
        usage=Usage(input_tokens=31, output_tokens=4),
        start_ns=start,
        end_ns=end,
        external_trace=dict(external_trace),
    )
    trace = Trace(
        trace_id=trace_id,
        spans=(context, llm) if root else (llm,),
        calls=(call,),
        root_span_id=root_id if root else span_id,
        service_name="support-bot",
    )
    return trace, call


def _parts(message: Message) -> dict[str, object]:
    return {"role": message.role, "parts": [{"type": "text", "content": message.content}]}
