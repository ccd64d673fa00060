"""When the trackers are active, what their options say, and what they keep out of a process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smile_trace.trackers import discover
from smile_trace_comet import CometArchiveTracker, CometTracker, sdk
from tests.support.comet_server import comet_environment


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMET_API_KEY", raising=False)


def test_it_is_inactive_without_options_and_key() -> None:
    assert CometTracker.from_settings({}) is None
    assert CometArchiveTracker.from_settings({}) is None


def test_the_key_activates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_API_KEY", "some key")
    tracker = CometTracker.from_settings({})
    assert isinstance(tracker, CometTracker)
    assert "some key" not in repr(vars(tracker))


@pytest.mark.parametrize(
    ("name", "said"),
    [(".comet.config", "[comet]\nurl_override = {}\n"), (".env", "COMET_URL_OVERRIDE={}\n")],
)
def test_a_file_of_the_working_directory_does_not_say_where_the_key_goes(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMET_API_KEY", "some key")
    monkeypatch.delenv("COMET_URL_OVERRIDE", raising=False)
    (tmp_path / name).write_text(said.format("http://192.0.2.1"))
    with pytest.raises(ValueError, match="set COMET_URL_OVERRIDE"):
        CometTracker.from_settings({})
    monkeypatch.setenv("COMET_URL_OVERRIDE", "http://192.0.2.1")
    assert CometTracker.from_settings({}) is not None
    monkeypatch.delenv("COMET_URL_OVERRIDE")
    monkeypatch.setenv("HOME", str(tmp_path))  # where `comet login` writes it
    if name == ".comet.config":
        assert CometTracker.from_settings({}) is not None


def test_both_are_found_by_their_names(tmp_path: Path) -> None:
    found = discover({"comet": {"project": "p"}, "comet_archive": {"directory": str(tmp_path)}})
    assert {"comet", "comet_archive"} <= {tracker.name for tracker in found}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"projekt": "x"}, r"\[trackers.comet\] has no option 'projekt': it takes workspace"),
        ({"concurrency": 0}, r"\[trackers.comet\] concurrency"),
        ({"concurrency": 1000}, r"\[trackers.comet\] concurrency"),
        ({"timeout_seconds": "soon"}, r"\[trackers.comet\] timeout_seconds"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CometTracker.from_settings(options)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'smile-trace\[comet\]'"):
        CometTracker.from_settings({"project": "p"})


def test_nothing_of_comet_is_loaded_before_it_is_needed(tmp_path: Path) -> None:
    """And then its automatic logging stays off, also for an mlflow or openai loaded later."""
    code = """
import sys
from smile_trace_comet import CometTracker, sdk
CometTracker.from_settings({})
assert not {"comet_ml", "comet_llm", "requests"} & set(sys.modules), "loaded too early"
comet_ml, comet_llm = sdk.load()
assert comet_ml.get_config("comet.disable_auto_logging")
assert not comet_llm.config.autologging_enabled()
assert not any(type(f).__name__ == "CometModuleFinder" for f in sys.meta_path)
assert not any("comet_llm" in type(f).__module__ for f in sys.meta_path)
assert not comet_ml.error_tracking.enabled_in_config()
print("suppress_instrumentation")
"""
    environment = comet_environment("http://127.0.0.1:9", str(tmp_path))
    for name in ("COMET_DISABLE_AUTO_LOGGING", "COMET_ERROR_TRACKING_ENABLE"):
        del environment[name]  # we set them ourselves
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.stdout.strip() == "suppress_instrumentation", done.stderr
