"""Vendors' clients are loaded without heavy packages that we ask them nothing of."""

import subprocess
import sys

import pytest

from smile_trace.trackers.clients import without

UNUSED = "this"
"""A module that nothing loads."""


def test_a_hidden_package_can_be_imported_afterwards() -> None:
    sys.modules.pop(UNUSED, None)
    with without(UNUSED, "json"):
        import json  # noqa: F401 - it is loaded already, and stays

        with pytest.raises(ImportError):
            __import__(UNUSED)
    assert __import__(UNUSED)


@pytest.mark.slow
def test_the_client_of_mlflow_loads_no_pandas() -> None:
    code = """
import sys
from smile_trace.trackers import discover
assert discover({"mlflow": {"tracking_uri": "http://localhost:1"}})
assert "mlflow" in sys.modules
assert not {"pandas", "pyarrow"} & set(sys.modules)
import pandas
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
