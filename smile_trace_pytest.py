"""The plug-in of pytest, known by its entry point: two fixtures and an option.

It is outside `smile_trace`, which reads the environment when it is imported: pytest loads plug-ins
before `conftest.py` can set anything, and in projects without a test of ours, too.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from smile_trace import Explanation
    from smile_trace.testing import Captured

pytest.register_assert_rewrite("smile_trace_contracts")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--smile-record`."""
    parser.getgroup("smile-trace").addoption(
        "--smile-record",
        action="store_true",
        help="let the fixture `explain` ask its models for the answers that are not recorded yet, "
        "and record them beside the tests",
    )


@pytest.fixture
def smile_trace_captured() -> "Iterator[Captured]":
    """The calls, spans and feedback that this test would have written to the spool."""
    from smile_trace.testing import captured

    with captured() as found:
        yield found


@pytest.fixture(scope="module")
def explain(request: pytest.FixtureRequest) -> "Callable[..., Explanation]":
    """`smile_trace.explain` by answers that are recorded beside the test's file. A test fails where
    one is missing, unless pytest runs with `--smile-record`, which asks the model."""
    from smile_trace.errors import needing_extra

    with needing_extra("worker", "the fixture explain"):
        from smile_trace.testing.beside import Explainer
        from smile_trace.testing.recorded import NotRecorded

    record = request.config.getoption("--smile-record", default=False)
    explainer = Explainer(request.path, record=record)

    def explain(*args: Any, **options: Any) -> "Explanation":
        __tracebackhide__ = True
        try:
            return explainer(*args, **options)
        except NotRecorded as error:
            missing = error.missing
        how = f"pytest --smile-record {request.node.nodeid}"
        pytest.fail(f"run `{how}` once and commit what it writes: {missing}", pytrace=False)

    return explain
