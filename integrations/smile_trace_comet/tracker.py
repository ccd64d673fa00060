"""The tracker: traces and explanations into an LLM project, prompt versions beside it."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar, TypeVar

from smile_trace.records import JSON
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ComparedPrompt,
    Deferred,
    ExplainedCall,
    Outcome,
    Receipt,
    Rejected,
    Tracker,
    TrackerUnavailable,
    read_options,
)
from smile_trace_comet import sdk
from smile_trace_comet.options import CometOptions

if TYPE_CHECKING:
    from smile_trace_comet.client import CometClient

DEFAULT_PROJECT = "llm-general"
"""Where comet_llm itself puts traces when no project is named."""
EXPERIMENT_WAIT = 300.0
"""Seconds until an experiment is tried again, whose trace was delivered, that a person must make
room for or that the server fails on."""

T = TypeVar("T")


class CometTracker(Tracker):
    """Delivers to one Comet server. Connects on the first delivery, not before.

    The packages are heavy and their configuration freezes at import, so nothing of Comet is
    imported until there is something to deliver.
    """

    name: ClassVar[str] = "comet"
    capabilities: ClassVar[Capabilities] = Capabilities(comparisons=True)

    def __init__(self, options: CometOptions) -> None:
        self.options = options
        self._client: CometClient | None = None

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "CometTracker | None":
        """The tracker for `[trackers.comet]`, else for COMET_API_KEY, else None.

        Raises:
            ValueError: an unknown or wrong option, or the extra `comet` is not installed.
        """
        if not options and not os.environ.get("COMET_API_KEY"):
            return None
        checked = read_options(CometOptions, "comet", options)
        if not sdk.installed():
            raise ValueError(
                "deliveries to Comet need its packages: pip install 'smile-trace[comet]', or set "
                "enabled = false in [trackers.comet]"
            )
        sdk.quieten()
        return cls(checked)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    # -- traces ------------------------------------------------------------------------------

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """See `Tracker.deliver_traces`; each is looked for before it is written."""
        from smile_trace_comet.traces import deliver_trace

        client = self._connected()

        def deliver(item: CapturedTrace) -> Outcome:
            url = deliver_trace(
                client,
                item.trace,
                workspace=self.options.workspace or client.workspace,
                project=self._project(client),
            )
            return Receipt(external_id=item.trace.trace_id, url=url)

        return self._at_once(deliver, items)

    # -- explanations ------------------------------------------------------------------------

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`; a trace has one writer at a time."""
        client = self._connected()
        of_trace: dict[str, list[ExplainedCall]] = {}
        for item in items:
            of_trace.setdefault(item.traced_as, []).append(item)
        groups = list(of_trace.values())
        settled: dict[str, Outcome] = {}
        for group, outcome in zip(
            groups, self._at_once(lambda g: self._into_trace(client, g), groups), strict=True
        ):
            settled |= {item.call.id: outcome for item in group}
        taken = [item for item in items if isinstance(settled[item.call.id], Receipt)]
        settled |= self._into_versions(client, taken)
        return [settled[item.call.id] for item in items]

    def _into_trace(self, client: "CometClient", group: Sequence[ExplainedCall]) -> Outcome:
        from smile_trace_comet.client import MISSING
        from smile_trace_comet.errors import Refused
        from smile_trace_comet.traces import deliver_explanation

        key = group[0].traced_as
        try:
            for item in group:
                deliver_explanation(client, item)
        except Refused as refusal:
            if refusal.status in MISSING and client.find(key) is None:
                return Rejected(
                    reason=f"Comet has no trace {key}: it was deleted there", retry=False
                )
            raise
        return Receipt(external_id=key, url=client.find(key))

    def _into_versions(
        self, client: "CometClient", items: Sequence[ExplainedCall]
    ) -> dict[str, Outcome]:
        """Bring the experiments of the prompt versions up to date; what did not work, by call."""
        from smile_trace_comet.errors import WRONG_PROJECT_TYPE, Refused
        from smile_trace_comet.experiments import deliver_version
        from smile_trace_comet.versions import VersionKey, versions_of

        groups = versions_of(items)
        if not groups:
            return {}
        workspace, project = self._experiments(client)
        failed: dict[str, Outcome] = {}
        for (name, version), group in groups.items():
            try:
                deliver_version(client, VersionKey(workspace, project, name, version), group)
            except Refused as refusal:
                outcome: Outcome = Rejected(reason=str(refusal), retry=refusal.retry)
                if refusal.code == WRONG_PROJECT_TYPE or refusal.status >= 500:
                    outcome = Deferred(reason=str(refusal), seconds=EXPERIMENT_WAIT)
                failed |= {item.call.id: outcome for item in group}
        return failed

    # -- comparisons -------------------------------------------------------------------------

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """See `Tracker.deliver_comparison`; into the experiments of the versions."""
        from smile_trace_comet.comparisons import Place, deliver_versions
        from smile_trace_comet.errors import Refused

        client = self._connected()
        place = Place(*self._experiments(client), self._project(client))
        try:
            return deliver_versions(client, item, place)
        except Refused as refusal:
            return Rejected(reason=str(refusal), retry=refusal.retry)

    # -- how ---------------------------------------------------------------------------------

    def _connected(self) -> "CometClient":
        if self._client is None:
            from smile_trace_comet.client import CometClient

            self._client = CometClient(timeout=self.options.timeout_seconds)
        return self._client

    def _project(self, client: "CometClient") -> str:
        return self.options.project or client.project or DEFAULT_PROJECT

    def _experiments(self, client: "CometClient") -> tuple[str, str]:
        """The workspace and the project of the prompt versions."""
        workspace = self.options.workspace or client.workspace or client.default_workspace
        return workspace, self.options.experiments_project or f"{self._project(client)}-prompts"

    def _at_once(self, deliver: Callable[[T], Outcome], items: Sequence[T]) -> list[Outcome]:
        """Deliver several things at once, at most `concurrency`; outcomes in their order.

        A server that fails with 5xx on everything is down, and nothing is counted against the
        items; one that fails on some of them refused those.

        Raises:
            TrackerUnavailable: the server takes nothing; what was not begun is left.
        """
        from smile_trace_comet.errors import Refused

        down = threading.Event()

        def attempt(item: T) -> Outcome | Refused | TrackerUnavailable | None:
            if down.is_set():
                return None
            try:
                return deliver(item)
            except Refused as refusal:
                return refusal
            except TrackerUnavailable as error:
                down.set()
                return error

        with ThreadPoolExecutor(min(self.options.concurrency, len(items) or 1)) as pool:
            results = list(pool.map(attempt, items))
        for result in results:
            if isinstance(result, TrackerUnavailable):
                raise result
        faults = [r for r in results if isinstance(r, Refused) and r.status >= 500]
        if faults and len(faults) == len(results):
            raise TrackerUnavailable(f"{faults[0]}; nothing needs to be done, it is tried again")
        return [
            Rejected(reason=str(one), retry=one.retry) if isinstance(one, Refused) else one
            for one in results
            if one is not None and not isinstance(one, TrackerUnavailable)
        ]
