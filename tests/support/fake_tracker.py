"""Trackers that keep what they are given in memory or in a folder, and fail on order."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from smile_trace.records import JSON, Record
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    Deferred,
    ExplainedCall,
    ExplainedPath,
    ForgottenTrace,
    Outcome,
    ProfiledCall,
    Receipt,
    Tracker,
    TrackerUnavailable,
    UnexplainedCall,
)


class FakeTracker(Tracker):
    """What arrived is in `traces` and `explanations`, by id; `log` lists every delivery.

    `fail_with` is raised by the next deliveries, `refuse` maps item ids to the outcome that
    they get instead of a receipt.
    """

    name = "fake"
    capabilities = Capabilities(external_traces=True)

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.traces: dict[str, CapturedTrace] = {}
        self.explanations: dict[str, ExplainedCall] = {}
        self.log: list[str] = []
        self.fail_with: Exception | None = None
        self.refuse: dict[str, Outcome] = {}
        self.closed = False

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "FakeTracker | None":
        """Never found by itself."""
        return None

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """Keep them; one whose own trace is looked for is not there yet."""
        return [self._trace(item) for item in items]

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """Keep them under their call's id."""
        return [self._explanation(item) for item in items]

    def close(self) -> None:
        """Nothing more comes."""
        self.closed = True

    def _trace(self, item: CapturedTrace) -> Outcome:
        trace_id = item.trace.trace_id
        if self.fail_with is not None:
            raise self.fail_with
        if trace_id in self.refuse:
            return self.refuse[trace_id]
        if item.wait_for_external and any(call.external_trace for call in item.trace.calls):
            return Deferred(reason="your own trace is not there yet")
        self.traces[trace_id] = item
        self.log.append(f"trace {trace_id}")
        return Receipt(external_id=f"tr-{trace_id}", url=f"http://fake/{trace_id}")

    def _explanation(self, item: ExplainedCall) -> Outcome:
        if self.fail_with is not None:
            raise self.fail_with
        if item.call.id in self.refuse:
            return self.refuse[item.call.id]
        if item.traced_as != f"tr-{item.trace.trace_id}":
            raise AssertionError("the explanation came before its trace")
        self.explanations[item.call.id] = item
        self.log.append(f"explanation {item.call.id}")
        return Receipt(external_id=f"ex-{item.call.id}")


class ForgetfulTracker(FakeTracker):
    """A tracker that can delete: `forgotten` is what it was told. While it is `away`, it cannot."""

    capabilities = Capabilities(external_traces=True, forgets=True)

    def __init__(self, name: str = "forgetful") -> None:
        super().__init__(name)
        self.forgotten: list[ForgottenTrace] = []
        self.away = False

    def forget(self, items: Sequence[ForgottenTrace]) -> list[Outcome]:
        """Remove them, with their explanations."""
        if self.away:
            raise TrackerUnavailable("it is away")
        for item in items:
            self.forgotten.append(item)
            self.traces.pop(item.trace_id, None)
            for call in item.calls:
                self.explanations.pop(call.id, None)
        return [Receipt(external_id=item.trace_id) for item in items]

    @property
    def explained_traces(self) -> set[str]:
        """The traces of which an explanation is there."""
        return {item.trace.trace_id for item in self.explanations.values()}


class ShowingTracker(FakeTracker):
    """A tracker that shows more of calls and traces, as it is told: what arrived is in
    `unexplained` and `profiles` by the call's id, in `paths` by the trace's."""

    def __init__(self, **shows: bool) -> None:
        super().__init__("showing")
        self.capabilities = Capabilities(**shows)
        self.unexplained: dict[str, UnexplainedCall] = {}
        self.profiles: dict[str, ProfiledCall] = {}
        self.paths: dict[str, ExplainedPath] = {}

    def deliver_unexplained(self, items: Sequence[UnexplainedCall]) -> list[Outcome]:
        """Keep them."""
        self.unexplained |= {item.call.id: item for item in items}
        return [self._shown("unexplained", item, item.call.id) for item in items]

    def deliver_profiles(self, items: Sequence[ProfiledCall]) -> list[Outcome]:
        """Keep them."""
        self.profiles |= {item.call.id: item for item in items}
        return [self._shown("profile", item, item.call.id) for item in items]

    def deliver_paths(self, items: Sequence[ExplainedPath]) -> list[Outcome]:
        """Keep them."""
        self.paths |= {item.trace.trace_id: item for item in items}
        return [self._shown("path", item, item.trace.trace_id) for item in items]

    def _shown(
        self, kind: str, item: UnexplainedCall | ProfiledCall | ExplainedPath, of: str
    ) -> Outcome:
        assert item.traced_as == f"tr-{item.trace.trace_id}"
        self.log.append(f"{kind} {of}")
        return Receipt(external_id=of)


class FolderTracker(Tracker):
    """A tracker whose server is a folder: what is visible there survives every process.

    A file per visible thing, and a line in `log` per delivery. While the file `down` exists it
    takes nothing; `cut` makes the delivery arrive and its answer get lost, once.
    """

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "FolderTracker | None":
        """Never found by itself."""
        return None

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """One file per trace."""
        return [self._put("trace", item.trace.trace_id, item.trace) for item in items]

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """One file per call, beside its trace's."""
        for item in items:
            if not (self.folder / f"trace-{item.traced_as}.json").exists():
                raise AssertionError("the explanation came before its trace")
        return [self._put("explanation", item.call.id, item.explanation) for item in items]

    def visible(self, kind: str) -> set[str]:
        """The ids of what a person would see."""
        return {path.stem.partition("-")[2] for path in self.folder.glob(f"{kind}-*.json")}

    def deliveries(self) -> list[str]:
        """Every delivery that arrived, in order."""
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def _put(self, kind: str, identity: str, item: Record) -> Outcome:
        if (self.folder / "down").exists():
            raise TrackerUnavailable("the folder takes nothing: remove its file `down`")
        try:
            arriving = self.folder / "arriving"
            arriving.write_text(item.model_dump_json())
            arriving.rename(self.folder / f"{kind}-{identity}.json")
            with (self.folder / "log").open("a") as log:
                log.write(f"{kind} {identity}\n")
        except OSError as error:  # the test's own disk trouble: a server would not have it
            raise TrackerUnavailable(f"the folder cannot be written: {error}") from error
        if (self.folder / "cut").exists():
            (self.folder / "cut").unlink()
            raise TrackerUnavailable("the answer was lost on its way")
        return Receipt(external_id=identity)
