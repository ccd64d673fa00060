"""What release 0.1 gave is given still, but for names, and what was changed on purpose."""

from typing import Any

import pytest

from tests.support.release_0_1 import (
    cases,
    deviations,
    differences,
    outputs,
    recorded,
    replaced,
)
from tests.support.release_0_1_mapping import upgrade
from tests.support.release_0_1_runner import run

CASES = cases()
OUTPUTS = outputs()
REPLACED = replaced()


def _parameter(case: dict[str, Any]) -> Any:
    marks = [] if case.get("quick") else [pytest.mark.slow]
    return pytest.param(case, id=case["id"], marks=marks)


@pytest.mark.parametrize("case", [_parameter(case) for case in CASES])
def test_the_behaviour_of_release_0_1(case: dict[str, Any]) -> None:
    found = recorded(run(case))
    if case["id"] in REPLACED:
        every = [list(differences(one, found)) for one in REPLACED[case["id"]]["outputs"]]
        assert [] in every, every[0]
    else:
        assert deviations(OUTPUTS[case["id"]], found) == []


def test_every_case_is_recorded_once() -> None:
    ids = [case["id"] for case in CASES]
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(OUTPUTS)
    assert set(REPLACED) <= set(ids)
    assert all(entry["why"] for entry in REPLACED.values())


def test_differences_are_found() -> None:
    one = {"a": [1.0, {"b": "x"}], "c": None, "d": True}
    assert list(differences(one, {"a": [1.0 + 1e-12, {"b": "x"}], "c": None, "d": True})) == []
    other = {"a": [1.1, {"b": "y"}], "d": 1, "e": 0}
    assert [said.split(":")[0] for said in differences(one, other)] == [
        ".a[0]", ".a[1].b", ".c is gone", ".d", ".e is new",
    ]  # fmt: skip
    assert list(differences([1], [1, 2])) != []


def test_the_mapping_renames_by_the_end_of_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    mapping = "tests.support.release_0_1_mapping"
    monkeypatch.setattr(
        f"{mapping}.RENAMED_FIELDS", {"calls": "requests", "explanation.cost.calls": "asked"}
    )
    monkeypatch.setattr(f"{mapping}.RENAMED_VALUES", {"fidelity.status": {"a": "b"}})
    monkeypatch.setattr(f"{mapping}.RENAMED_PHRASES", {"prompt": "input"})
    monkeypatch.setattr(f"{mapping}.ADDED_FIELDS", {"rows": {"new": None}})
    before = {
        "cost": {"calls": 1},
        "rows": [{"calls": 2, "status": "a"}],
        "fidelity": {"status": "a", "reason": "the prompt"},
        "parameters": {"calls": 3},
        "answer": "the prompt",
    }
    assert upgrade(before) == {
        "cost": {"asked": 1},
        "rows": [{"requests": 2, "status": "a", "new": None}],
        "fidelity": {"status": "b", "reason": "the input"},
        "parameters": {"calls": 3},
        "answer": "the prompt",
    }
