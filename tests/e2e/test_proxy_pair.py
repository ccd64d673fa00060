"""Real models as proxies: the packaged one for a stranger, a weaker one for the packaged one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace import explain
from smile_trace.attribution.estimation.proxy_findings import MIN_TRUST
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.paths import DATA
from tests.support.planted import serving
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.weaker_model import weaker_model_path

pytestmark = [pytest.mark.model, pytest.mark.slow]

PROMPT = "Tokyo is the capital city of"
CASES: list[dict[str, str]] = json.loads((DATA / "driver_cases.json").read_text())["cases"]


def says(prompt: str) -> str:
    """A stranger, of whom nothing is known but its answers."""
    return "Japan" if "Tokyo" in prompt else "That depends on whom you ask, I suppose."


def test_the_packaged_model_stands_in_for_a_stranger_with_no_other_set_up(tmp_path: Path) -> None:
    with serving(says) as server:
        settings = Settings(
            home=tmp_path / "home",
            models={
                "stranger": {
                    "kind": "endpoint",
                    "base_url": server.base_url,
                    "temperature_zero_is_deterministic": True,
                    "proxy": "demo-completion",
                }
            },
            sampling={"rate": 1.0},
        )
        asked = {"gen_ai.request.temperature": 0.0, "gen_ai.request.max_tokens": 4}
        span = call_span(1, prompt=PROMPT, answer="Japan", model="stranger", **asked)  # type: ignore[arg-type]
        write_spool(settings.spool, [span], "a.jsonl")
        status = run(settings, once=True, trackers=[])
        assert status.explained == 1, status.failed_by_reason
        assert len(server.bodies) <= 16
    with Store.open(settings) as store:
        explanation = store.explanation(f"{trace_id(1)}:{span_id(1)}")
    assert explanation is not None
    use = explanation.proxy
    assert use is not None
    assert (use.name, use.signal, use.dropped) == ("demo-completion", "probability", None)
    assert explanation.proxy_scored == (use.trust > MIN_TRUST)  # otherwise that of the target alone
    assert explanation.signal == "text"
    assert explanation.ranked[0].text == "Tokyo"
    assert explanation.cost.proxy_calls > explanation.cost.target_calls


@pytest.fixture
def weaker() -> Iterator[LocalModel]:
    """Of the packaged model's fifteen answers it gives nine."""
    how = LocalSettings(kind="local", path=weaker_model_path(), form="completion", max_tokens=8)
    model = LocalModel("weaker", how)
    yield model
    model.close()


def test_a_weaker_model_stands_in_for_the_packaged_one(
    local_model: LocalModel, weaker: LocalModel
) -> None:
    found = []
    for case in (case for case in CASES if case["driver"] in ("Tokyo", "hot", "salmon")):
        explanation = explain(
            case["prompt"],
            model=local_model,
            proxy=weaker,
            parameters={"temperature": 0, "max_tokens": 4},
            signal="text",
            budget=12,
        )
        assert explanation.proxy is not None
        assert explanation.cost.target_calls <= 12
        ranked = [s.text.strip(".,") for s in explanation.ranked]
        found.append(ranked.index(case["driver"]) + 1)
    assert len(found) == 3
    # Twelve calls put *salmon* fourth of nine words.
    assert sum(place <= 3 for place in found) >= 2, found
    assert found.count(1) >= 1
