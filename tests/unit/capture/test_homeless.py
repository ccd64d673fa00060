"""Where there is no home, nothing is captured: one warning, and every call goes on."""

import logging
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

import smile_trace
from smile_trace._guards import internal_errors
from smile_trace.capture import runtime
from smile_trace.semconv import HOME


def no_home(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    """A container's user: neither HOME nor an entry in passwd."""

    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("SMILE_TRACE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)


def nobodys_home(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    monkeypatch.setenv("SMILE_TRACE_HOME", "~nosuchuser/home")


def relative_to_nothing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (gone := folder / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("SMILE_TRACE_HOME", "relative")


HOMELESS = (no_home, nobodys_home, relative_to_nothing)


@pytest.fixture
def as_imported() -> Callable[[], None]:
    """What `import smile_trace` does with the environment."""
    held = runtime.state

    def imported() -> None:
        new = runtime._State()
        for name in ("config", "enabled", "wanted", "runtime"):
            setattr(held, name, getattr(new, name))

    return imported


@smile_trace.trace
def doubled(number: int) -> int:
    return 2 * number


@pytest.mark.parametrize("homeless", HOMELESS)
def test_an_application_without_a_home_goes_on_and_is_told_once(
    homeless: Callable[[pytest.MonkeyPatch, Path], None],
    as_imported: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        homeless(patch, tmp_path)
        with caplog.at_level(logging.WARNING, logger="smile_trace"):
            as_imported()
            assert not runtime.active()
            assert [doubled(1), doubled(2)] == [2, 4]
            smile_trace.configure(enabled=True)
            assert not runtime.active()
        (said,) = caplog.messages
        assert "set SMILE_TRACE_HOME" in said
        patch.chdir("/")
        smile_trace.configure(home=tmp_path / "found")
        assert doubled(3) == 6
    assert list((tmp_path / "found" / "spool").glob("*.jsonl"))


def test_an_empty_home_is_the_usual_one(
    as_imported: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMILE_TRACE_HOME", "")
    as_imported()
    assert runtime.state.config.home == Path(HOME).expanduser()


@pytest.mark.parametrize(
    "named", ["{}/file", "{}/\0", "{}/\udc80\udcff", "{}/\ud800", "~nosuchuser"]
)
def test_a_home_that_cannot_be_one_costs_no_call(named: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    smile_trace.configure(home=named.format(tmp_path))
    assert doubled(1) == 2
    made = os.fsencode(named.format(tmp_path)) if "\udc80" in named else None
    if made is not None:
        assert Path(os.fsdecode(made)).is_dir()
    else:
        assert sum(internal_errors.counts().values()) >= 1
