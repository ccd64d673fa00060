"""Prompt versions in Opik: a dataset, an experiment per version, each once, whatever happens."""

import json
from collections.abc import Sized
from urllib.parse import unquote

import pytest

from smile_trace.comparison import compare
from smile_trace.records.comparison import Comparison, Example
from smile_trace.store import Store
from smile_trace.trackers import (
    ComparedPrompt,
    ForgottenCall,
    ForgottenTrace,
    Outcome,
    Receipt,
    TrackerUnavailable,
)
from smile_trace_contracts.fake_http_server import Fault
from smile_trace_opik import OpikTracker
from tests.support.comet_samples import TEMPLATE
from tests.support.fake_opik import FakeOpik
from tests.support.paths import DATA
from tests.support.planted_prompts import plant, settings_in

EFFECTS = {"Name the capital of ": 0.5, "{country}": 0.6}
COUNTRIES = [{"country": f"Country {k}"} for k in range(30)]
PROJECT = "pr-prompts"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    settings = settings_in(tmp_path_factory.mktemp("store"))
    with Store.open(settings) as store:
        for version, line in {"1": "Never guess.", "2": "Answer in French."}.items():
            template = f"Be brief.\n{line}\n{TEMPLATE}"
            plant(store, "capital", version, template, COUNTRIES, effects=EFFECTS)
    found = compare("capital", budget=0, settings=settings)
    example = Example(variables={"country": "Peru"}, before="Lima", after="À Lima", distance=0.4)
    [change] = found.changes
    changed = change.model_copy(update={"examples": (example,)})
    return found.model_copy(update={"changes": (changed,)})


def deliver(tracker: OpikTracker, comparison: Comparison) -> Receipt:
    outcome = tracker.deliver_comparison(ComparedPrompt(comparison=comparison))
    assert isinstance(outcome, Receipt), outcome
    return outcome


def forget(tracker: OpikTracker, prompt: str) -> Outcome:
    calls = (ForgottenCall(id="a:b", start_ns=1, prompts=((prompt, "1"),)),)
    item = ForgottenTrace(trace_id="ab" * 16, start_ns=1, calls=calls)
    [outcome] = tracker.forget([item])
    return outcome


def shown(server: FakeOpik) -> dict[str, dict[str, dict[str, object]]]:
    """What a person sees: by experiment and row its output, and its score."""
    kept = server.experiments
    seen: dict[str, dict[str, dict[str, object]]] = {}
    for item in kept.experiment_items.values():
        experiment = kept.experiments[item["experiment_id"]]
        row = json.dumps(kept.items[item["dataset_item_id"]]["data"])
        trace = server.traces[item["trace_id"]]
        scores = {
            name: (score["value"], score.get("category_name"))
            for (_, scored, name), score in server.scores.items()
            if scored == trace["id"]
        }
        assert trace["input"] == json.loads(row)
        assert row not in seen.setdefault(experiment["name"], {}), "a row twice"
        seen[experiment["name"]][row] = {**trace["output"], "scores": scores}
    return seen


def counts(server: FakeOpik) -> tuple[int, ...]:
    kept = server.experiments
    things: tuple[Sized, ...] = (
        kept.datasets,
        kept.items,
        kept.experiments,
        kept.experiment_items,
        server.traces,
    )
    return tuple(len(thing) for thing in things)


def test_versions_stand_side_by_side(
    server: FakeOpik, tracker: OpikTracker, comparison: Comparison
) -> None:
    for _ in range(2):
        receipt = deliver(tracker, comparison)
    [(project, name)] = server.experiments.datasets
    assert (project, name) == (PROJECT, "capital: prompt versions")
    seen = shown(server)
    assert sorted(seen) == ["capital v1", "capital v2"]
    peru = json.dumps({"input": {"country": "Peru"}})
    assert seen["capital v1"][peru]["answer"] == "Lima"
    assert seen["capital v2"][peru]["scores"] == {"answer change": (0.4, None)}
    [name_it] = [row for row in seen["capital v2"] if "Name the capital of" in row]
    assert name_it in seen["capital v1"], "an unchanged part is one row"
    part = next(i for i in comparison.versions[1].segments if "Name" in i.segment.text)
    wanted = {"influence": (round(part.influence, 4), part.verdict)}
    assert seen["capital v2"][name_it]["scores"] == wanted
    french = [row for row in seen["capital v2"] if "French" in row]
    [part_of_it] = set(french) - set(seen["capital v1"])
    assert "part" in json.loads(part_of_it), "a row that the first version has not"
    [edit] = set(french) - {part_of_it}
    assert seen["capital v1"][edit]["text"] == "Never guess."
    change = json.dumps({"change": "1 → 2"})
    assert seen["capital v1"][change]["text"] == comparison.versions[0].template
    assert str(seen["capital v2"][change]["text"]).startswith(comparison.changes[0].summary)
    parts = [
        str(item["data"]["part"])
        for _, item in sorted(server.experiments.items.items(), reverse=True)
        if "part" in item["data"]
    ]
    assert [part.partition(".")[0] for part in parts] == [str(n + 1) for n in range(len(parts))]
    experiments = server.experiments.experiments
    assert {e["project_name"] for e in experiments.values()} == {PROJECT}
    assert {t["project_name"] for t in server.traces.values()} == {PROJECT}
    assert {t["source"] for t in server.traces.values()} == {"experiment"}
    second = next(e for e in experiments.values() if e["name"] == "capital v2")
    assert second["metadata"]["template"] == comparison.versions[1].template
    assert "smile.supporting_parts" in {one["name"] for one in second["experiment_scores"]}
    assert f"/default/experiments/{receipt.external_id}/compare" in str(receipt.url)
    assert all(one in unquote(str(receipt.url)) for one in experiments)


def test_a_newer_comparison_takes_the_place_of_the_older(
    server: FakeOpik, tracker: OpikTracker, comparison: Comparison
) -> None:
    deliver(tracker, comparison)
    before, first = counts(server), set(server.traces)
    newer = comparison.model_copy(update={"compared_at": "2026-03-01T10:00:00+00:00"})
    deliver(tracker, newer)
    assert counts(server) == before
    assert not first & set(server.traces)
    deliver(tracker, newer.model_copy(update={"versions": newer.versions[:1], "changes": ()}))
    assert sorted(shown(server)) == ["capital v1"]


def test_what_is_not_ours_stays(
    server: FakeOpik, tracker: OpikTracker, comparison: Comparison
) -> None:
    receipt = deliver(tracker, comparison)
    theirs = {"id": "theirs", "dataset_id": receipt.external_id, "metadata": None}
    server.experiments.experiments["theirs"] = theirs
    deliver(tracker, comparison.model_copy(update={"compared_at": None}))
    assert "theirs" in server.experiments.experiments


@pytest.mark.parametrize("takes_effect", [pytest.param(False, marks=pytest.mark.slow), True])
def test_cut_off_between_any_two_requests(
    server: FakeOpik, tracker: OpikTracker, comparison: Comparison, takes_effect: bool
) -> None:
    deliver(tracker, comparison)
    wanted = counts(server)
    for n in range(40):
        at = f"2026-03-01T10:{n:02}:00+00:00"
        newer = comparison.model_copy(update={"compared_at": at})
        server.faults = [Fault("close", after=n, times=None, takes_effect=takes_effect)]
        try:
            deliver(tracker, newer)
        except TrackerUnavailable:
            server.faults = []
            deliver(tracker, newer)
            assert counts(server) == wanted
        else:
            break
    assert 10 < n < 40


def test_forgotten_with_its_prompt(
    server: FakeOpik, tracker: OpikTracker, comparison: Comparison
) -> None:
    assert isinstance(forget(tracker, "capital"), Receipt), "there is nothing yet"
    deliver(tracker, comparison)
    assert isinstance(forget(tracker, "another"), Receipt)
    assert server.experiments.datasets
    for _ in range(2):
        assert isinstance(forget(tracker, "capital"), Receipt)
    assert counts(server) == (0, 0, 0, 0, 0)


def test_requests_are_those_of_the_sdk(
    server: FakeOpik, tracker: OpikTracker, comparison: Comparison
) -> None:
    """Of opik 2.2.122, recorded. More than it says: the figures of an experiment, and that it has
    ended, as its `rest_api` names them."""
    deliver(tracker, comparison)
    recorded = json.loads((DATA / "comet_wire" / "opik_experiments.json").read_text())
    theirs = {(r["method"], r["path"].partition("/v1/")[2]): r["body"] for r in recorded}
    ours = {(r.method, r.path.partition("/v1/")[2]): r.body for r in server.requests}
    said = {"experiments": {"status", "experiment_scores"}, "datasets/items": {"dataset_id"}}
    for what in ("datasets", "datasets/items", "experiments", "experiments/items"):
        key = ("PUT" if what == "datasets/items" else "POST", f"private/{what}")
        assert set(ours[key]) - set(theirs[key]) == said.get(what, set())
        for name in ("items", "experiment_items"):
            if name in ours[key]:
                assert set(ours[key][name][0]) <= set(theirs[key][name][0])
