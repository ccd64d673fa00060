"""How easily the answers of two versions change, side by side."""

from pathlib import Path

import pytest
from rich.console import Console

from smile_trace.comparison import compare
from smile_trace.probes.prompt_profile import profile_of_prompt
from smile_trace.records.comparison import Comparison
from smile_trace.records.profile import PromptProfile
from smile_trace.render import print_comparison
from smile_trace.render.comparison.layout import figures
from smile_trace.render.profile import print_prompt_profile
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.planted_profiles import plant_profiles
from tests.support.planted_prompts import AFTER, BEFORE, QUESTIONS, plant, settings_in


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Forty profiled calls of each of two versions; the second gives way to another order."""
    settings = settings_in(tmp_path_factory.mktemp("home"))
    with Store.open(settings) as store:
        for version, template, changed in (("1", BEFORE, 0), ("2", AFTER, 5)):
            plant(store, "answer", version, template, QUESTIONS[:40])
            plant_profiles(store, "answer", version, changed)
    return settings


@pytest.fixture(scope="module")
def comparison(settings: Settings) -> Comparison:
    return compare("answer", budget=0, settings=settings)


@pytest.fixture(scope="module")
def profile(settings: Settings) -> PromptProfile:
    return profile_of_prompt("answer", since=0.0, settings=settings)


def test_the_rates_of_both_versions_and_their_difference(comparison: Comparison) -> None:
    before, after = comparison.versions
    assert [(one.name, one.calls, one.found) for one in before.probes] == [
        ("stability", 40, 0),
        ("order", 40, 0),
    ]
    assert after.probes[1].found == 40
    noise, order = comparison.changes[0].probes
    assert (noise.change.value, noise.significant) == (0.0, False)
    assert order.change.value == pytest.approx(0.5)
    assert 0.3 < order.change.ci_low < 0.5 < order.change.ci_high < 0.7
    assert order.significant
    assert figures(comparison, 1)["probes.order"] == pytest.approx(0.5)


def test_its_page_and_the_terminal_show_them(comparison: Comparison) -> None:
    page = comparison.to_html()
    assert "How easily the answers change" in page
    assert "Another order" in page
    console = Console(record=True, width=140)
    print_comparison(comparison, console)
    assert "Another order: 0% → 50% of answers" in console.export_text()


def test_one_version_has_its_own(settings: Settings) -> None:
    [version] = compare("answer", versions=["1"], settings=settings).versions
    assert [one.rate.value for one in version.probes] == [0.0, 0.0]


def test_a_prompt_s_profile_has_its_versions_side_by_side(profile: PromptProfile) -> None:
    assert [(one.version, one.calls) for one in profile.by_version] == [("1", 40), ("2", 40)]
    order = profile.changes[1]
    assert order.significant
    assert order.change.value == pytest.approx(0.5)
    console = Console(record=True, width=140)
    print_prompt_profile(profile, console)
    told = console.export_text()
    assert "1, 40 calls" in told
    assert "+50 points" in told
    page = profile.to_html()
    assert "side by side" in page
    assert "+50 points" in page
    assert PromptProfile.model_validate_json(profile.model_dump_json()) == profile


def test_nothing_is_said_where_nothing_was_profiled(tmp_path: Path) -> None:
    with Store.open(settings_in(tmp_path)) as store:
        for version, template in (("1", BEFORE), ("2", AFTER)):
            plant(store, "answer", version, template, QUESTIONS[:12])
    found = compare("answer", budget=0, settings=settings_in(tmp_path))
    assert found.changes[0].probes == ()
    assert "How easily" not in found.to_html()
