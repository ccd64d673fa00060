"""Contract suites: what an implementation of a seam has to pass (`docs/contributing/`).

`check_…` functions for a dialect, a distance, a solver and a model; classes of pytest tests for a
tracker, its review queues and a source, with `fake_http_server` for their server and `samples` to
deliver. They come with the extra `testing`, and nothing of smile-trace imports them.
"""

from smile_trace.errors import needing_extra

with needing_extra("testing", "smile_trace_contracts"):
    import pytest

# Before they are imported: pytest then says what an `assert` compared.
pytest.register_assert_rewrite(
    *(f"{__name__}.{suite}" for suite in ("review", "source", "tracker"))
)
