"""Every model passes the contract suite, and the suite notices one that does not."""

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

import smile_trace
from smile_trace.models import Capabilities
from smile_trace.models.callable import CallableModel
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.records import Response
from smile_trace.testing import RecordedModel
from smile_trace_contracts.model import check_model
from tests.support.planted import PlantedModel, PlantedServer, serving

EXAMPLE = Path(__file__).parents[3] / "examples" / "plugins" / "model.py"


@pytest.fixture
def server() -> Iterator[PlantedServer]:
    with serving(str.upper) as running:
        yield running


def test_an_endpoint(server: PlantedServer) -> None:
    check_model(Endpoint("planted", EndpointSettings(base_url=server.base_url)))


def test_functions_and_recordings(tmp_path: Path) -> None:
    check_model(CallableModel(str.upper))
    check_model(RecordedModel(tmp_path / "answers.jsonl", PlantedModel(str.upper)))
    check_model(PlantedModel(str.upper))


class Shuffling(PlantedModel):
    async def generate(self, requests):
        return sorted(await super().generate(requests), key=lambda r: r.text)


class Raising(PlantedModel):
    async def generate(self, requests):
        if any("\ud800" in m.content for r in requests for m in r.messages):
            raise ValueError("cannot be sent")
        return await super().generate(requests)


class Overstating(PlantedModel):
    capabilities = Capabilities(scores_answers=True)


class Undeclared(PlantedModel):
    capabilities = None  # type: ignore[assignment]


class Positive(PlantedModel):
    capabilities = Capabilities(scores_answers=True)

    async def score(self, requests, answer):
        return [Response(text=answer, logprobs=(0.5,)) for _ in requests]


class Unreserved(PlantedModel):
    capabilities = Capabilities(meters_attempts=True)

    def with_meter(self, meter):
        return self


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Shuffling, "in the order of the requests"),
        (Raising, "it raised ValueError"),
        (Overstating, r"there is no score\(\)"),
        (Undeclared, "capabilities is None"),
        (Positive, "log-probabilities are"),
        (Unreserved, "without a reservation"),
    ],
)
def test_a_model_that_breaks_its_contract_fails(broken: type[PlantedModel], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_model(broken(str.upper))


def test_the_example_of_the_contribution_guide() -> None:
    """Its model is explained."""
    scope = runpy.run_path(str(EXAMPLE))
    scope["test_bedrock"]()
    model = scope["Bedrock"]("claude", scope["FakeClient"](), "anthropic.claude")
    explanation = smile_trace.explain("a fox runs", model=model)
    assert explanation.answer == "A FOX RUNS"
