"""Sanitizing of a record: secrets are replaced and texts truncated, and both are noted."""

from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

from smile_trace import semconv
from smile_trace._guards.jsonable import JSONText, Shortened, dumps
from smile_trace._guards.redaction import FAILED, SHORTEST_SECRET, Edit, move, redact
from smile_trace._text.prompts import Use
from smile_trace.capture.config import Config
from smile_trace.providers import Answer, MessageDict
from smile_trace.providers.base import without_data

RECORD_FACTOR = 16
"""The limit of all texts of a record together, in text limits."""


class Sanitizer:
    """Sanitizes a record's texts and counts `redacted` replacements; a `truncated` record, which
    may also have withheld a text because a redaction function raised, is never explained."""

    __slots__ = ("_limit", "_redactors", "_room", "redacted", "truncated")

    def __init__(self, config: Config) -> None:
        self._limit = config.text_limit
        self._room = config.text_limit * RECORD_FACTOR
        self._redactors = config.redactors
        self.redacted = 0
        self.truncated = False

    def text(self, text: str) -> str:
        """The sanitized text."""
        if len(text) < SHORTEST_SECRET and not self._redactors and self._room > SHORTEST_SECRET:
            self._room -= len(text)
            return text
        return self.edited(text)[0]

    def edited(self, text: str) -> tuple[str, list[list[Edit]]]:
        """The sanitized text, and the edits of redaction, step by step.

        A very long text is cut to twice the limit before it is searched, which bounds the time; the
        margin lets a secret across the limit be found whole.
        """
        length = len(text)
        limit = min(self._limit, max(self._room, 0))
        if length > 2 * limit:
            text = text[: 2 * limit]
        text, steps = redact(text, self._redactors)
        self.redacted += sum(len(edits) for edits in steps)
        self.truncated = self.truncated or text == FAILED
        if len(text) > limit or length > 2 * limit:
            self.truncated = True
            text = f"{text[:limit]}… [truncated by smile-trace: {length:,} characters]"
        self._room -= len(text)
        return text, steps

    def has_room_for(self, data: str) -> bool:
        """Whether data other than text, which is not searched, is within a text's limits."""
        if len(data) > min(self._limit, max(self._room, 0)):
            return False
        self._room -= len(data)
        return True

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it sanitized, keys included."""
        if isinstance(value, str):
            self.truncated = self.truncated or type(value) is Shortened
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


def message_attributes(
    messages: list[MessageDict], uses: list[Use], sanitizer: Sanitizer
) -> dict[str, Any]:
    """`gen_ai.input.messages`, and the prompts found in the messages."""
    sanitized = []
    for index, message in enumerate(messages):
        parts, edits = _sanitize_parts(message["parts"], sanitizer)
        sanitized.append(_with_parts(message, parts, sanitizer))
        for use in uses:
            if use["message"] == index and edits:
                _move(use, edits)
    attributes: dict[str, Any] = {semconv.INPUT_MESSAGES: _dumps(sanitized)}
    if uses:
        prompts = sanitizer.value(uses)
        newest = prompts[0]
        attributes[semconv.PROMPTS] = dumps(prompts)
        attributes[semconv.PROMPT_NAME] = newest["name"]
        attributes[semconv.PROMPT_VERSION] = newest["version"]
        attributes[semconv.TEMPLATE] = newest["template"]
        attributes[semconv.TEMPLATE_VERSION] = newest["version"]
        attributes[semconv.TEMPLATE_VARIABLES] = dumps(newest["variables"])
    return attributes


def answer_attributes(answer: Answer, sanitizer: Sanitizer) -> dict[str, Any]:
    """`gen_ai.output.messages`, and the response's id, model, usage and finish reasons."""
    attributes: dict[str, Any] = {}
    sanitizer.truncated = sanitizer.truncated or answer.shortened
    if answer.messages:
        sanitized = []
        for index, message in enumerate(answer.messages):
            parts, _ = _sanitize_parts(message["parts"], sanitizer)
            sanitized.append(_with_parts(message, parts, sanitizer))
            if index < len(answer.finish_reasons):
                sanitized[-1]["finish_reason"] = sanitizer.text(answer.finish_reasons[index])
        attributes[semconv.OUTPUT_MESSAGES] = _dumps(sanitized)
    if answer.finish_reasons:
        attributes[semconv.RESPONSE_FINISH_REASONS] = sanitizer.value(answer.finish_reasons)
    for key, value in (
        (semconv.NO_CONTENT, answer.no_content),
        (semconv.RESPONSE_ID, answer.response_id),
        (semconv.RESPONSE_MODEL, answer.model),
        (semconv.USAGE_INPUT_TOKENS, answer.input_tokens),
        (semconv.USAGE_OUTPUT_TOKENS, answer.output_tokens),
    ):
        if value is not None:
            attributes[key] = sanitizer.value(value)
    return attributes


def _with_parts(
    message: MessageDict, parts: list[dict[str, Any]], sanitizer: Sanitizer
) -> MessageDict:
    return {k: parts if k == "parts" else sanitizer.value(v) for k, v in message.items()}


def _dumps(messages: list[MessageDict]) -> JSONText:
    """`dumps`, in half the time for a usual message: a role and one text."""
    return JSONText(f"[{','.join(map(_dump, messages))}]")


def _dump(message: MessageDict) -> str:
    parts = message["parts"]
    alone = len(message) == 2 and len(parts) == 1 and len(parts[0]) == 2
    if not alone or parts[0]["type"] != "text":
        return dumps(message)
    role, text = _quote(message["role"]), _quote(parts[0]["content"])
    return f'{{"role":{role},"parts":[{{"type":"text","content":{text}}}]}}'


def _quote(text: str) -> str:
    """Quote as JSON without ASCII escapes; ASCII text takes half the time."""
    return encode_basestring_ascii(text) if text.isascii() else encode_basestring(text)


def _sanitize_parts(
    parts: list[dict[str, Any]], sanitizer: Sanitizer
) -> tuple[list[dict[str, Any]], list[list[Edit]]]:
    """The sanitized parts, and the edits moved to offsets in the texts joined by line breaks."""
    sanitized: list[dict[str, Any]] = []
    edits: list[list[Edit]] = []
    position = 0
    for part in parts:
        if part["type"] == "blob" and "content" in part:
            data = part["content"]
            kept = part if sanitizer.has_room_for(data) else without_data(part)
            clean = {k: v if v is data else sanitizer.value(v) for k, v in kept.items()}
            sanitized.append(clean)
            continue
        if part["type"] != "text":
            sanitized.append({key: sanitizer.value(value) for key, value in part.items()})
            continue
        sanitizer.truncated = sanitizer.truncated or type(part["content"]) is Shortened
        text, steps = sanitizer.edited(part["content"])
        others = {k: sanitizer.value(v) for k, v in part.items() if k not in ("type", "content")}
        sanitized.append({"type": "text", "content": text, **others})
        for step in steps:
            edits.append([Edit(e.start + position, e.end + position, e.length) for e in step])
        position += len(text) + 1
    return sanitized, edits


def _move(use: Use, edits: list[list[Edit]]) -> None:
    for span in (use, *use["variable_spans"]):
        span["start"] = move(span["start"], edits, end=False)
        span["end"] = move(span["end"], edits, end=True)
