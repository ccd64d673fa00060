"""Output of commands: printable text, pages in files, progress, log lines."""

import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from smile_trace._guards.presentable import LONGEST_LINE, presentable, presentable_lines
from smile_trace._text.log_context import log_fields
from smile_trace.errors import SmileTraceError, file_errors

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from smile_trace._guards.local_page import LocalPage
    from smile_trace.store.queries.status import Status


GATE_CLOSED = 3
"""Exit code for a broken limit; an error is 1."""


def printable(text: str) -> str:
    """The text on one line, without secrets, control characters and the beginning of a command of
    GitHub's log: others may have written it."""
    line = presentable(text, longest=LONGEST_LINE).replace("##[", "## [")
    return "".join(c if c.isprintable() else " " for c in line)


@contextmanager
def no_commands() -> Iterator[None]:
    """What is printed meanwhile is no workflow command, which GitHub's log would obey in any line
    that begins with `::`."""
    token = secrets.token_hex(16) if os.environ.get("GITHUB_ACTIONS") == "true" else ""
    if token:
        print(f"::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        if token:
            print(f"::{token}::", flush=True)


def lasting(seconds: float) -> str:
    """A time in its largest whole unit: "40 s", "3 min", "5 h", "2 days"."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= (2 * size if unit == "days" else size):
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def check_writable(file: Path) -> None:
    """Raise SmileTraceError unless a file can be written, before its content costs anything."""
    if not file.parent.is_dir():
        raise SmileTraceError(f"{file} cannot be written: there is no folder {file.parent}")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise SmileTraceError(
            f"{file} cannot be written: it is a folder, or you may not write to it"
        )


def serve(page: "LocalPage", said: str, *, browser: bool) -> None:
    """Print where the page is, open it in the `browser` of a terminal's user, and serve it until
    Ctrl+C."""
    import webbrowser

    print(said, flush=True)
    if browser and sys.stdout.isatty():
        webbrowser.open(page.url)
    with suppress(KeyboardInterrupt):
        page.serve_forever()


def write_page(file: Path, page: str) -> None:
    """Write an HTML page; raises SmileTraceError if the file cannot be written."""
    with file_errors(file, "written"):
        file.write_text(page, encoding="utf-8")


class Result(Protocol):
    """A command's result: an Explanation, an ExplanationPath or a Comparison."""

    @property
    def summary(self) -> str:
        """A sentence or two, which quote other people's texts."""

    def show(self) -> None:
        """Draw the result in the terminal."""

    def to_html(self) -> str:
        """The result as an HTML page."""

    def model_dump_json(self, *, indent: int) -> str:
        """The whole result as JSON."""


def show_result(result: Result, *, html: Path | None, json: bool) -> None:
    """Write the page, if wanted, and print the result as JSON, drawn, or as headline and file;
    raises SmileTraceError if the file cannot be written."""
    from smile_trace.records import Explanation
    from smile_trace.render.terminal import print_headline
    from smile_trace.render.text import visible

    if html is not None:
        write_page(html, result.to_html())
    if json:
        print(result.model_dump_json(indent=2))
    elif html is None:
        result.show()
    else:
        if isinstance(result, Explanation):
            print_headline(result)
        else:
            print(visible(result.summary))
        print(html.absolute())


def read_text(file: Path) -> str:
    """The text of a file, or of standard input for `-`; raises SmileTraceError if unreadable."""
    with file_errors(file, "read"):
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        return raw.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise SmileTraceError(f"{file} is not UTF-8 text: convert it first") from None


def in_terminal(console: "Console") -> bool:
    """Whether bars can be redrawn. A notebook's FORCE_COLOR makes rich take it for a terminal."""
    return console.is_terminal and console.file.isatty()


@contextmanager
def bar(doing: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal's standard error, and the function that advances it; a `total` of None
    is not known."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True)
    task = progress.add_task(doing, total=total)
    with progress:
        yield partial(progress.advance, task)


@contextmanager
def call_bar(calls: int) -> Iterator[Callable[[Sequence[Any], Sequence[Any]], None]]:
    """A bar for the calls to a model; the function is a hook that counts responses."""
    with bar("Asking", calls) as advance:
        yield lambda perturbations, responses: advance(len(responses))


class WorkerBars:
    """A bar for the explanations and one per tracker, shown only in a terminal."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            disable=not in_terminal(console),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "WorkerBars":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def show(self, status: "Status") -> None:
        """Update the bars to the counts of the store."""
        ended = status.explained + status.failed
        note = f"{status.failed} failed" if status.failed else ""
        self._update("explained", ended, status.sampled, note)
        for tracker in status.trackers:
            arrived = tracker.traces + tracker.explanations
            note = tracker.unavailable or ""
            self._update(f"delivered to {tracker.name}", arrived, arrived + tracker.waiting, note)

    def _update(self, name: str, done: int, total: int, note: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total, note=note)
        self._progress.update(self._tasks[name], completed=done, total=total, note=note)


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
    """Write log lines to standard error as `text` or `json`; else SmileTraceError is raised. If a
    `terminal` shows bars, only warnings are written beside them."""
    if form not in ("text", "json"):
        raise SmileTraceError(f"--log is text or json, not {form!r}.")
    handler = logging.StreamHandler(sys.stderr)
    text = _Text("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else text)
    logging.basicConfig(level=logging.WARNING if terminal else logging.INFO, handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The lines of the record and its traceback, without secrets and control sequences."""
        return presentable_lines(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, fields in context, and the traceback if there is one."""
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
