"""The import paths of 0.1 of what is in smile_trace.testing."""

import importlib
import sys

import pytest

from smile_trace import testing


@pytest.mark.parametrize(
    ("old", "name"), [("expectations", "assert_driven_by"), ("recorded", "RecordedModel")]
)
def test_the_import_paths_of_0_1_work_with_a_warning(old: str, name: str) -> None:
    sys.modules.pop(f"smile_trace.{old}", None)
    with pytest.warns(FutureWarning, match="import from smile_trace.testing"):
        module = importlib.import_module(f"smile_trace.{old}")
    assert getattr(module, name) is getattr(testing, name)
