"""Progress bars in a terminal: of one explanation, and of the worker."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from smile_trace.store.queries.status import Status


def in_terminal(console: Console) -> bool:
    """Whether bars can be redrawn: not in a notebook, whose FORCE_COLOR makes rich take its output
    for a terminal."""
    return console.is_terminal and console.file.isatty()


class CallBar:
    """A bar on standard error that counts responses; entered, it gives the hook for each round."""

    def __init__(self, calls: int) -> None:
        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("Asking", total=calls)

    def __enter__(self) -> "CallBar":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def __call__(self, perturbations: Sequence[Any], responses: Sequence[Any]) -> None:
        """Count the responses of a round."""
        self._progress.advance(self._task, len(responses))


class WorkerBars:
    """One bar for the explanations and one per tracker; nothing where no terminal is."""

    def __init__(self, console: Console) -> None:
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
