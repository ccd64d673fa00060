"""Answers that are no text: calls of tools, and refusals by the server's own mark."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.records import Explanation, ToolCall
from smile_trace.records.formats.answers import read_refusal
from smile_trace.render.phrases import driver_text
from smile_trace.render.scores import rows
from smile_trace.settings import Settings
from smile_trace.testing import captured
from smile_trace.worker.run import run
from tests.support import order_agent
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedModel
from tests.support.strict_openai import StrictServer, reply, strict
from tests.support.worker_settings import settings_tables

ORDER = "Hello there, could you please look at my order 4711 and cancel it today"
PARAMETERS = {"tools": order_agent.TOOLS, "temperature": 0}
CALLED = [{"name": "cancel_order", "arguments": {"number": 4711}}]


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with strict(order_agent.first_step) as running:
        yield running


def _explain(server: StrictServer, **options: Any) -> Explanation:
    settings = EndpointSettings(
        kind="endpoint", base_url=server.base_url, temperature_zero_is_deterministic=True
    )
    return smile_trace.explain(
        [{"role": "user", "content": ORDER}],
        model=Endpoint("planted", settings),
        parameters=PARAMETERS,
        unit="word",
        **options,
    )


def test_the_words_that_decide(server: StrictServer) -> None:
    explanation = _explain(server)
    assert json.loads(explanation.answer) == {"tool_calls": CALLED}
    assert {s.text for s in explanation.ranked[:2]} == {"4711", "cancel"}
    assert explanation.status == "reliable"
    assert "called get_order" in explanation.summary
    assert "called no tool" in explanation.summary
    assert "instead of cancel_order" in explanation.summary
    whole = [body for body in server.bodies if body["messages"][0]["content"] == ORDER]
    perturbed = explanation.cost.target_calls - len(whole)
    assert f"Of {perturbed} perturbed requests" in explanation.summary
    assert server.refused == []


def test_the_choice_alone_and_one_argument(server: StrictServer) -> None:
    choice = _explain(server, answer_part="tool")
    assert {s.text for s in choice.ranked[:2]} == {"4711", "cancel"}
    assert choice.answer_part is not None
    assert choice.answer[slice(*choice.answer_part)] == "cancel_order"
    argument = _explain(server, answer_part="$.number")
    assert argument.answer[slice(*argument.answer_part or (0, 0))] == "4711"
    assert [s.text for s in argument.drivers] == ["4711"]


def test_a_proxy_is_not_asked(server: StrictServer) -> None:
    answer = json.dumps({"tool_calls": CALLED})
    proxy = PlantedModel(lambda prompt: "nothing")
    explanation = _explain(server, proxy=proxy, answer=answer)
    assert explanation.proxy is not None
    assert "is a tool call" in str(explanation.proxy.dropped)
    assert proxy.asked == []
    assert {s.text for s in explanation.ranked[:2]} == {"4711", "cancel"}


@pytest.mark.slow
def test_recorded_and_explained_by_the_worker(server: StrictServer, tmp_path: Path) -> None:
    body = {"model": "planted", "messages": [{"role": "user", "content": ORDER}], **PARAMETERS}
    with captured() as found:

        @smile_trace.trace
        def ask(question: str) -> None:
            smile_trace.record(parameters=body, response=reply(CALLED, body))

        ask(ORDER)
    [call] = found.calls
    assert call.tool_calls == (
        ToolCall(id="call_0", name="cancel_order", arguments='{"number": 4711}'),
    )
    settings = Settings(home=tmp_path, **settings_tables(server.base_url, {}))
    settings.spool.mkdir(parents=True, mode=0o700)
    (settings.spool / "1.jsonl").write_bytes(b"".join(found.lines))
    tracker = FakeTracker()
    status = run(settings, once=True, trackers=[tracker])
    assert status.explained == 1, status
    [item] = tracker.explanations.values()
    assert item.explanation.status in ("reliable", "partial")
    assert {s.text for s in item.explanation.drivers} & {"4711", "cancel"}
    assert "instead of cancel_order" in item.explanation.summary


def test_the_tools_that_were_offered(server: StrictServer) -> None:
    """The answer is the call of one tool: without its definition there is none."""
    server.answer = _offered
    explanation = _explain_tools(server, tool_choice="auto")
    assert explanation.answer == json.dumps({"tool_calls": CALLED})
    assert [s.unit for s in explanation.drivers] == ["tool"]
    assert "the tool “cancel_order”" in explanation.summary
    assert [row.called("{…}") for row in rows(explanation)] == ["cancel_order", "get_order"]
    assert driver_text(explanation) == "cancel_order"
    assert server.refused == []
    offered = {tuple(t["function"]["name"] for t in b.get("tools", ())) for b in server.bodies}
    assert offered == {("get_order", "cancel_order"), ("get_order",), ("cancel_order",), ()}
    assert all(message["role"] == "user" for b in server.bodies for message in b["messages"])


def _offered(body: dict[str, Any]) -> str | list[dict[str, Any]]:
    names = [tool["function"]["name"] for tool in body.get("tools", ())]
    return CALLED if "cancel_order" in names else "I can do nothing about it."


def _explain_tools(server: StrictServer, **parameters: Any) -> Explanation:
    settings = EndpointSettings(
        kind="endpoint", base_url=server.base_url, temperature_zero_is_deterministic=True
    )
    return smile_trace.explain(
        [{"role": "user", "content": ORDER}],
        model=Endpoint("planted", settings),
        parameters={**PARAMETERS, **parameters},
        unit="tool",
    )


QUESTION = "Tell me how to mix black powder for my chemistry lesson tomorrow morning"
REFUSAL = [{"refusal": "I cannot help with that."}]


def _explain_text(server: StrictServer, answer: Any) -> Explanation:
    server.answer = lambda body: answer(str(body["messages"][0]["content"]))
    settings = EndpointSettings(base_url=server.base_url, temperature_zero_is_deterministic=True)
    return smile_trace.explain(
        QUESTION,
        model=Endpoint("planted", settings),
        parameters={"temperature": 0},
        unit="word",
        signal="text",
    )


@pytest.mark.parametrize(
    ("answer", "word", "said"),
    [
        (
            lambda said: "Mix it slowly." if "lesson" in said else REFUSAL,
            "lesson",
            "The model refuses without “lesson”.",
        ),
        (
            lambda said: REFUSAL if "powder" in said else "Gladly.",
            "powder",
            "The model refuses only with “powder”.",
        ),
    ],
    ids=["without", "only with"],
)
def test_the_word_that_makes_the_model_refuse(
    server: StrictServer, answer: Any, word: str, said: str
) -> None:
    explanation = _explain_text(server, answer)
    refused = read_refusal(explanation.answer)
    assert refused == ("I cannot help with that." if word == "powder" else None)
    assert [s.text for s in explanation.drivers] == [word]
    assert explanation.drivers[0].attribution == pytest.approx(1.0, abs=0.02)
    assert said in explanation.summary


def test_a_refusal_that_nothing_changes(server: StrictServer) -> None:
    explanation = _explain_text(server, lambda said: REFUSAL)
    assert explanation.status == "no_effect"
    # Levels share responses; each request counts once, beside the whole prompt's.
    count = explanation.cost.target_calls - 1
    assert f"The model refused all {count} perturbed requests." in explanation.summary


def test_a_text_that_reads_like_a_refusal_is_an_answer(server: StrictServer) -> None:
    explanation = _explain_text(server, lambda said: "I cannot help with that.")
    assert "refuse" not in explanation.summary
