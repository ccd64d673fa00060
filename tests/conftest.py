"""Fixtures shared by every room's tests live in tests/support and are loaded here."""

pytest_plugins = [
    "tests.support.mlflow_server",
    "tests.support.browser",
    "tests.support.comet_server",
    "tests.support.local_model",
]
