"""The tracker: traces and explanations into an LLM project, prompt versions beside it."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from smile_trace._guards.presentable import check_address
from smile_trace.records import JSON, Trace
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ComparedPrompt,
    Deferred,
    ExplainedCall,
    ExplainedPath,
    ForgottenTrace,
    Outcome,
    ProfiledCall,
    Receipt,
    read_options,
)
from smile_trace.trackers.batches import outcome_of
from smile_trace.trackers.dashboard import Dashboard, gone
from smile_trace.trackers.http import HttpOptions, RequestRejected
from smile_trace.trackers.late_span import Parent
from smile_trace.trackers.presentation import Item, Presentation, View
from smile_trace_comet import sdk
from smile_trace_comet.contents import VersionKey, versions_of
from smile_trace_comet.errors import MISSING, WRONG_PROJECT_TYPE
from smile_trace_comet.experiments import (
    Projects,
    deliver_comparison,
    deliver_version,
    forget_trace,
)
from smile_trace_comet.trace_format import llm_trace
from smile_trace_comet.traces import (
    deliver_explanation,
    deliver_path,
    deliver_profile,
    deliver_trace,
)

if TYPE_CHECKING:
    from smile_trace_comet.client import CometClient

DEFAULT_PROJECT = "llm-general"
"""The project in which comet_llm itself puts traces by default."""
EXPERIMENT_WAIT = 300.0
"""Seconds until an experiment is tried again after its trace was delivered, if a person must make
room for it or the server fails on it."""


class CometOptions(HttpOptions):
    """Options of `[trackers.comet]`; key, address and defaults come from Comet's configuration."""

    workspace: str | None = None
    """Defaults to Comet's own setting, then the account's default workspace."""
    project: str | None = None
    """The LLM project of the traces; by default Comet's own setting, then `llm-general`."""
    experiments_project: str | None = None
    """The project of the prompt versions; by default the traces' project + `-prompts`."""
    concurrency: int = Field(8, ge=1, le=10)


class CometTracker(Dashboard):
    """Delivers to one Comet server. The packages are heavy and freeze their configuration at
    import, so nothing of Comet is imported or connected before the first delivery."""

    name: ClassVar[str] = "comet"
    capabilities: ClassVar[Capabilities] = Capabilities(
        comparisons=True, forgets=True, paths=True, profiles=True
    )
    request_size = 1  # a trace

    def __init__(self, options: CometOptions) -> None:
        self.options = options
        self.concurrency = options.concurrency
        self._client: CometClient | None = None

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "CometTracker | None":
        """Return the tracker for `[trackers.comet]` or COMET_API_KEY, else None. Raises
        `ValueError` on an unknown or wrong option, or without the extra `comet`."""
        if not options and not os.environ.get("COMET_API_KEY"):
            return None
        checked = read_options(CometOptions, "comet", options)
        if not sdk.installed():
            raise ValueError(
                "deliveries to Comet need its packages: pip install 'smile-trace[comet]', or set "
                "enabled = false in [trackers.comet]"
            )
        address = os.environ.get("COMET_URL_OVERRIDE", "")
        check_address(address, "COMET_URL_OVERRIDE", "COMET_API_KEY")
        if (file := sdk.file_with_address()) is not None:
            raise ValueError(
                f"{file} says where Comet is, and Comet's key would go there: set "
                "COMET_URL_OVERRIDE to that address if you mean it, or work in another folder"
            )
        sdk.disable_auto_logging()
        return cls(checked)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    # -- delivering ------------------------------------------------------------------------

    def prepare_traces(self, items: Sequence[CapturedTrace]) -> Callable[[], list[Outcome]]:
        """See `Tracker.prepare_traces`; each is looked for before it is written."""
        deliver = super().prepare_traces(items)

        def connected() -> list[Outcome]:
            self._connected()
            return deliver()

        return connected

    def may_have(self, trace: Trace) -> bool:
        return False

    def prepare_spans(self, traces: Sequence[Trace]) -> Callable[[], None]:
        wanted = [llm_trace(trace) for trace in traces]

        def write() -> None:
            client = self._connected()
            workspace, project = self.options.workspace or client.workspace, self._project(client)
            for one in wanted:
                deliver_trace(client, one, workspace=workspace, project=project)

        return write

    def trace_url(self, trace_id: str) -> str | None:
        return self._connected().find(trace_id)

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`; a trace has one writer at a time."""
        client = self._connected()
        shown = list(zip(items, super().deliver_explanations(items), strict=True))
        taken = [item for item, outcome in shown if isinstance(outcome, Receipt)]
        failed = self._into_versions(client, taken)
        return [failed.get(item.call.id, outcome) for item, outcome in shown]

    def show(self, item: Item) -> Outcome:
        """See `Dashboard.show`; a trace that was deleted there is not made anew."""
        try:
            return super().show(item)
        except RequestRejected as rejected:
            missing = rejected.status in MISSING
            if missing and self._connected().find(item.traced_as) is None:
                return gone("Comet", item.traced_as)
            raise

    def put_scores(self, place: Parent, shown: Presentation) -> None:
        """See `Dashboard.put_scores`: a profile's files and column. An explanation's scores come
        with its pages."""
        if isinstance(shown.item, ProfiledCall):
            deliver_profile(self._connected(), shown.item)

    def put_view(self, place: Parent, shown: Presentation, view: View) -> Outcome:
        """See `Dashboard.put_view`: files, the HTML panel, and columns."""
        if isinstance(shown.item, ExplainedCall):
            deliver_explanation(self._connected(), shown.item, view)
        elif isinstance(shown.item, ExplainedPath):
            deliver_path(self._connected(), shown.item, view)
        return self.receipt(place.trace_id)

    def _into_versions(
        self, client: "CometClient", items: Sequence[ExplainedCall]
    ) -> dict[str, Outcome]:
        """Bring the prompt versions' experiments up to date; return the failures by call."""
        groups = versions_of(items)
        if not groups:
            return {}
        projects = self._projects(client)
        failed: dict[str, Outcome] = {}
        for (name, version), group in groups.items():
            key = VersionKey(projects.workspace, projects.project, name, version)
            try:
                deliver_version(client, key, group)
            except RequestRejected as rejected:
                outcome: Outcome = rejected.outcome
                if rejected.service_code == WRONG_PROJECT_TYPE or rejected.status >= 500:
                    outcome = Deferred(reason=str(rejected), seconds=EXPERIMENT_WAIT)
                failed |= {item.call.id: outcome for item in group}
        return failed

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """See `Tracker.deliver_comparison`; it goes into the versions' experiments."""
        client = self._connected()
        return outcome_of(lambda: deliver_comparison(client, item, self._projects(client)))

    def forgetting(self) -> Callable[[ForgottenTrace], Outcome]:
        """See `Dashboard.forgetting`; a version's experiment without calls is deleted, too."""
        client = self._connected()
        projects = self._projects(client)

        def forget(item: ForgottenTrace) -> Outcome:
            forget_trace(client, item, projects)
            return Receipt(external_id=item.traced_as or item.trace_id)

        return forget

    # -- where -----------------------------------------------------------------------------

    def _connected(self) -> "CometClient":
        if self._client is None:
            from smile_trace_comet.client import CometClient

            self._client = CometClient(self.options)
        return self._client

    def _project(self, client: "CometClient") -> str:
        return self.options.project or client.project or DEFAULT_PROJECT

    def _projects(self, client: "CometClient") -> Projects:
        of_traces = self._project(client)
        return Projects(
            workspace=self.options.workspace or client.workspace or client.default_workspace,
            project=self.options.experiments_project or f"{of_traces}-prompts",
            traces_project=of_traces,
        )
