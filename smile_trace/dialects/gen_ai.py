"""The GenAI conventions of OpenTelemetry: plain, and as capture writes them (with ours beside).

Source: OpenTelemetry semantic conventions, "GenAI client spans" and its JSON schemas of
`gen_ai.input.messages` and `gen_ai.output.messages`.
"""

from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects.attributes import (
    NOT_CAPTURED,
    call_fields,
    read_list,
    read_object,
    read_prompts,
    read_status,
    read_text,
    read_usage,
)
from smile_trace.dialects.parts import answer_of, called_tools, read_message, why_not_repeatable
from smile_trace.records.base import JSON
from smile_trace.records.call import Call, Form, Span
from smile_trace.records.message import Message
from smile_trace.records.parts import ToolCall

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
    semconv.REQUEST_PREFIX + "previous_response.id": "previous_response_id",
}


class GenAI:
    """A call has input messages, or an operation that asks a model."""

    name: ClassVar[str] = "gen_ai"

    def recognises(self, span: Span) -> bool:
        """Whether the span is a call, and not what capture wrote around calls."""
        a = span.attributes
        if a.get(semconv.KIND) in ("context", "feedback"):
            return False
        return semconv.INPUT_MESSAGES in a or a.get(semconv.OPERATION_NAME) in _OPERATIONS

    def read_call(self, span: Span) -> Call:
        """The call, with what only capture writes where it wrote it."""
        a = span.attributes
        system = read_list(a.get(semconv.SYSTEM_INSTRUCTIONS))
        raw = [{"role": "system", "parts": system}] if system else []
        raw += read_list(a.get(semconv.INPUT_MESSAGES))
        parameters = _parameters(a)
        messages = tuple(message for item in raw if (message := read_message(item)) is not None)
        answer, no_content, calls = _answer(span, bool(messages))
        return Call(
            **call_fields(span),
            form=_form(a),
            messages=messages,
            answer=answer,
            tool_calls=calls,
            model=_first_text(a, semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL),
            provider=read_text(a.get(semconv.PROVIDER_NAME)),
            parameters=parameters,
            usage=read_usage(a.get(semconv.USAGE_INPUT_TOKENS), a.get(semconv.USAGE_OUTPUT_TOKENS)),
            finish_reason=_finish_reason(a),
            response_id=read_text(a.get(semconv.RESPONSE_ID)),
            prompts=read_prompts(span, messages),
            rerun=read_text(a.get(semconv.RERUN)),
            rerun_arguments=read_object(a.get(semconv.RERUN_ARGUMENTS)) or None,
            session=_first_text(a, semconv.CONVERSATION_ID, semconv.SESSION_ID),
            user=read_text(a.get(semconv.USER_ID)),
            tags={k: str(v) for k, v in read_object(a.get(semconv.TAGS)).items()},
            metadata=read_object(a.get(semconv.METADATA)),
            no_content=no_content,
            not_repeatable=why_not_repeatable(messages, parameters),
            prompt_assumed=a.get(semconv.PROMPT_ASSUMED) is True,
        )


def _answer(span: Span, sent: bool) -> tuple[str | None, str | None, tuple[ToolCall, ...]]:
    """The first answer's text, or why there is none; and the tools that it calls."""
    a = span.attributes
    why = read_text(a.get(semconv.NO_CONTENT))
    answers = read_list(a.get(semconv.OUTPUT_MESSAGES))
    reason = _finish_reason(a)
    if not answers and reason == "content_filter":
        return answer_of(Message(role="assistant"), reason), why, ()
    if not answers:
        failed = read_status(span) in ("raised", "cancelled")
        return None, why or (None if failed and sent else NOT_CAPTURED), ()
    message = read_message(answers[0])
    if message is None:
        return None, why or "the answer cannot be read", ()
    answer = answer_of(message, reason)
    if answer is not None:
        return answer, why, called_tools(message)
    if not _other_parts(answers[0]):
        return message.content, why, ()
    return None, why or f"the answer is no text but {', '.join(_other_parts(answers[0]))}", ()


def _other_parts(raw: JSON) -> list[str]:
    """The kinds of a message's parts that are not text."""
    parts = raw.get("parts") if isinstance(raw, dict) else None
    parts = parts if isinstance(parts, list) else []
    kinds = [str(p.get("type")) for p in parts if isinstance(p, dict)]
    return [kind for kind in dict.fromkeys(kinds) if kind != "text"]


def _finish_reason(attributes: dict[str, JSON]) -> str | None:
    """Of the first answer."""
    reasons = read_list(attributes.get(semconv.RESPONSE_FINISH_REASONS))
    return read_text(next(iter(reasons), None))


def _first_text(attributes: dict[str, JSON], *names: str) -> str | None:
    return next((text for n in names if (text := read_text(attributes.get(n)))), None)


def _form(attributes: dict[str, JSON]) -> Form:
    if attributes.get(semconv.OPENAI_API_TYPE) == semconv.RESPONSES:
        return "responses"
    return "completion" if attributes.get(semconv.OPERATION_NAME) == "text_completion" else "chat"


def _parameters(attributes: dict[str, JSON]) -> dict[str, JSON]:
    named = {name: attributes[key] for key, name in _PARAMETERS.items() if key in attributes}
    if tools := read_list(attributes.get(semconv.TOOL_DEFINITIONS)):
        named["tools"] = tools
    return named | read_object(attributes.get(semconv.PARAMETERS))
