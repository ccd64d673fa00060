"""What a person sees while the worker works: bars in a terminal, nothing elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from smile_trace.store.status import Status


class Bars:
    """One bar for the explanations and one per tracker."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, status: Status) -> None:
        """Move the bars to where things stand."""
        ended = status.explained + status.failed
        note = f"{status.failed} failed" if status.failed else ""
        self._move("explained", ended, status.sampled, note)
        for tracker in status.trackers:
            arrived = tracker.traces + tracker.explanations
            note = tracker.unavailable or ""
            self._move(f"delivered to {tracker.name}", arrived, arrived + tracker.waiting, note)

    def _move(self, what: str, done: int, total: int, note: str) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, note=note)
        self._progress.update(self._tasks[what], completed=done, total=total, note=note)
