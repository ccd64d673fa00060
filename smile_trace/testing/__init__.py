"""For the tests of applications, prompts and plug-ins.

`captured()` captures in memory instead of the spool; `RecordedModel` answers from a file;
`assert_driven_by` and `assert_no_effect` test an Explanation; the functions `check_…` are the
contract suites that an implementation of a seam has to pass (`docs/contributing/`), and so are
`tracker_contract.TrackerContract`, `review_contract.ReviewContract` and
`source_contract.SourceContract`, classes of pytest tests, with `fake_http_server` for their server.

With pytest, put `pytest_plugins = ["smile_trace.testing"]` into `conftest.py` and use the
fixture `smile_trace_captured`; elsewhere, `with smile_trace.testing.captured() as found:`.
"""

from collections.abc import Iterator

from smile_trace.testing.dialect_contract import check_dialect
from smile_trace.testing.distance_contract import check_distance
from smile_trace.testing.expectations import assert_driven_by, assert_no_effect
from smile_trace.testing.in_memory import Captured, captured
from smile_trace.testing.model_contract import check_model
from smile_trace.testing.recorded import RecordedModel
from smile_trace.testing.solver_contract import check_solver

try:
    import pytest
except ImportError:  # an application may test with something else
    pytest = None  # type: ignore[assignment]

__all__ = [
    "Captured",
    "RecordedModel",
    "assert_driven_by",
    "assert_no_effect",
    "captured",
    "check_dialect",
    "check_distance",
    "check_model",
    "check_solver",
]

if pytest is not None:
    pytest.register_assert_rewrite(
        *(f"smile_trace.testing.{name}_contract" for name in ("review", "source", "tracker"))
    )

    @pytest.fixture
    def smile_trace_captured() -> Iterator[Captured]:
        """What this test's calls would have written to the spool."""
        with captured() as found:
            yield found
