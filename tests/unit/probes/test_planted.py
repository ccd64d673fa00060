"""A seeded subset of `make bench-probes`: error rates and power, with room for luck."""

import pytest

from benchmarks.probes.planted import Planted, profile_of

MODELS, BUDGET = 40, 48

pytestmark = pytest.mark.slow


def test_of_models_that_nothing_moves_few_are_reported() -> None:
    """At most a tenth, by more than nine in a thousand times: 9 of 40."""
    profiles = [profile_of(Planted({}, 0.05), seed, budget=BUDGET) for seed in range(MODELS)]
    assert sum(bool(profile.found) for profile in profiles) <= 9


@pytest.mark.parametrize("name", ["order", "hijack", "paraphrase"])
def test_what_is_planted_at_one_half_is_found_alone_with_its_size(name: str) -> None:
    profiles = [profile_of(Planted({name: 0.5}), seed, budget=BUDGET) for seed in range(MODELS)]
    results = [profile.results[name] for profile in profiles]
    assert sum(result.status == "found" for result in results) >= 29
    assert sum(result.ci_low <= 0.5 <= result.ci_high for result in results) >= 29
    assert sum(any(r.name != name for r in profile.found) for profile in profiles) <= 9


def test_a_swap_that_moves_as_much_as_a_paraphrase_is_not_reported() -> None:
    both = Planted({"swap": 0.5, "paraphrase": 0.5})
    profiles = [profile_of(both, seed, budget=BUDGET) for seed in range(MODELS)]
    assert sum(profile.results["swap"].status == "found" for profile in profiles) <= 9
