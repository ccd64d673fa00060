"""A proxy for answers that are JSON, and in conversations with tools: it helps, or says why not."""

import json
from typing import Any

import pytest

import smile_trace
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from tests.support import order_agent
from tests.support.planted import PlantedModel
from tests.support.strict_openai import strict

pytestmark = pytest.mark.thorough

PROMPT = (
    "Ann from Berlin has ordered two blue lamps for her small new flat in the north of the town. "
    "She wants them sent by Friday. She pays by card, and asks for a receipt."
)


def target(prompt: str) -> str:
    day = "Friday" if "Friday" in prompt else "any"
    return json.dumps({"city": "Berlin" if "Berlin" in prompt else "unknown", "day": day})


def with_other_fields(prompt: str) -> str:
    found = {word: word if word in prompt else None for word in ("Friday", "Berlin")}
    return json.dumps({"day": found["Friday"], "town": found["Berlin"], "name": "Ann"})


def prose(prompt: str) -> str:
    town = "to Berlin" if "Berlin" in prompt else "nowhere"
    return f"It is sent {town} by {'Friday' if 'Friday' in prompt else 'any day'}."


def explain(proxy: PlantedModel, **options: Any) -> smile_trace.Explanation:
    explanation = smile_trace.explain(
        PROMPT, model=PlantedModel(target), proxy=proxy, unit="word", **options
    )
    assert explanation.cost.target_calls <= 20
    return explanation


@pytest.mark.parametrize(
    ("says", "part", "drivers"),
    [
        (with_other_fields, None, {"Berlin", "Friday."}),
        pytest.param(prose, None, {"Berlin", "Friday."}, marks=pytest.mark.slow),
        pytest.param(target, None, {"Berlin", "Friday."}, marks=pytest.mark.slow),
        (target, "$.day", {"Friday."}),
        pytest.param(with_other_fields, "$.day", {"Friday."}, marks=pytest.mark.slow),
    ],
)
def test_a_json_answer_or_a_field_of_it(says: Any, part: str | None, drivers: set[str]) -> None:
    """Whatever form the proxy's own answers have, they move with the same words."""
    explanation = explain(PlantedModel(says), answer_part=part)
    assert explanation.proxy is not None
    assert explanation.proxy.dropped is None
    assert (explanation.proxy.trust or 0) > 0.5
    assert {s.text for s in explanation.ranked[: len(drivers)]} == drivers
    assert part is None or {s.text for s in explanation.drivers} == drivers


def test_a_proxy_without_that_field_says_so_and_is_asked_no_more() -> None:
    proxy = PlantedModel(lambda prompt: "She is a customer from the north.")
    explanation = explain(proxy, answer_part="$.city")
    assert explanation.proxy is not None
    assert "does not contain the part" in str(explanation.proxy.dropped)
    assert len(proxy.asked) == 1
    assert explanation.cost.proxy_calls == 1


def test_a_conversation_with_tools_is_asked_of_the_proxy_as_it_is() -> None:
    """The answer is a text; the requests hold calls of tools and their results, and are valid."""
    with strict(order_agent.answer) as of_target, strict(order_agent.answer) as of_proxy:
        sure = {"kind": "endpoint", "temperature_zero_is_deterministic": True}
        models = [
            Endpoint("planted", EndpointSettings(base_url=server.base_url, **sure))
            for server in (of_target, of_proxy)
        ]
        explanation = smile_trace.explain(
            order_agent.messages(),
            model=models[0],
            proxy=models[1],
            parameters={"tools": order_agent.TOOLS, "temperature": 0},
        )
    assert (of_target.refused, of_proxy.refused) == ([], [])
    assert of_proxy.bodies
    assert explanation.proxy is not None
    assert explanation.proxy.dropped is None
    assert "Friday" in explanation.ranked[0].text
    assert explanation.ranked[0].role == "tool"
