"""Tests of applications and prompts.

`captured()` captures in memory instead of the spool; `RecordedModel` answers from a file;
`assert_driven_by` and `assert_no_effect` test an Explanation. Authors of plug-ins test with
`smile_trace_contracts`. With pytest, put `pytest_plugins = ["smile_trace.testing"]` into
`conftest.py` and use the fixture `smile_trace_captured`; elsewhere, `with
smile_trace.testing.captured() as found:`.
"""

from collections.abc import Iterator

from smile_trace.testing.expectations import assert_driven_by, assert_no_effect
from smile_trace.testing.in_memory import Captured, captured
from smile_trace.testing.recorded import RecordedModel

try:
    import pytest
except ImportError:  # an application may test with something else
    pytest = None  # type: ignore[assignment]

__all__ = ["Captured", "RecordedModel", "assert_driven_by", "assert_no_effect", "captured"]

if pytest is not None:

    @pytest.fixture
    def smile_trace_captured() -> Iterator[Captured]:
        """The calls, spans and feedback that this test would have written to the spool."""
        with captured() as found:
            yield found
