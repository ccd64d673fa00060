"""Spool files as the capture side writes them, without the capture side."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from smile_trace import semconv
from smile_trace.records import JSON, Span
from tests.support.otlp_json import spans_to_otlp

START = 1_764_000_000 * 10**9


def call_span(
    number: int,
    *,
    parent: str | None = None,
    span: int = 1,
    prompt: str | Sequence[tuple[str, str]] = "Say something nice",
    answer: str | None = "something nice",
    model: str | None = "planted",
    trace: int | None = None,
    **attributes: JSON,
) -> Span:
    """The span of one LLM call; `number` gives its trace's id, `span` its own. `prompt`: the user's
    message, or roles with their texts, of which two in a row of one role are one message."""
    texts = [("user", prompt)] if isinstance(prompt, str) else prompt
    held: dict[str, JSON] = {
        semconv.KIND: "call",
        semconv.STATUS: "returned",
        semconv.OPERATION_NAME: "chat",
        semconv.INPUT_MESSAGES: json.dumps(
            [
                {"role": role, "parts": [{"type": "text", "content": text} for _, text in some]}
                for role, some in groupby(texts, key=itemgetter(0))
            ]
        ),
    }
    if answer is not None:
        parts = [{"type": "text", "content": answer}]
        held[semconv.OUTPUT_MESSAGES] = json.dumps([{"role": "assistant", "parts": parts}])
    if model is not None:
        held[semconv.REQUEST_MODEL] = model
    return Span(
        trace_id=trace_id(number),
        span_id=span_id(span),
        parent_id=parent,
        name=f"chat {model}",
        start_ns=START + number * 1000,
        end_ns=START + number * 1000 + 500,
        attributes={**held, **attributes},
        resource={"service.name": "test"},
        scope="smile_trace",
    )


def context_span(number: int, *, span: int = 9, parent: str | None = None) -> Span:
    """A span around calls."""
    return Span(
        trace_id=trace_id(number),
        span_id=span_id(span),
        parent_id=parent,
        name="answer",
        start_ns=START + number * 1000 - 100,
        end_ns=START + number * 1000 + 900,
        attributes={semconv.KIND: "context"},
        resource={"service.name": "test"},
        scope="smile_trace",
    )


def trace_id(number: int) -> str:
    """The id of the trace of that number."""
    return f"{number:032x}"


def span_id(number: int) -> str:
    """The id of the span of that number."""
    return f"{number:016x}"


def line(*spans: Span) -> bytes:
    """One spool line."""
    return json.dumps(spans_to_otlp(spans), ensure_ascii=False).encode() + b"\n"


def write_spool(folder: Path, spans: Iterable[Span], name: str = "process-1.jsonl") -> Path:
    """A spool file with one line per span, appended where it exists; its writer is gone.

    As capture does it, a file gets its name only when nobody can take it for one that is finished:
    whoever reads the folder removes what has no writer.
    """
    for made in (folder.parent, folder):  # private, as capture makes them
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, draft = folder / name, folder / f".{name}.draft"
    text = b"".join(map(line, spans))
    if path.exists():
        with path.open("ab") as stream:
            stream.write(text)
    else:
        draft.write_bytes(text)
        draft.rename(path)
    return path
