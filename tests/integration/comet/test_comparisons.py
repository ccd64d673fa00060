"""A comparison lands in the experiments of the prompt versions, once, and stays there."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from smile_trace.comparison import compare
from smile_trace.records.comparison import Comparison
from smile_trace.store import Store
from smile_trace.trackers import ComparedPrompt, Receipt, TrackerUnavailable
from smile_trace_comet import CometTracker, sdk
from smile_trace_comet.contents import VersionKey
from tests.support.browser import WatchedPage
from tests.support.comet_samples import TEMPLATE, captured, explained, prompt_trace
from tests.support.fake_comet import Experiment, FakeComet, Fault
from tests.support.planted_prompts import plant, settings_in

PROJECT = "llm-general-prompts"
BEFORE = f"Be brief.\nNever guess.\n{TEMPLATE}"
AFTER = f"Be brief.\nAnswer in French.\n{TEMPLATE}"
EFFECTS = {"Name the capital of ": 0.5, "{country}": 0.6}
COUNTRIES = [{"country": f"Country {k}"} for k in range(30)]
HEATMAP = '<div class="smile-trace">'


@pytest.fixture(scope="module")
def item(tmp_path_factory: pytest.TempPathFactory) -> ComparedPrompt:
    settings = settings_in(tmp_path_factory.mktemp("store"))
    with Store.open(settings) as store:
        plant(store, "capital", "1", BEFORE, COUNTRIES, effects=EFFECTS)
        plant(store, "capital", "2", AFTER, COUNTRIES, effects=EFFECTS)
    comparison = compare("capital", budget=0, settings=settings)
    return ComparedPrompt(comparison=comparison, traced_as={"2": ("ab" * 16,)})


def key_of(version: str) -> str:
    return VersionKey("my-team", PROJECT, "capital", version).key


def experiment(server: FakeComet, version: str) -> Experiment:
    (found,) = server.of_key(key_of(version))
    return found


def read_back(version: str) -> Any:
    """The experiment of a version, as Comet's own client sees it."""
    return sdk.load().comet_ml.API(cache=False).get_experiment_by_key(key_of(version))


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def assert_whole(server: FakeComet, item: ComparedPrompt) -> None:
    """Two experiments, and in each of them everything once."""
    assert sorted(e.key for e in server.experiments) == sorted(map(key_of, "12"))
    for number, version in enumerate("12"):
        found = experiment(server, version)
        names = [asset.name for asset in found.assets]
        assert len(names) == len(set(names))
        assert {"comparison.html", "comparison.json", "effects.csv", "prompt.txt"} <= set(names)
        assert found.html.count('class="smile-comparison"') == 1
        assert all(len(values) == 1 for values in found.metrics.values())
        assert {"smile.supporting_parts", "smile.excluded_parts"} <= set(found.metrics)
        assert not found.running
        parts = [i.segment.text for i in item.comparison.versions[number].segments]
        assert [row["part"] for row in table(found.asset("effects.csv"))] == parts


def test_comets_own_client_reads_the_comparison_back(
    comet_server: FakeComet, tracker: CometTracker, item: ComparedPrompt
) -> None:
    assert tracker.capabilities.comparisons
    receipt = tracker.deliver_comparison(item)
    assert receipt == Receipt(
        external_id=key_of("2"), url=f"{comet_server.url}/my-team/{PROJECT}/{key_of('2')}"
    )
    assert_whole(comet_server, item)
    second = read_back("2")
    metrics = {m["name"]: float(m["valueCurrent"]) for m in second.get_metrics_summary()}
    country = next(i for i in item.comparison.versions[1].segments if i.segment.variable)
    shared = metrics.keys() & {m["name"] for m in read_back("1").get_metrics_summary()}
    assert {"smile.supporting_parts", "traffic.latency_seconds"} <= shared
    parameters = {p["name"]: p["valueCurrent"] for p in second.get_parameters_summary()}
    assert parameters == {
        "prompt_name": "capital",
        "prompt_version": "2",
        "prompt_variables": "country",
        "model": "planted",
    }
    others = {o["name"]: o["valueCurrent"] for o in second.get_others_summary()}
    assert others["prompt_template"] == AFTER
    assert "compared" in second.get_tags()
    assets = {a["fileName"]: second.get_asset(a["assetId"]) for a in second.get_asset_list()}
    assert Comparison.model_validate_json(assets["comparison.json"]) == item.comparison
    assert "Side by side" in assets["comparison.html"].decode()
    assert "Side by side" in second.get_html()
    rows = {row["part"].strip(): row for row in table(assets["effects.csv"])}
    assert float(rows["{country}"]["influence"]) == pytest.approx(country.influence)
    assert rows["Be brief."]["since_previous"] == "same"
    assert rows["Answer in French."]["since_previous"] != "same"
    (trace,) = table(assets["traces.csv"])
    assert trace["url"] == f"{comet_server.url}/my-team/llm-general/{'ab' * 16}"


def test_delivered_again_it_writes_nothing(
    comet_server: FakeComet, tracker: CometTracker, item: ComparedPrompt
) -> None:
    first = tracker.deliver_comparison(item)
    comet_server.requests.clear()
    assert tracker.deliver_comparison(item) == first
    assert {request.method for request in comet_server.requests} == {"GET"}
    newer = item.comparison.model_copy(update={"summary": "Something else."})
    tracker.deliver_comparison(item.model_copy(update={"comparison": newer}))
    assert_whole(comet_server, item)
    assert "Something else." in experiment(comet_server, "1").html


def test_comparison_and_explanations_share_the_experiment(
    comet_server: FakeComet, tracker: CometTracker, item: ComparedPrompt
) -> None:
    first, late = prompt_trace(1, country="Peru"), prompt_trace(2, country="Chad")
    tracker.deliver_traces(captured(first, late))
    tracker.deliver_explanations([explained(first)])
    before = dict(experiment(comet_server, "2").parameters)
    tracker.deliver_comparison(item)
    version = experiment(comet_server, "2")
    assert version.html.count(HEATMAP) == 1
    assert version.html.count('class="smile-comparison"') == 1
    assert version.parameters == before
    tracker.deliver_explanations([explained(late)])
    version = experiment(comet_server, "2")
    assert version.html.count(HEATMAP) == 2
    assert version.html.count('class="smile-comparison"') == 1
    assert version.metrics["smile.explained_calls"] == [1.0, 2.0]
    assert len(version.metrics["smile.supporting_parts"]) == 1
    assert len(json.loads(version.asset("calls.json"))) == 2


@pytest.mark.slow
def test_cut_off_between_requests_it_is_completed(
    comet_server: FakeComet, tracker: CometTracker, item: ComparedPrompt
) -> None:
    for n in range(0, 200, 7):
        comet_server.reset()
        comet_server.known_ids = "duplicate"
        comet_server.faults = [Fault("close", after=n, times=None, takes_effect=True)]
        try:
            tracker.deliver_comparison(item)
        except TrackerUnavailable:
            comet_server.faults = []
            assert isinstance(tracker.deliver_comparison(item), Receipt)
            assert_whole(comet_server, item)
        else:
            break
    assert 30 < n < 190


def test_two_models_under_one_version_have_an_experiment_each(
    comet_server: FakeComet, tracker: CometTracker, item: ComparedPrompt
) -> None:
    one, _ = item.comparison.versions
    models = [
        one.model_copy(update={"label": f"1 · {model}", "model": model}) for model in ("a", "b")
    ]
    comparison = Comparison(prompt="capital", versions=tuple(models))
    tracker.deliver_comparison(ComparedPrompt(comparison=comparison))
    found = {e.others["Name"]: e.parameters["model"] for e in comet_server.experiments}
    assert found == {"capital v1 · a": "a", "capital v1 · b": "b"}


@pytest.mark.browser
def test_hostile_text_is_text_in_the_html_panel(
    comet_server: FakeComet, tracker: CometTracker, watched_page: WatchedPage, tmp_path: Path
) -> None:
    hostile = "<script>alert('smile-alarm')</script> </style></pre> \ud800 \x00 😀\n"
    settings = settings_in(tmp_path)
    with Store.open(settings) as store:
        plant(store, "capital", "1", BEFORE, COUNTRIES, effects=EFFECTS)
        plant(store, "capital", "2", AFTER, COUNTRIES, effects=EFFECTS)
    comparison = compare("capital", budget=0, settings=settings)
    version = comparison.versions[1]
    part = version.segments[0]
    changed = version.model_copy(
        update={
            "template": hostile + version.template,
            "segments": (
                part.model_copy(
                    update={"segment": part.segment.model_copy(update={"text": hostile})}
                ),
                *version.segments[1:],
            ),
        }
    )
    comparison = comparison.model_copy(update={"versions": (comparison.versions[0], changed)})
    receipt = tracker.deliver_comparison(ComparedPrompt(comparison=comparison))
    assert isinstance(receipt, Receipt)
    watched_page.page.set_content(experiment(comet_server, "2").html)
    assert watched_page.page.locator("script, img, iframe").count() == 0
    assert "<script>alert" in watched_page.page.inner_text("body")
    assert watched_page.alarms == []
