"""The profiles of a prompt's calls, put together."""

import io

import pytest
from rich.console import Console

from smile_trace.errors import SmileTraceError
from smile_trace.probes.gate import check_limits
from smile_trace.probes.prompt_profile import together
from smile_trace.records.profile import PromptProfile, Rate
from smile_trace.render.profile import print_prompt_profile, spread
from smile_trace.store.job_results import StoredProfile
from smile_trace_contracts.samples import HOSTILE, sample_profile, sample_trace


def stored(number: int, prompt: str, *, changed: bool = True) -> StoredProfile:
    [call] = sample_trace(prompt).calls
    profile = sample_profile(call)
    if not changed:
        calm = profile.results["stability"].model_copy(
            update={"name": "paraphrase", "title": "Other words"}
        )
        profile = profile.model_copy(update={"results": {**profile.results, "paraphrase": calm}})
    return StoredProfile(
        id=number, call_id=f"{number}:1", trace_id=str(number), prompt="support",
        version=str(number % 2), period="2026-11-27", created_at=1.0, profile=profile,
    )  # fmt: skip


@pytest.fixture(scope="module")
def profile() -> PromptProfile:
    """Of five calls, of which a greeting changes the answers of four; their texts are hostile."""
    calls = [stored(n, f"Question {n}? {HOSTILE}", changed=n != 3) for n in range(5)]
    return together("support", calls, since=0.0)


def test_findings_and_rates_are_told_per_probe(profile: PromptProfile) -> None:
    assert (profile.calls, profile.versions) == (5, ("0", "1"))
    by_name = {probe.name: probe for probe in profile.probes}
    assert set(by_name) == {"stability", "paraphrase"}, "what no call was asked is left out"
    words = by_name["paraphrase"]
    assert words.rates == (0.0, 1.0, 1.0, 1.0, 1.0)
    assert (words.found, words.none, words.median) == (4, 1, 1.0)
    assert words.ci_low < 0.8 < words.ci_high
    assert len({one.call_id for one in words.telling}) == 3
    assert all(one.variant.counts for one in words.telling)
    assert spread(words) == [(0, 1, 0.25), (100, 4, 1.0)]
    assert (
        profile.summary == "Of 5 profiled calls, these change the answers: other words in 4 of 5."
    )
    assert PromptProfile.model_validate_json(profile.model_dump_json()) == profile


@pytest.mark.parametrize(
    ("limit", "beyond", "verdict"),
    [(0.7, 0.1, "within"), (0.2, -0.1, "open"), (0.1, -0.1, "not_beyond"), (0.1, 0.1, "broken")],
)
def test_a_limit_is_open_only_inside_the_interval(
    profile: PromptProfile, limit: float, beyond: float, verdict: str
) -> None:
    words = next(probe for probe in profile.probes if probe.name == "paraphrase")
    rate = Rate(value=0.35, ci_low=0.13, ci_high=0.64)
    rates = {"rate": rate, "beyond": Rate(value=0.35, ci_low=beyond, ci_high=0.6)}
    held = profile.model_copy(update={"probes": (words.model_copy(update=rates),)})
    assert [one.verdict for one in check_limits(held, {"paraphrase": limit})] == [verdict]


def test_a_part_that_is_lost_is_told_beside_what_changes() -> None:
    found = stored(1, "Why?")
    words = found.profile.results["paraphrase"].model_copy(update={"status": "partly"})
    partly = found.profile.model_copy(update={"results": {"paraphrase": words}})
    profile = together("support", [found.model_copy(update={"profile": partly})], since=0.0)
    assert (
        profile.summary
        == "Of 1 profiled call, these change a part of the answers: other words in 1 of 1."
    )
    assert "; a part of it in 1; no effect seen in 0." in profile.to_html()


def test_the_page_shows_three_variants_and_escapes_everything(profile: PromptProfile) -> None:
    page = profile.to_html()
    assert page.startswith("<!doctype html>")
    assert page.count("<details") == 3
    assert "<ins>Hello! </ins>" in page
    assert "It changes the answer of 4 of 5 calls" in page
    assert not {"\x1b", "\x00", "\u202e"} & set(page)
    assert "<script" not in page


def test_the_terminal_has_a_line_per_probe(profile: PromptProfile) -> None:
    out = io.StringIO()
    print_prompt_profile(profile, Console(file=out, width=100))
    assert "Other words" in out.getvalue()
    assert "4 of 5 calls" in out.getvalue()


def test_a_prompt_without_profiles_says_what_to_do() -> None:
    with pytest.raises(
        SmileTraceError, match=r"of 'x' from that time is stored: .*TRACE_ID does not"
    ):
        together("x", [], since=0.0)
