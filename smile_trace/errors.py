"""The base of every error that a person reads, and the reason codes that programs read. A message
is one sentence that says what to do; programs never match on its words."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple


class ReasonCode(StrEnum):
    """Why a call is not explained, a job waits, a delivery did not arrive, or a command failed.

    The values are stored and published: one is never renamed or given another meaning.
    """

    OTHER = "other"
    INTERNAL_ERROR = "internal_error"

    # A call that is not explained.
    NOT_SAMPLED = "not_sampled"
    STEP_OF_TRACE = "step_of_trace"
    CALL_FAILED = "call_failed"
    CALL_INCOMPLETE = "call_incomplete"
    CALL_TRUNCATED = "call_truncated"
    NO_CONTENT = "no_content"
    NOT_REPEATABLE = "not_repeatable"
    EMPTY_PROMPT = "empty_prompt"
    NO_MODEL = "no_model"

    # What is said beside an explanation.
    PROMPT_ASSUMED = "prompt_assumed"
    FORM_CHANGED = "form_changed"
    UNIT_MISSING = "unit_missing"
    PART_MISSING = "part_missing"
    OF_REASONING = "of_reasoning"
    LIMIT_RAISED = "limit_raised"
    REASONING_LEFT_OUT = "reasoning_left_out"
    IMAGE_WHOLE = "image_whole"

    # An explanation that failed or waits.
    CANNOT_EXPLAIN = "cannot_explain"
    CALL_REMOVED = "call_removed"
    WORKER_CRASHED = "worker_crashed"
    MODEL_UNAVAILABLE = "model_unavailable"
    DAILY_CAP = "daily_cap"
    EXPLANATION_CAP = "explanation_cap"

    # A delivery that was rejected or waits.
    TRACKER_UNAVAILABLE = "tracker_unavailable"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    NOT_FOUND = "not_found"
    DELIVERY_FAILED = "delivery_failed"
    NOTHING_TO_SHOW = "nothing_to_show"
    TRACE_REJECTED = "trace_rejected"
    TRACE_UNREADABLE = "trace_unreadable"
    NOT_REPLACED = "not_replaced"

    # A source that is read.
    SOURCE_UNAVAILABLE = "source_unavailable"

    # Data that another program wrote.
    UNREADABLE_DATA = "unreadable_data"
    ADDRESS_REFUSED = "address_refused"

    # The environment.
    SETTINGS_INVALID = "settings_invalid"
    SETTINGS_NOT_TRUSTED = "settings_not_trusted"
    EXTRA_MISSING = "extra_missing"
    STORE_ERROR = "store_error"
    STORE_UNAVAILABLE = "store_unavailable"
    WORKER_UNAVAILABLE = "worker_unavailable"


class Reason(NamedTuple):
    """The cause of a state: a code for programs, a sentence for people."""

    code: ReasonCode
    text: str

    @property
    def values(self) -> dict[str, str]:
        """The fields and columns that hold it."""
        return {"reason_code": self.code, "reason": self.text}


class SmileTraceError(Exception):
    """Base of every error of ours that is meant for a person.

    The command line prints its message without a traceback and exits 1. A subclass sets `code`,
    which a single error may override.
    """

    code: ReasonCode = ReasonCode.OTHER

    def __init__(self, message: str, *, code: ReasonCode | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code

    @property
    def reason(self) -> Reason:
        """Its code and its message."""
        return Reason(self.code, str(self))


class ExtraMissing(SmileTraceError):
    """A package of an extra is not installed; the message says which extra to install."""

    code = ReasonCode.EXTRA_MISSING


@contextmanager
def needing_extra(extra: str, wanted: str) -> Iterator[None]:
    """Turn a missing third-party module into ExtraMissing: `wanted` needs the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("smile_trace"):
            raise  # a defect of ours
        raise ExtraMissing(
            f"{wanted} needs more than is installed ({error.name} is missing): "
            f"pip install 'smile-trace[{extra}]'"
        ) from error


@contextmanager
def file_errors(file: object, done: str) -> Iterator[None]:
    """Turn an OSError into a SmileTraceError: the file cannot be `done` ("read", "written")."""
    try:
        yield
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be {done}: {error.strerror}") from None


class BudgetExceeded(SmileTraceError):
    """A cap would be passed. `daily` is True if the cap frees itself at midnight UTC."""

    def __init__(self, message: str, *, daily: bool) -> None:
        super().__init__(
            message, code=ReasonCode.DAILY_CAP if daily else ReasonCode.EXPLANATION_CAP
        )
        self.daily = daily

    @classmethod
    def of_calls(cls, budget: float | None) -> "BudgetExceeded":
        """The error for a used-up budget of calls."""
        return cls(f"the budget of {budget} calls is used up: give a larger one", daily=False)
