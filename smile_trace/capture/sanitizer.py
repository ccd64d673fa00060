"""Sanitizing of a record: secrets are replaced and texts truncated, and both are noted."""

from json.encoder import encode_basestring
from typing import Any

from smile_trace import semconv
from smile_trace._guards.jsonable import Shortened, dumps
from smile_trace._guards.redaction import (
    FAILED,
    SHORTEST_SECRET,
    Edit,
    find_secrets,
    move,
    redact,
)
from smile_trace._text.prompts import Use
from smile_trace.capture.config import Config
from smile_trace.capture.line_encoding import Escaped, escaped
from smile_trace.providers import Answer, MessageDict
from smile_trace.providers.base import without_data

RECORD_FACTOR = 16
"""The limit of all texts of a record together, in text limits."""


class Sanitizer:
    """Sanitizes a record's texts and counts `redacted` replacements; a `truncated` record, which
    may also have withheld a text because a redaction function raised, is never explained.

    With `search` off it only notes the texts, for a single search through all of them: a record in
    which it `found_nothing` can be written as it is.
    """

    __slots__ = ("_limit", "_redactors", "_room", "_texts", "_too_long", "redacted", "truncated")

    def __init__(self, config: Config, *, search: bool = True) -> None:
        self._texts: list[str] | None = None if search else []
        self._too_long = False
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
        if self._texts is not None:
            self._too_long = self._too_long or length > limit
            self._texts.append(text)
            self._room -= length
            return "" if length > self._limit else text, []
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

    def found_nothing(self) -> bool:
        """Whether no noted text holds a secret, and none has to be cut."""
        if self._texts is None:
            return True
        return not self._too_long and next(find_secrets("\n".join(self._texts)), None) is None

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
    written = []
    for index, message in enumerate(messages):
        text, edits = _write(message, sanitizer)
        written.append(text)
        for use in uses if edits else ():
            if use["message"] == index:
                _move(use, edits)
    attributes: dict[str, Any] = {semconv.INPUT_MESSAGES: _joined(written)}
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
        written = []
        for index, message in enumerate(answer.messages):
            if index < len(answer.finish_reasons):
                message = {**message, "finish_reason": answer.finish_reasons[index]}
            written.append(_write(message, sanitizer)[0])
        attributes[semconv.OUTPUT_MESSAGES] = _joined(written)
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


def _joined(messages: list[str]) -> Escaped:
    return Escaped(f"[{','.join(messages)}]")


def _write(message: MessageDict, sanitizer: Sanitizer) -> tuple[str, list[list[Edit]]]:
    """A message as escaped JSON, sanitized, and the edits in its texts joined by line breaks."""
    parts = message["parts"]
    alone = parts[0] if len(message) == 2 and len(parts) == 1 else {}
    if len(alone) == 2 and type(alone.get("content")) is str and alone["type"] == "text":
        # A usual message, in a third of the time.
        role, (text, edits) = sanitizer.text(message["role"]), sanitizer.edited(alone["content"])
        said = f'[{{\\"type\\":\\"text\\",\\"content\\":\\"{_escaped_twice(text)}\\"}}]'
        return f'{{\\"role\\":\\"{_escaped_twice(role)}\\",\\"parts\\":{said}}}', edits
    clean, edits = _sanitize_parts(parts, sanitizer)
    held = {k: clean if k == "parts" else sanitizer.value(v) for k, v in message.items()}
    return escaped(dumps(held)), edits


def _escaped_twice(text: str) -> str:
    """The text as it stands in JSON that is itself a text in JSON."""
    if not text.isascii():
        return escaped(encode_basestring(text)[1:-1])
    once = escaped(text)
    return once.replace("\\", "\\\\").replace('"', '\\"') if "\\" in once else once


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
