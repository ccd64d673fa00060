"""`[ship]` is read without pydantic as the settings tree reads it."""

import dataclasses
from pathlib import Path

import pytest

from smile_trace.settings import Settings, SettingsError
from smile_trace.settings import Ship as Table
from smile_trace.ship.settings import Ship, read_settings


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    return tmp_path


def test_it_has_the_fields_and_defaults_of_the_table(here: Path) -> None:
    defaults = dataclasses.asdict(Ship(home=here))
    del defaults["home"], defaults["token"]
    assert defaults == Table().model_dump()


def test_file_and_environment_give_what_the_settings_give(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "smile_trace.toml").write_text(
        '[ship]\nurl = "https://localhost:4318/"\npoll_seconds = 5\ndrain_seconds = 0\n'
        'ca_file = "/etc/ca.pem"\n[sampling]\nrate = 0.5\n'
    )
    monkeypatch.setenv("SMILE_TRACE_SHIP__POLL_SECONDS", "0.5")
    monkeypatch.setenv("SMILE_TRACE_SHIP__TOKEN_ENV", "TOKEN_HERE")
    monkeypatch.setenv("TOKEN_HERE", "made up")
    read, table = read_settings(), Settings().ship
    assert read.url == "https://localhost:4318"
    assert read.token == "made up"
    assert "made up" not in repr(read)
    assert read.home == Settings().home
    for name in Table.model_fields.keys() - {"url"}:
        assert getattr(read, name) == getattr(table, name), name


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "set the receiver's address"),
        ('url = "receiver:4318"', "ship.url: write an address such as"),
        ('url = "https://me:word@receiver"', "ship.url: write the address alone"),
        ('url = "https://receiver:port"', "ship.url"),
        ('url = "https://receiver"\npoll_seconds = 0', "ship.poll_seconds: a number > 0"),
        ('url = "https://receiver"\npoll_seconds = true', "ship.poll_seconds"),
        ('url = "https://receiver"\ndrain_seconds = "nan"', "ship.drain_seconds: a number ≥ 0"),
        ('url = "https://receiver"\nrate = 1.5', "ship.rate: a number ≤ 1"),
        ('url = "https://receiver"\nminimum_per_prompt_version = 1.5', "a whole number"),
        ('url = "https://receiver"\npol_seconds = 1', "ship.pol_seconds: no such setting"),
        ('url = "https://localhost"\ntoken_env = "NOT_THERE"', "the variable NOT_THERE"),
        ("url =", "smile_trace.toml: "),
    ],
)
def test_what_is_wrong_is_said(here: Path, table: str, said: str) -> None:
    (here / "smile_trace.toml").write_text(f"[ship]\n{table}\n")
    with pytest.raises(SettingsError, match=said.replace(".", r"\.")):
        read_settings()
