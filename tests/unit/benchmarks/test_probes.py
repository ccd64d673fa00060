"""The benchmark of probes on real models: its prompts, and what it keeps of their profiles."""

from pathlib import Path

import pytest

from benchmarks.probes import real
from benchmarks.probes.planted import Planted, profile_of
from benchmarks.probes.prompts import prompts
from smile_trace.records import JSON
from smile_trace.records.profile import Profile


def _planted(_: str, *, model: str, seed: int, budget: int, parameters: JSON) -> Profile:
    return profile_of(Planted({"order": 1.0}), seed, budget=budget)


def test_any_five_prompts_in_turn_are_one_of_each_kind() -> None:
    kinds = [kind for kind, _ in prompts()]

    assert len({text for _, text in prompts()}) == 50
    assert all(len(set(kinds[at : at + 5])) == 5 for at in range(len(kinds) - 4))


def test_kept_profiles_are_not_made_again_and_told_per_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real, "PROFILES", tmp_path / "real.jsonl.gz")
    monkeypatch.setattr(real, "profile", _planted)
    for one in real.missing(1, []):
        real.keep(one)

    made = real.load()

    assert [(one.model, one.number) for one in made] == [("demo", 0), ("demo-completion", 0)]
    assert not list(real.missing(1, made))
    assert max(len(result.variants) for result in made[0].profile.results.values()) == 1
    rows = real.table(made)[2:]
    assert len(rows) == 2 * len(made[0].profile.results)
    assert [row for row in rows if "| order | 1 | 1 |" in row]
