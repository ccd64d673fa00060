"""The paths of traces: from their final answers back."""

from smile_trace.records.path import ExplanationPath
from smile_trace.store.database import Database
from smile_trace.store.jobs import Job
from smile_trace.store.kept_by_jobs import KeptByJobs
from smile_trace.store.tables import paths

_PERTURBATIONS = {"perturbations"}
_WITHOUT = {"steps": {"__all__": {"explanation": _PERTURBATIONS, "by_tool": _PERTURBATIONS}}}
"""What of a path is not stored: its answers are among the responses."""


class Paths(KeptByJobs):
    """Paths, each made by the job of its trace's final answer."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, paths)

    def get(self, trace_id: str) -> ExplanationPath | None:
        """The newest path of a trace, without the perturbations of its steps."""
        body = self._newest(paths.c.trace_id == trace_id)
        return None if body is None else ExplanationPath.model_validate_json(body)

    def keep(self, job: Job, path: ExplanationPath, *, now: float) -> None:
        """Store the path of the job's trace; idempotent.

        Nothing is stored where the trace was forgotten meanwhile.
        """
        self._keep(job, created_at=now, body=path.model_dump_json(exclude=_WITHOUT))

    def is_there(self, job: Job) -> bool:
        """Whether this attempt of the job has its path already."""
        return self._is_there(job)
