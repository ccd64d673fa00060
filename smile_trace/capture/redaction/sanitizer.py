"""Sanitizing one record: secrets are replaced and texts truncated, and both are noted."""

from typing import Any

from smile_trace._guards.secrets import SHORTEST_SECRET
from smile_trace.capture.config import Config
from smile_trace.capture.jsonable import Shortened
from smile_trace.capture.redaction.edits import FAILED, Edit, redact

RECORD_FACTOR = 16
"""All texts of one record together may be this many times as long as one."""


class Sanitizer:
    """Sanitizes the texts of one record.

    `redacted` counts what was replaced; `truncated` is set once a text was truncated (or withheld,
    because a redaction function raised): such a call is never explained.
    """

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

        A text far over the limit is shortened to twice the limit before it is searched, which
        bounds the time; the margin behind the limit lets a secret across it be found whole.
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
        """Whether data that is no text is within the limits of a text. It is not searched."""
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
