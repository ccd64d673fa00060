"""The GenAI conventions of OpenTelemetry: plain, and as capture writes them (with ours beside).

Source: OpenTelemetry semantic conventions, "GenAI client spans" and its JSON schemas of
`gen_ai.input.messages` and `gen_ai.output.messages`.
"""

import json
from typing import get_args

from pydantic import ValidationError

from smile_trace import semconv
from smile_trace.records.base import JSON
from smile_trace.records.call import Call, CallStatus, Form, Message, PromptUse, Span, Usage

_OPERATIONS = ("chat", "text_completion", "generate_content")
_PARAMETERS = {
    semconv.REQUEST_TEMPERATURE: "temperature",
    semconv.REQUEST_TOP_P: "top_p",
    semconv.REQUEST_MAX_TOKENS: "max_tokens",
    semconv.REQUEST_SEED: "seed",
    semconv.REQUEST_STOP_SEQUENCES: "stop",
    semconv.REQUEST_PREFIX + "frequency_penalty": "frequency_penalty",
    semconv.REQUEST_PREFIX + "presence_penalty": "presence_penalty",
    semconv.REQUEST_PREFIX + "top_k": "top_k",
    semconv.REQUEST_PREFIX + "choice.count": "n",
}
_STATUSES: tuple[CallStatus, ...] = get_args(CallStatus)
NOT_CAPTURED = "no content captured"


def read_call(span: Span) -> Call | None:
    """The call that a span holds; None where it is no call of this dialect."""
    a = span.attributes
    if a.get(semconv.KIND) in ("context", "feedback"):
        return None
    if semconv.INPUT_MESSAGES not in a and a.get(semconv.OPERATION_NAME) not in _OPERATIONS:
        return None
    sent = _loads(a.get(semconv.SYSTEM_INSTRUCTIONS))
    system = [{"role": "system", "parts": sent}] if isinstance(sent, list) and sent else []
    raw = [*system, *_list(a.get(semconv.INPUT_MESSAGES))]
    messages = tuple(message for item in raw if (message := _message(item)) is not None)
    answer, no_content = _answer(span, bool(messages))
    return Call(
        trace_id=span.trace_id,
        span_id=span.span_id,
        name=span.name,
        form=_form(a.get(semconv.OPERATION_NAME)),
        messages=messages,
        answer=answer,
        status=read_status(span),
        error=read_error(span),
        model=read_text(a.get(semconv.REQUEST_MODEL)) or read_text(a.get(semconv.RESPONSE_MODEL)),
        provider=read_text(a.get(semconv.PROVIDER_NAME)),
        parameters=_parameters(a),
        usage=_usage(a),
        finish_reason=read_text(next(iter(_list(a.get(semconv.RESPONSE_FINISH_REASONS))), None)),
        response_id=read_text(a.get(semconv.RESPONSE_ID)),
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        prompts=read_prompts(a.get(semconv.PROMPTS), messages),
        rerun=read_text(a.get(semconv.RERUN)),
        rerun_arguments=read_object(a.get(semconv.RERUN_ARGUMENTS)) or None,
        session=read_text(a.get(semconv.CONVERSATION_ID)) or read_text(a.get(semconv.SESSION_ID)),
        user=read_text(a.get(semconv.USER_ID)),
        tags={k: str(v) for k, v in read_object(a.get(semconv.TAGS)).items()},
        metadata=read_object(a.get(semconv.METADATA)),
        external_trace=read_external_trace(a),
        truncated=read_truncated(a),
        no_content=no_content,
        unrepeatable=_unrepeatable(raw),
    )


def _answer(span: Span, sent: bool) -> tuple[str | None, str | None]:
    """The first answer's text, or why there is none."""
    a = span.attributes
    why = read_text(a.get(semconv.NO_CONTENT))
    answers = _list(a.get(semconv.OUTPUT_MESSAGES))
    if not answers:
        failed = read_status(span) in ("raised", "cancelled")
        return None, why or (None if failed and sent else NOT_CAPTURED)
    message = _message(answers[0])
    if message is None:
        return None, why or "the answer cannot be read"
    if message.content or not _other_parts(answers[0]):
        return message.content, why
    return None, why or f"the answer is no text but {', '.join(_other_parts(answers[0]))}"


def _unrepeatable(raw: list[JSON]) -> str | None:
    """Why the texts of the messages alone are not the request that was sent."""
    kinds = {kind: None for message in raw for kind in _other_parts(message)}
    return f"its messages hold more than text: {', '.join(kinds)}" if kinds else None


def _message(raw: JSON) -> Message | None:
    """A message's texts, one per line; capture looks for prompts in the same."""
    if not isinstance(raw, dict):
        return None
    parts = raw.get("parts")
    if isinstance(parts, list):
        texts = [p.get("content") for p in parts if isinstance(p, dict) and p.get("type") == "text"]
        content = "\n".join(str(text) for text in texts if text is not None)
    else:
        content = str(raw.get("content") or "")
    return Message(role=str(raw.get("role") or "user"), content=content)


def _other_parts(raw: JSON) -> list[str]:
    """The kinds of a message's parts that are not text."""
    parts = raw.get("parts") if isinstance(raw, dict) else None
    kinds = [str(p.get("type")) for p in parts or [] if isinstance(p, dict)]
    return [kind for kind in dict.fromkeys(kinds) if kind != "text"]


def read_status(span: Span) -> CallStatus:
    """How the call ended: as capture wrote it, else by the span's status."""
    written = span.attributes.get(semconv.STATUS)
    for status in _STATUSES:
        if written == status:
            return status
    return "raised" if span.status == "error" else "returned"


def read_error(span: Span) -> str | None:
    """What went wrong, in words; None where nothing did."""
    if span.status != "error" and semconv.ERROR_TYPE not in span.attributes:
        return None
    return span.status_message or read_text(span.attributes.get(semconv.ERROR_TYPE)) or "error"


def _form(operation: JSON) -> Form:
    return "completion" if operation == "text_completion" else "chat"


def _parameters(attributes: dict[str, JSON]) -> dict[str, JSON]:
    named = {name: attributes[key] for key, name in _PARAMETERS.items() if key in attributes}
    return named | read_object(attributes.get(semconv.PARAMETERS))


def _usage(attributes: dict[str, JSON]) -> Usage | None:
    tokens = [attributes.get(k) for k in (semconv.USAGE_INPUT_TOKENS, semconv.USAGE_OUTPUT_TOKENS)]
    if all(token is None for token in tokens):
        return None
    sent, got = (token if isinstance(token, int) else None for token in tokens)
    return Usage(input_tokens=sent, output_tokens=got)


def read_prompts(raw: JSON, messages: tuple[Message, ...]) -> tuple[PromptUse, ...]:
    """The prompt uses whose place in the messages can be so; others are left out."""
    uses = []
    for item in _list(raw):
        try:
            use = PromptUse.model_validate(item)
        except ValidationError:
            continue
        inside = 0 <= use.message < len(messages)
        if inside and 0 <= use.start <= use.end <= len(messages[use.message].content):
            uses.append(use)
    return tuple(uses)


def read_external_trace(attributes: dict[str, JSON]) -> dict[str, str]:
    """The noted ids of the application's own traces."""
    return {
        name.removeprefix(prefix): str(value)
        for prefix in (semconv.EXTERNAL_PREFIX_0_1, semconv.EXTERNAL_PREFIX)
        for name, value in attributes.items()
        if name.startswith(prefix)
    }


def read_truncated(attributes: dict[str, JSON]) -> bool:
    """Whether capture truncated a text of the call."""
    return any(attributes.get(k) is True for k in (semconv.TRUNCATED, semconv.TRUNCATED_0_1))


def read_text(value: JSON) -> str | None:
    """A text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def _loads(value: JSON) -> JSON:
    """A structured attribute: JSON text, or already structured."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _list(value: JSON) -> list[JSON]:
    loaded = _loads(value)
    return loaded if isinstance(loaded, list) else []


def read_object(value: JSON) -> dict[str, JSON]:
    """A JSON object, also one that is written as text; empty for anything else."""
    loaded = _loads(value)
    return loaded if isinstance(loaded, dict) else {}
