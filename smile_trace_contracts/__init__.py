"""Contract suites: tests that an implementation of a seam has to pass (`docs/contributing/`).

`check_…` functions test a dialect, a distance, a solver or a model; classes of pytest tests a
tracker, its review queues or a source, with `fake_http_server` and `samples`. They come with the
extra `testing`, and nothing of smile-trace imports them.
"""

from smile_trace.errors import needing_extra

with needing_extra("testing", "smile_trace_contracts"):
    import pytest

# Before they are imported: pytest then says what an `assert` compared.
pytest.register_assert_rewrite(
    *(f"{__name__}.{suite}" for suite in ("review", "source", "tracker"))
)
