"""The settings tree: its sources, its refusals, its page."""

from pathlib import Path

import pytest

from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.settings import Settings, SettingsError
from tests.support.settings_page import PAGE, page


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))


def test_the_page_lists_every_setting_with_its_default() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.support.settings_page"


def test_the_nearest_file_counts_and_the_environment_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "smile_trace.toml").write_text(
        "[sampling]\nrate = 0.5\n[budget]\ncalls_per_day=7\n"
    )
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert Settings().sampling.rate == 0.5
    monkeypatch.setenv("SMILE_TRACE_SAMPLING__RATE", "0.25")
    settings = Settings()
    assert (settings.sampling.rate, settings.budget.calls_per_day) == (0.25, 7)
    assert settings.sampling.minimum_per_prompt_version == 3
    (below / "smile_trace.toml").write_text("")
    assert Settings().budget.calls_per_day == 2000


def test_the_home_folder_is_looked_at_last(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "smile_trace.toml").write_text("[sampling]\nrate = 0.75\n")
    assert Settings().sampling.rate == 0.75


def test_models_are_read_by_their_kind(tmp_path: Path) -> None:
    (tmp_path / "smile_trace.toml").write_text(
        '[models."gpt-4o-mini"]\nbase_url = "http://x/v1"\nkind = "endpoint"\n'
    )
    model = Settings().models["gpt-4o-mini"]
    assert isinstance(model, EndpointSettings)
    assert model.base_url == "http://x/v1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sampling]\nrate = 7\n", "sampling.rate: Input should be less than or equal to 1"),
        ("[sampling]\nrates = 0.1\n", "sampling.rates: no such setting, did you mean rate?"),
        ("[sampling]\nxyz = 0.1\n", "sampling.xyz: no such setting ("),
        ("[retentoin]\ndays = 1\n", "retentoin: no such setting, did you mean retention?"),
        (
            "[models.endpoint]\nkind = 'endpoint'\nbase_url = 'http://x'\nmodle = 'y'\n",
            "models.endpoint.endpoint.modle: no such setting, did you mean model?",
        ),
        ("[models.x]\nbase_url = 'http://x'\n", 'models.x: say which kind = "endpoint"'),
        ("[explain]\nprotect = {seed = 1}\n", "explain.protect"),
        ("nonsense = 1\n", "nonsense: no such setting"),
        ("rate = [", "smile_trace.toml"),
        ("[models.x]\nkind = 'telepathy'\n", "models.x"),
        ("[models.x]\nkind = 'local'\nproxy = 'smal'\n", "are wrong: the proxy 'smal'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "smile_trace.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        Settings()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_in_the_wrong_place_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "smile_trace.toml").write_text(
        "[models.x]\nkind='endpoint'\nbase_url='http://x/v1'\napi_key='sk-secret'\n"
    )
    with pytest.raises(SettingsError) as caught:
        Settings()
    assert "api_key" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "smile_trace.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError):
        Settings()


def test_the_home_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMILE_TRACE_HOME", "~/somewhere")
    assert Settings().home == Path.home() / "somewhere"


def test_a_cap_can_be_lifted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smile_trace.toml").write_text('[budget]\nusd_per_day = "none"\n')
    monkeypatch.setenv("SMILE_TRACE_BUDGET__CALLS_PER_DAY", "none")
    budget = Settings().budget
    assert (budget.usd_per_day, budget.calls_per_day) == (None, None)
    monkeypatch.setenv("SMILE_TRACE_BUDGET__CALLS_PER_DAY", "-1")
    with pytest.raises(SettingsError, match="greater than or equal to 0"):
        Settings()
