"""Fixtures shared by every room's tests live in tests/support and are loaded here."""

import os

import hypothesis

for _name in list(os.environ):
    # A developer's own trackers and keys: no test delivers there.
    if _name.startswith(("MLFLOW_", "COMET_", "OPIK_", "OPENAI_")):
        del os.environ[_name]

# Small matrices on shared machines: threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = [
    "tests.support.mlflow_server",
    "tests.support.browser",
    "tests.support.comet_server",
    "tests.support.local_model",
    "tests.support.priced_models",
]

# Machines are shared: how long an example takes says nothing.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")
