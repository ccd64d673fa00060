"""Paths of planted agents, asked of a server that refuses invalid requests."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace import semconv
from smile_trace.explaining.driver import ExplanationFailed
from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings
from smile_trace.testing import captured
from tests.support import order_agent
from tests.support.agents_in_store import endpoint, keep, serving_agent
from tests.support.command_line import run_command
from tests.support.planted_agents import Kind, planted_agent, wrongly_named
from tests.support.spooled import call_span, context_span, line, span_id, trace_id
from tests.support.strict_openai import reply, strict


@pytest.mark.parametrize(
    ("seed", "kind", "calls"),
    [
        pytest.param(100, "user", 3, marks=pytest.mark.slow),
        pytest.param(101, "user", 3, marks=pytest.mark.slow),  # its first call rewrites the request
        pytest.param(102, "system", 2, marks=pytest.mark.slow),
        pytest.param(103, "document", 2, marks=pytest.mark.slow),
        pytest.param(104, "tool_result", 3, marks=pytest.mark.slow),
        pytest.param(105, "tool", 2, marks=pytest.mark.slow),
    ],
)
def test_the_path_names_the_driver(seed: int, kind: Kind, calls: int) -> None:
    agent = planted_agent(seed, kind, calls)
    with serving_agent(agent) as (server, model):
        path = smile_trace.explain_path(agent.trace_id, model=model)
    assert agent.named_by(path), path.summary
    assert wrongly_named(agent, path) == []
    assert str(agent.driver) in path.summary
    assert len(path.steps) == calls
    assert [step.depth for step in path.steps] == list(range(calls))
    assert server.refused == []
    assert path.cost.target_calls == len(server.bodies) <= 120
    assert ExplanationPath.model_validate_json(path.model_dump_json()) == path


def test_where_nothing_matters_the_path_is_one_node() -> None:
    agent = planted_agent(106, "nothing", 3)
    with serving_agent(agent) as (_, model):
        path = smile_trace.explain_path(agent.trace_id, model=model)
        alone = smile_trace.explain(trace_id=agent.trace_id, model=model, budget=20)
        again = smile_trace.replay(agent.trace_id, model=model)
    assert len(path.steps) == 1
    assert path.ends == ()
    assert "the answer stayed the same" in path.summary
    assert alone.answer == "Thank you for your message.", "the final answer, not the first call"
    assert again.call.answer == alone.answer


@pytest.mark.slow
def test_a_tool_whose_description_decides_is_named_beside_the_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number comes from the user, and the choice from a word of the description."""
    tools = [
        {"type": "function", "function": {"name": name, "description": what,
         "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}}}}
        for name, what in (
            ("get_order", "Live data of an order."),
            ("find_order", "An order of the archive."),
            ("send_letter", "Writes to a customer."),
        )
    ]  # fmt: skip

    def model(body: dict[str, Any]) -> str | list[dict[str, Any]]:
        if any(message["role"] == "tool" for message in body["messages"]):
            return order_agent.answer(body)
        offered = [tool["function"] for tool in body.get("tools", ())]
        live = [one["name"] for one in offered if "Live" in one.get("description", "")]
        other = [one["name"] for one in offered if one["name"].endswith("_order")]
        number = re.search(r"\d+", body["messages"][-1]["content"])
        if number is None or not other:
            return "Which order is it?"
        return [{"name": (live or other[-1:])[0], "arguments": {"number": int(number[0])}}]

    def ask(messages: list[dict[str, Any]]) -> Any:
        body = {"model": "planted", "temperature": 0, "messages": messages, "tools": tools}
        smile_trace.record(parameters=body, response=reply(model(body), body))

    with captured() as found:

        @smile_trace.trace
        def agent() -> None:
            traced(ask)([{"role": "user", "content": order_agent.QUESTION}])
            traced(ask)(order_agent.messages(call_id="call_0"))

        traced = smile_trace.trace
        agent()
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
    keep(Settings(), found.lines)
    [traced_id] = {call.trace_id for call in found.calls}
    with strict(model) as server:
        path = smile_trace.explain_path(traced_id, model=endpoint(server))
    assert server.refused == []
    step = path.steps[1]
    assert [(source.kind, source.name) for source in step.sources][:2] == [
        ("message", "user"),
        ("tool", "get_order"),
    ]
    assert step.note == "If it were not offered, find_order would be called in its place."
    assert step.by_tool is not None


@pytest.mark.slow
def test_it_ends_at_its_depth_and_at_its_budget_and_says_so() -> None:
    agent = planted_agent(107, "tool_result", 4)
    with serving_agent(agent) as (server, model):
        path = smile_trace.explain_path(agent.trace_id, model=model, depth=2)
        assert len(path.steps) == 2
        [(number, end)] = path.ends
        assert (number, end.kind) == (1, "tool_result")
        assert "more than 2 calls back" in str(end.not_followed)
        before = len(server.bodies)
        path = smile_trace.explain_path(agent.trace_id, model=model, budget=42, seed=1)
        assert len(server.bodies) - before <= 42
        assert len(path.steps) < 4
        used_up = "not looked at: the budget of 42 calls is used up"
        assert used_up in [end.not_followed for _, end in path.ends]
        assert any(used_up in str(step.note) for step in path.steps)


@pytest.mark.slow
def test_it_may_begin_at_another_call_and_says_what_is_wrong() -> None:
    agent = planted_agent(108, "user", 2)
    with serving_agent(agent) as (_, model):
        whole = smile_trace.explain_path(agent.trace_id, model=model)
        inner = smile_trace.explain_path(whole.steps[1].call, model=model)
        assert [step.call for step in inner.steps] == [whole.steps[1].call]
        assert inner.cost.target_calls == 0, "it was asked before"
        with pytest.raises(ExplanationFailed, match="there is no trace"):
            smile_trace.explain_path("f" * 32, model=model)
        with pytest.raises(ValueError, match="depth"):
            smile_trace.explain_path(agent.trace_id, model=model, depth=0)


@pytest.mark.slow
def test_the_strongest_source_is_followed_to_its_end_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day, which came over two calls, before the price, which changes less."""
    answers = ("The code is K-4711 today.", "It is 12 euros then.", "It will arrive on Friday.")
    prompts = (
        "Please open the vault",
        "What is the price",
        f"Say it to the customer: {answers[0]}",
        f"{answers[1]}\n\n{answers[2]}\n\nPlease tell me more.",
    )

    def model(prompt: str) -> str:
        if "Friday" in prompt:
            return f"It arrives on Friday and costs {12 if '12' in prompt else 9} euros."
        for word, answer in zip(("vault", "price", "K-4711"), answers, strict=True):
            if word in prompt:
                return answer
        return "I do not know."

    spans = [
        call_span(1, span=number, prompt=prompt, answer=model(prompt), parent=span_id(9))
        for number, prompt in enumerate(prompts, 1)
    ]
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
    keep(Settings(), [line(context_span(1), *spans)])
    path = smile_trace.explain_path(trace_id(1), model=model, budget=160)
    asked = [step.call.rpartition(":")[2] for step in path.steps]
    assert asked == [span_id(number) for number in (4, 3, 1, 2)]
    assert [step.depth for step in path.steps] == [0, 1, 2, 1]
    assert "vault" in path.summary


@pytest.mark.parametrize(
    ("prompt", "attributes", "said"),
    [
        ("x " * 800, {}, "the unchanged prompt got no answer: .*maximum context length"),
        ("Rewrite it.", {"smile_trace.truncated": True}, "it has no complete answer"),
        (
            "Rewrite it.",
            {semconv.PARAMETERS: '{"previous_response_id": "resp_1"}'},
            r"cannot be asked again \(the server holds a part of its context",
        ),
    ],
)
def test_what_cannot_be_asked_again_is_said_where_the_path_ends(
    prompt: str,
    attributes: dict[str, Any],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    earlier = "It will arrive on Friday."

    def model(prompt: str) -> str:
        if len(prompt) > 1000:
            raise ValueError("maximum context length is 250 tokens, and you asked for 400")
        return "It arrives on Friday." if "Friday" in prompt else "I do not know."

    spans = [
        call_span(1, span=1, prompt=prompt, answer=earlier, parent=span_id(9), **attributes),
        call_span(1, span=2, prompt=f"Say it to the customer: {earlier}",
                  answer="It arrives on Friday.", parent=span_id(9)),
    ]  # fmt: skip
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
    keep(Settings(), [line(context_span(1), *spans)])
    path = smile_trace.explain_path(trace_id(1), model=model)
    [(number, end)] = path.ends
    assert (number, end.kind) == (0, "output")
    assert re.search(said, str(end.not_followed)), end.not_followed


@pytest.mark.slow
def test_a_trace_is_continued_with_the_result_that_a_stub_gives() -> None:
    agent = planted_agent(104, "tool_result", 3)

    def stub(tool: str, arguments: Any) -> Any:
        return '{"arrives": "Sunday"}' if tool.endswith("_1") else None

    with serving_agent(agent) as (server, model):
        path = smile_trace.explain_path(
            agent.trace_id, model=model, contains="on Sunday", stub=stub
        )
    assert server.refused == [], "the requests of a continued conversation are valid"
    assert path.culprit is not None
    assert (path.culprit.kind, path.culprit.call) == ("tool", path.steps[1].call)
    assert "with the result of the stub in its place, the final answer is right" in path.summary
    assert path.cost.target_calls == len(server.bodies)


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    agent = planted_agent(110, "user", 2)
    with serving_agent(agent, tmp_path / "state") as (server, _):
        (tmp_path / "smile_trace.toml").write_text(
            f'[models.planted]\nkind = "endpoint"\nbase_url = "{server.base_url}"\n'
            "temperature_zero_is_deterministic = true\n"
        )

        def run(*options: str) -> str:
            done = run_command(
                "explain", agent.trace_id, *options, cwd=tmp_path,
                env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"},
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return done.stdout.decode()

        shown = run("--path", "--html", "page.html")
        assert str(agent.driver) in shown
        assert str(agent.driver) in (tmp_path / "page.html").read_text(encoding="utf-8")
        asked = len(server.bodies)
        assert run("--path").startswith("Stored: ")
        assert len(server.bodies) == asked
        path = ExplanationPath.model_validate(json.loads(run("--path", "--json", "--depth", "1")))
        assert len(path.steps) == 1
        wrong = run("--path", "--contains", "on Sunday")
        assert "No step was found to blame" in wrong, "where no removal helps"
        tree = run("--path")
        assert "1. The final answer" in tree
        assert "└── 2. The call to" in tree
        assert "240 calls" in run("--path", "--dry-run")
        by_message = json.loads(run("--path", "--json", "--unit", "message", "--depth", "1"))
        assert by_message["steps"][0]["explanation"]["settings"]["unit"] == "message"
        with (tmp_path / "smile_trace.toml").open("a") as settings:
            settings.write('[explain]\nunit = "tool_result"\n')
        by_result = json.loads(run("--json"))
        assert by_result["settings"]["unit"] == "tool_result"
        final = json.loads(run("--budget", "60", "--json"))
        before = len(server.bodies)
        step = json.loads(run("--path", "--budget", "239", "--depth", "1", "--json"))["steps"][0]
        assert step["explanation"]["summary"] == final["summary"]
        assert (step["explanation"]["settings"]["budget"], len(server.bodies)) == (60, before)
        refused = run_command(
            "explain", agent.trace_id, "--path", "--until-settled", "80", cwd=tmp_path
        )
        assert refused.returncode == 2
        assert b"--path takes a TRACE_ID" in refused.stderr
