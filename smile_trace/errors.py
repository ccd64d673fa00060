"""The errors that people see: each message is one sentence that says what to do."""


class SmileTraceError(Exception):
    """Base of every error of ours that is meant for a person.

    The command line prints its message without a traceback and exits 1.
    """
