"""Made-up traces, explanations and comparisons to deliver in tests."""

import json
import time
import uuid
from collections.abc import Mapping

from smile_trace import semconv
from smile_trace.dialects import assemble
from smile_trace.records import (
    JSON,
    Call,
    Correction,
    Cost,
    Explanation,
    ExplanationSettings,
    Fidelity,
    FidelityStatus,
    Message,
    Segment,
    SegmentAttribution,
    Span,
    Trace,
)
from smile_trace.records.comparison import Comparison, Influence, TemplateSegment, VersionReport
from smile_trace.records.judgement import ReviewItem, ReviewTask
from smile_trace.records.profile import ProbeResult, ProbeStatus, Profile, VariantAnswer

HOSTILE = (
    "<script>alert('smile-alarm')</script><img src=x onerror=\"console.log('smile-alarm')\">"
    " ]]> --> {braces} {{double}} {% raw %} %s ${HOME} | a | b |\n|---|---|\n"
    "[x](javascript:alert(1)) ![p](http://127.0.0.1:9/p.png) `tick` **bold** ~~gone~~"
    " \x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 \x00 \x07 \x9b2J \ud800 \ufffe"
    " 👩‍👩‍👧‍👦 🇩🇪 e\u0301 \u202eoverride\u202c שלום עולם مرحبا 你好世界 ไทย </svg></style></title>"
)
"""Everything that could be taken for something other than text, in one prompt."""


def sample_trace(
    prompt: str = "What is the capital of France?",
    *,
    calls: int = 1,
    external_trace: Mapping[str, str] = {},
) -> Trace:
    """Make a trace: a context span with `calls` chat calls in it, each asked `prompt`.
    `external_trace` holds ids of the user's own trace, noted on every call."""
    trace_id, root_id, now = uuid.uuid4().hex, uuid.uuid4().hex[:16], time.time_ns()
    root = Span(
        trace_id=trace_id,
        span_id=root_id,
        name="answer",
        start_ns=now - 10**9,
        end_ns=now,
        attributes={
            semconv.KIND: "context",
            semconv.INPUT: json.dumps({"question": prompt}),
            semconv.OUTPUT: json.dumps("Paris"),
        },
        resource={"service.name": "sample"},
    )
    captured: dict[str, JSON] = {semconv.KIND: "call", semconv.STATUS: "returned"}
    length = 10**9 // calls
    inside = []
    for number in range(calls):
        start = root.start_ns + number * length
        begin, end = start + length // 10, start + length - length // 10
        inside.append(chat_span(root, begin, end, "Paris", captured, user=prompt))
    trace = assemble(trace_id, [root, *inside])
    noted = tuple(
        call.model_copy(update={"external_trace": dict(external_trace)}) for call in trace.calls
    )
    return trace.model_copy(update={"calls": noted})


def sample_explanation(call: Call, *, status: FidelityStatus = "reliable") -> Explanation:
    """Make an explanation in which the last word of each message drives the answer."""
    segments = []
    for number, message in enumerate(call.messages):
        words = message.content.split(" ")
        start = 0
        for position, word in enumerate(words):
            last = position == len(words) - 1
            segments.append(
                SegmentAttribution(
                    text=word,
                    message=number,
                    role=message.role,
                    start=start,
                    end=start + len(word),
                    unit="word",
                    key=f"{number}.{position}",
                    attribution=0.7 if last else 0.01,
                    ci_low=0.6 if last else -0.02,
                    ci_high=0.8 if last else 0.04,
                    p_value=0.001 if last else 0.6,
                    significant=last,
                )
            )
            start += len(word) + 1
    return Explanation(
        messages=call.messages,
        form=call.form,
        answer=call.answer or "",
        signal="text",
        segments=tuple(segments),
        fidelity=Fidelity(status=status, reason="It explains most of it.", r2_heldout=0.8),
        cost=Cost(target_calls=40, tokens=900, usd=0.002),
        summary=f"The answer depends on {segments[-1].text!r}.",
        settings=ExplanationSettings(model=call.model or "sample"),
        explained_at="2026-11-25T00:00:00+00:00",
    )


def sample_correction(call: Call) -> Explanation:
    """Make an explanation with a target, by which the last word of the last message is to blame."""
    explained = sample_explanation(call)
    last = explained.segments[-1]
    part = Segment.model_validate(last.model_dump(include=set(Segment.model_fields)))
    found = Correction(parts=(part,), right=9, of=10, ci_low=0.65, ci_high=0.97)
    settings = explained.settings.model_copy(update={"contains": "no"})
    said = f"The answer would be right without {part.text!r} (9 of 10)."
    update = {"met": False, "corrections": (found,), "settings": settings, "summary": said}
    return explained.model_copy(update=update)


def sample_profile(call: Call) -> Profile:
    """Make a profile in which asking again changes nothing, and a greeting changes the answer."""
    asked = call.messages[0]
    greeted = asked.model_copy(update={"content": f"Hello! {asked.content}"})
    repeat = VariantAnswer(
        id="0" * 16,
        what="the same request",
        messages=call.messages,
        answer=call.answer or "",
        change=0.0,
        counts=False,
    )
    worst = repeat.model_copy(
        update={
            "id": "1" * 16,
            "what": f"a greeting before {asked.content}",
            "messages": (greeted, *call.messages[1:]),
            "answer": f"Not {call.answer}: {asked.content}",
            "change": 0.9,
            "counts": True,
        }
    )
    results = (
        _probe("stability", "Asked again", "none", 0, repeat),
        _probe("paraphrase", "Other words", "found", 4, worst),
        ProbeResult(
            name="order",
            title="Another order",
            status="inconclusive",
            reason="It needs two documents.",
        ),
    )
    return Profile(
        model=call.model or "sample",
        messages=call.messages,
        answer=call.answer or "",
        results={result.name: result for result in results},
        summary="The wording decides (4 of 4).",
        interval_level=0.9,
        budget=40,
        seed=7,
        cost=Cost(target_calls=8, tokens=300, usd=0.001),
        profiled_at="2026-11-25T00:00:00+00:00",
    )


def sample_review(trace_id: str, text: str = "Paris") -> ReviewTask:
    """Make a review of a variant of a trace's call, whose changed answer is `text`."""
    asked = Message(role="user", content="What is the capital of France?")
    greeted = asked.model_copy(update={"content": f"Hello! {asked.content}"})
    item = ReviewItem(
        id=uuid.uuid4().hex[:16],
        probe="paraphrase",
        prompt="0" * 16,
        change=0.9,
        counts=True,
        trace_id=trace_id,
    )
    return ReviewTask(
        item=item,
        title="Other words",
        what="a greeting before it",
        messages=(asked,),
        answer="Paris",
        changed_messages=(greeted,),
        changed_answer=text,
    )


def _probe(
    name: str, title: str, status: ProbeStatus, changed: int, worst: VariantAnswer
) -> ProbeResult:
    return ProbeResult(
        name=name,
        title=title,
        status=status,
        reason=f"{changed} of 4 gave another answer.",
        value=changed / 4,
        ci_low=0.5 if changed else 0.0,
        ci_high=1.0 if changed else 0.4,
        p_value=0.01 if changed else 1.0,
        variants=(worst,),
        changed=changed,
        calls=4,
    )


def sample_comparison(prompt: str) -> Comparison:
    """Make a comparison of two versions of a prompt, each of one segment."""
    return Comparison(
        prompt=prompt,
        versions=tuple(_version(version) for version in ("1", "2")),
        summary="Nothing changed.",
    )


def chat_span(
    root: Span, start_ns: int, end_ns: int, answer: str, attributes: dict[str, JSON], **asked: str
) -> Span:
    """Make a chat call inside the span `root`, by OpenTelemetry's conventions. Times are Unix
    nanoseconds; `asked` holds the messages by role."""
    return Span(
        trace_id=root.trace_id,
        span_id=uuid.uuid4().hex[:16],
        parent_id=root.span_id,
        name="chat sample-model",
        start_ns=start_ns,
        end_ns=end_ns,
        attributes={
            semconv.OPERATION_NAME: "chat",
            semconv.PROVIDER_NAME: "openai",
            semconv.REQUEST_MODEL: "sample-model",
            semconv.INPUT_MESSAGES: _messages(**asked),
            semconv.OUTPUT_MESSAGES: _messages(assistant=answer),
            semconv.USAGE_INPUT_TOKENS: 31,
            semconv.USAGE_OUTPUT_TOKENS: 4,
            **attributes,
        },
        resource=root.resource,
    )


def _messages(**contents: str) -> str:
    messages = [
        {"role": role, "parts": [{"type": "text", "content": text}]}
        for role, text in contents.items()
    ]
    return json.dumps(messages)


def _version(version: str) -> VersionReport:
    template = "Be brief."
    segment = TemplateSegment(key="0", text=template, start=0, end=len(template), unit="sentence")
    influence = Influence(segment=segment, influence=0.2, ci_low=0.1, ci_high=0.3)
    return VersionReport(
        label=version, version=version, template=template, calls=20, segments=(influence,)
    )
