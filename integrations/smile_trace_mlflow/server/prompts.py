"""Requests about the prompt registry."""

import time

from mlflow.entities.model_registry import PromptVersion
from mlflow.tracing.constant import TraceTagKey
from mlflow.tracing.utils.prompt import update_linked_prompts_tag

from smile_trace._guards import foreign
from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.trackers.http import RequestRejected
from smile_trace_mlflow.server.traces import TraceRequests

PROMPT_SECONDS, MAX_PROMPTS = 60.0, 1000
"""For how long, and for how many, the registry's answer about a prompt version is cached."""


class PromptRequests(TraceRequests):
    """Reads versions of prompts, and links traces to them."""

    def __init__(
        self, uri: str, experiment: str | None, *, max_reply_mb: float = MAX_REPLY_MB
    ) -> None:
        super().__init__(uri, experiment, max_reply_mb=max_reply_mb)
        self._prompts: dict[tuple[str, str], tuple[float, PromptVersion | None]] = {}

    def prompt_version(self, name: str, version: str) -> PromptVersion | None:
        """A version in the prompt registry; None where there is none of that name.

        Asked once a minute at most: every trace of a prompt would ask the same.
        """
        if not version.isdigit():
            return None
        now = time.monotonic()
        asked_at, held = self._prompts.get((name, version), (-PROMPT_SECONDS, None))
        if now - asked_at < PROMPT_SECONDS:
            return held
        try:
            with self._calling():
                held = self._client.get_prompt_version(name, version)
        except RequestRejected:
            held = None
        if len(self._prompts) >= MAX_PROMPTS:
            self._prompts.clear()
        self._prompts[name, version] = now, held
        return held

    def link_prompts(self, trace_id: str, versions: list[PromptVersion]) -> None:
        """Link prompt versions to a trace; linking again changes nothing.

        MLflow's own method for it asks the process-wide tracking URI, not this server; so the
        link (which searches use) and the tag (which the UI shows) are set here.
        """
        info = self.trace_info(trace_id)
        if info is None:
            return
        with self._calling():
            tag = _readable_list(info.tags.get(TraceTagKey.LINKED_PROMPTS))
            self._tracing.store.link_prompts_to_trace(trace_id, versions)
            linked = update_linked_prompts_tag(tag, versions)
            if linked != tag:
                self._tracing.set_trace_tag(trace_id, TraceTagKey.LINKED_PROMPTS, linked)

    def prompt_tags(self, version: PromptVersion) -> dict[str, str]:
        """The tags of a version in the prompt registry, as they are now."""
        with self._calling():
            held = self._client.get_prompt_version(version.name, version.version)
            return {} if held is None else dict(held.tags)

    def tag_prompt(self, version: PromptVersion, key: str, value: str) -> None:
        """Set a tag of a version in the prompt registry."""
        with self._calling():
            self._client.set_prompt_version_tag(version.name, version.version, key, value)


def _readable_list(tag: str | None) -> str | None:
    """The tag, which every user of MLflow may set; None where it is no list of objects."""
    try:
        held = foreign.decode(tag or "null")
    except ForeignDataError:
        return None
    whole = isinstance(held, list) and all(isinstance(item, dict) for item in held)
    return tag if whole else None
