"""What a tracker needs to know to delete its copy of a trace: ids and names, and no text."""

from smile_trace.records.base import Record


class ForgottenCall(Record):
    """One call of a trace that is to be deleted.

    `prompts` are the names and versions of the prompts that it used, `days` the UTC days
    (`YYYY-MM-DD`) on which it was explained, `models` the models' names in the settings,
    `external_trace` is `Call.external_trace`.
    """

    id: str
    start_ns: int
    prompts: tuple[tuple[str, str], ...] = ()
    days: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    external_trace: dict[str, str] = {}


class ForgottenTrace(Record):
    """A trace whose copies are to be deleted.

    `traced_as` is the external id under which the tracker received the trace, None where it is
    not known to have arrived. `start_ns` is that of the first call, or of the root where there
    is none.
    """

    trace_id: str
    start_ns: int
    calls: tuple[ForgottenCall, ...] = ()
    traced_as: str | None = None
