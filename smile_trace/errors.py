"""The errors that people see: each message is one sentence that says what to do."""


class SmileTraceError(Exception):
    """Base of every error of ours that is meant for a person.

    The command line prints its message without a traceback and exits 1.
    """


class BudgetExceeded(SmileTraceError):
    """A cap would be passed. `daily` is True where it frees itself at midnight UTC."""

    def __init__(self, message: str, *, daily: bool) -> None:
        super().__init__(message)
        self.daily = daily
