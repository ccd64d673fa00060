"""Tests of applications and prompts.

`captured()` captures in memory instead of the spool; `RecordedModel` answers from a file;
`assert_driven_by` and `assert_no_effect` test an Explanation. Authors of plug-ins test with
`smile_trace_contracts`. pytest knows the fixtures `smile_trace_captured` and `explain` by itself;
elsewhere, `with smile_trace.testing.captured() as found:`.
"""

from smile_trace.testing.expectations import assert_driven_by, assert_no_effect
from smile_trace.testing.in_memory import Captured, captured
from smile_trace.testing.recorded import RecordedModel

__all__ = ["Captured", "RecordedModel", "assert_driven_by", "assert_no_effect", "captured"]

pytest_plugins = ["smile_trace_pytest"]
"""For `pytest_plugins = ["smile_trace.testing"]` where entry points are switched off; elsewhere
that is the entry point's name, and pytest does not come here."""
