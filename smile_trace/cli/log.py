"""The log lines of commands that run until they are stopped."""

import json
import logging
import sys
import time

from smile_trace._guards.presentable import presentable_lines
from smile_trace._text.log_context import log_fields
from smile_trace.errors import SmileTraceError

NOISY = (
    "alembic",
    "dbos",
    "httpcore",
    "httpcore2",
    "urllib3",
    "httpx",
    "httpx2",
    "openai",
    "opentelemetry",
    "anthropic",
    "uvicorn",
)


def write_log(form: str, terminal: bool) -> None:
    """Write log lines to the standard error.

    Args:
        form: `text` or `json`.
        terminal: whether a terminal shows bars: then only warnings are printed beside them.

    Raises:
        SmileTraceError: there is no such form.
    """
    if form not in ("text", "json"):
        raise SmileTraceError(f"--log is text or json, not {form!r}.")
    handler = logging.StreamHandler(sys.stderr)
    text = _Text("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else text)
    logging.basicConfig(level=logging.WARNING if terminal else logging.INFO, handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


class _Text(logging.Formatter):
    """Lines in which nobody else's secrets and control sequences stand."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of the record and of its traceback."""
        return presentable_lines(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, what it is about, and the traceback if there is one."""
        line: dict[str, str | int] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": presentable_lines(record.getMessage()),
        }
        for name, value in log_fields().items():
            line[name] = presentable_lines(value) if isinstance(value, str) else value
        if record.exc_info:
            line["traceback"] = presentable_lines(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)
