"""Agents of four steps whose requests hold the reasoning of their earlier ones: every step is
explained, asked again with the reasoning as the server takes it back, or without and says so."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic
from openai import OpenAI
from opentelemetry.instrumentation.utils import suppress_instrumentation

import smile_trace
from smile_trace.errors import ReasonCode
from smile_trace.records import Explanation
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.capture_fixtures import capturing_into
from tests.support.fake_tracker import FakeTracker
from tests.support.spooled import write_spool
from tests.support.strict_anthropic import StrictAnthropic, signature
from tests.support.strict_anthropic import strict as strict_anthropic
from tests.support.strict_openai import StrictServer
from tests.support.strict_openai import strict as strict_openai
from tests.support.worker_settings import settings_tables
from tests.support.written_spans import span

QUESTION = "Hello, I am waiting for order 4711. When does it arrive?"
STEPS = [
    ("get_order", "number", "4711", {"carrier": "Parcel Post", "weight": 3}),
    ("get_depot", "carrier", "Parcel Post", {"depot": "Hamburg", "open": True}),
    ("get_plan", "depot", "Hamburg", {"arrives": "Friday", "van": 12}),
]
"""Each tool, its argument, the words before it that hold that, and the result."""
THOUGHTS = ("I look the order up.", "A bicycle will bring it. Who carries it?", "Now the plan.")
"""The second one alone says what brings it."""
LEFT_OUT = "The model was asked without its earlier reasoning: "

Decided = tuple[str, dict[str, str]] | str


def decide(said: str, thought: str, results: int, *, from_reasoning: bool = False) -> Decided:
    """The next call of a tool, by the word before it that it needs, or the final answer."""
    if results < len(STEPS):
        tool, argument, needed, _ = STEPS[results]
        return (tool, {argument: needed}) if needed in said else "What do you mean?"
    if from_reasoning:
        return "It comes by bicycle." if "bicycle" in thought else "I cannot tell you how."
    return "It arrives on Friday." if "Friday" in said else "I cannot find a date."


def tools(schema: str, **more: Any) -> list[dict[str, Any]]:
    """The definitions of the tools, each with its schema under that name."""
    return [
        {
            **more,
            "name": name,
            schema: {"type": "object", "properties": {argument: {"type": "string"}}},
        }
        for name, argument, _, _ in STEPS
    ]


# -- the ways to ask ------------------------------------------------------------------------------


def anthropic_answer(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Thinking, signed for what was before it, and a call or the answer."""
    blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
    results = [block for block in blocks if block["type"] == "tool_result"]
    said = json.dumps([body["messages"][0], *(block.get("content", "") for block in results)])
    thought = json.dumps([block for block in blocks if block["type"] == "thinking"])
    asked = "how" if "how it comes" in str(body.get("system")) else "when"
    decided = decide(said, thought, len(results), from_reasoning=asked == "how")
    if isinstance(decided, str):
        return [{"type": "text", "text": decided}]
    signed = signature(body, len(body["messages"]))
    thinking = {"type": "thinking", "thinking": THOUGHTS[len(results)], "signature": signed}
    call = {"type": "tool_use", "id": f"toolu_0{len(results)}", "name": decided[0]}
    return [thinking, {**call, "input": decided[1]}]


def anthropic_agent(server: StrictAnthropic, system: str = "Be brief.") -> None:
    """Anthropic's client, its replies put into the next request as they are."""
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    request = {"model": "claude", "max_tokens": 2000, "system": system}
    request["tools"] = tools("input_schema")
    request["thinking"] = {"type": "adaptive"}
    with Anthropic(base_url=server.base_url, api_key="none", max_retries=0) as client:
        for *_, result in [*STEPS, (None,)]:
            sent = {**request, "messages": list(messages)}
            reply = recorded(client.messages.create, sent)
            if result is not None:
                [call] = [block for block in reply.content if block.type == "tool_use"]
                given = {"tool_use_id": call.id, "content": json.dumps(result)}
                messages += [{"role": "assistant", "content": reply.content}]
                messages += [{"role": "user", "content": [{"type": "tool_result", **given}]}]


def chat_answer(*, inline: bool) -> Callable[[dict[str, Any]], Any]:
    """Reasoning in a field of its own, or in tags before the text; and a call or the answer."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        said = " ".join(m["content"] for m in body["messages"] if m["role"] in ("user", "tool"))
        of = [m for m in body["messages"] if m["role"] == "assistant"]
        thought = " ".join(f"{m.get('reasoning_content')} {m.get('content')}" for m in of)
        results = sum(m["role"] == "tool" for m in body["messages"])
        decided = decide(said, thought, results, from_reasoning=True)
        if isinstance(decided, str):
            return {"content": decided}
        text = f"<think>\n{THOUGHTS[results]}\n</think>\n\nOne moment."
        thinking = {"content": text} if inline else {"reasoning_content": THOUGHTS[results]}
        function = {"name": decided[0], "arguments": json.dumps(decided[1])}
        call = {"id": f"call_{results}", "type": "function", "function": function}
        return {**thinking, "tool_calls": [call]}

    return answer


def chat_agent(server: StrictServer) -> None:
    """OpenAI's client and an open model, its replies put into the next request as they are."""
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    request = {"model": "planted", "temperature": 0, "max_tokens": 2000}
    request["tools"] = [{"type": "function", "function": tool} for tool in tools("parameters")]
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        for *_, result in [*STEPS, (None,)]:
            sent = {**request, "messages": list(messages)}
            reply = recorded(client.chat.completions.create, sent).choices[0].message
            if result is not None:
                given = {"tool_call_id": reply.tool_calls[0].id, "content": json.dumps(result)}
                messages += [reply.to_dict(), {"role": "tool", **given}]


def recorded(create: Callable[..., Any], request: dict[str, Any]) -> Any:
    """Make a call of its own trace; what the client was given and gave back is recorded."""

    @smile_trace.trace
    def step() -> Any:
        with suppress_instrumentation():  # of another test, in this process
            reply = create(**request)
        smile_trace.record(parameters=request, response=reply)
        return reply

    return step()


# -- the tests ------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with strict_openai(lambda body: "") as running:
        yield running


@pytest.fixture
def claude(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictAnthropic]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    with strict_anthropic(anthropic_answer) as running:
        yield running


def explained(
    home: Path, server: StrictServer | StrictAnthropic, agent: Callable[[Any], None]
) -> list[Explanation]:
    """The explanations of all steps of the agent, in their order."""
    with capturing_into(home):
        agent(server)
    return of_all_steps(home, server)


def of_all_steps(home: Path, server: StrictServer | StrictAnthropic) -> list[Explanation]:
    """The explanations of what was captured; each step has one."""
    tables: dict[str, Any] = {"budget": {"calls_per_explanation": 40}}
    tables["sampling"] = {"minimum_per_prompt_version": 0}
    address = server.base_url
    if isinstance(server, StrictAnthropic):
        tables["models"] = {"claude": {"kind": "anthropic", "base_url": address}}
        address = "http://127.0.0.1:9/v1"
    tracker = FakeTracker()
    status = run(
        Settings(home=home, **settings_tables(address, tables)), once=True, trackers=[tracker]
    )
    assert status.explained == len(STEPS) + 1, status.skipped_by_reason
    found = sorted(tracker.explanations.values(), key=lambda item: item.call.start_ns)
    return [item.explanation for item in found]


def left_out(explanation: Explanation) -> list[str]:
    """Why it was asked without its earlier reasoning."""
    code = ReasonCode.REASONING_LEFT_OUT
    return [note.text for note in explanation.notes if note.code is code]


def asked_again(server: StrictServer | StrictAnthropic) -> bool:
    """Whether each request of the agent was sent again as it was, and none refused."""
    sent = [[_given(message) for message in body["messages"]] for body in server.bodies]
    return not server.refused and all(sent.count(one) > 1 for one in sent[: len(STEPS) + 1])


def _given(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if value is not None}


@pytest.mark.parametrize("inline", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_open_model(inline: bool, tmp_path: Path, server: StrictServer) -> None:
    """What stands only in the reasoning of the second step names that reasoning."""
    server.open_model = not inline
    server.answer = chat_answer(inline=inline)
    *steps, last = explained(tmp_path, server, chat_agent)
    assert asked_again(server)
    assert [one.status for one in (*steps, last)] == ["reliable"] * 4
    assert not any(map(left_out, (*steps, last)))
    assert "the assistant's reasoning “A bicycle will bring it. Who carries it” (" in last.summary
    [driver] = [one for one in last.drivers if one.unit == "reasoning"]
    assert driver.message == 3
    assert "result of get_depot" in steps[2].summary
    if not inline:  # the field stays, empty: such servers demand it
        sent = [message for body in server.bodies for message in body["messages"]]
        assert any(message.get("reasoning_content") == "" for message in sent)
    assert "[reasoning]" in last.to_html() or inline


@pytest.mark.slow
def test_signed_thinking(tmp_path: Path, claude: StrictAnthropic) -> None:
    steps = explained(tmp_path, claude, anthropic_agent)
    assert asked_again(claude)
    assert [one.status for one in steps] == ["reliable"] * 4
    assert "result of get_plan" in steps[-1].summary
    assert not any(map(left_out, steps))


@pytest.mark.parametrize("asked", ["how", pytest.param("when", marks=pytest.mark.slow)])
def test_a_signature_that_belongs_to_the_words_before_it(
    asked: str, tmp_path: Path, claude: StrictAnthropic
) -> None:
    """Where the answer does not need the reasoning, it is as sure as any other; where it does, the
    answer is not the logged one, and nothing is said of it."""
    claude.binds = True
    system = f"Say {asked} it comes."
    first, *steps = explained(tmp_path, claude, lambda server: anthropic_agent(server, system))
    said = f"{LEFT_OUT}the server accepts earlier reasoning only if nothing before it is removed."
    assert not left_out(first)
    assert [left_out(one) for one in steps] == [[said]] * 3
    last = "inconclusive" if asked == "how" else "reliable"
    assert [one.status for one in (first, *steps)] == [*["reliable"] * 3, last]
    assert all(one.cost.target_calls <= 40 for one in steps)


# -- spans of others ------------------------------------------------------------------------------


def gen_ai_span(number: int, signed: bool) -> dict[str, Any]:
    """A step in the GenAI conventions, which have no place for a signature."""
    messages: list[dict[str, Any]] = [
        {"role": "user", "parts": [{"type": "text", "content": QUESTION}]}
    ]
    for k, (tool, argument, needed, result) in enumerate(STEPS[:number]):
        thought = {"type": "reasoning", "content": THOUGHTS[k]}
        call = {
            "type": "tool_call",
            "id": f"call_{k}",
            "name": tool,
            "arguments": {argument: needed},
        }
        given = {"type": "tool_call_response", "id": f"call_{k}", "response": json.dumps(result)}
        messages.append({"role": "assistant", "parts": [thought, call]})
        messages.append({"role": "tool", "parts": [given]})
    answer: dict[str, Any] = {"type": "text", "content": "It arrives on Friday."}
    if number < len(STEPS):
        tool, argument, needed, _ = STEPS[number]
        answer = {"type": "tool_call", "id": "call", "name": tool, "arguments": {argument: needed}}
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.tool.definitions": json.dumps(tools("parameters", type="function")),
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [answer]}]),
    }


def ai_sdk_span(number: int, signed: bool) -> dict[str, Any]:
    """A step of Vercel's AI SDK 6, which writes what the provider wants back beside a part."""
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]}
    ]
    for k, (tool, argument, needed, result) in enumerate(STEPS[:number]):
        call: dict[str, Any] = {"toolCallId": f"call_{k}", "toolName": tool}
        thought: dict[str, Any] = {"type": "reasoning", "text": THOUGHTS[k]}
        if signed:
            thought["providerOptions"] = {"anthropic": {"signature": f"sig{k}"}}
        called = {"type": "tool-call", **call, "input": {argument: needed}}
        output = {"type": "json", "value": result}
        messages.append({"role": "assistant", "content": [thought, called]})
        messages.append(
            {"role": "tool", "content": [{"type": "tool-result", **call, "output": output}]}
        )
    answer: dict[str, Any] = {"ai.response.text": "It arrives on Friday."}
    if number < len(STEPS):
        tool, argument, needed, _ = STEPS[number]
        call = {"toolCallId": "call", "toolName": tool, "input": {argument: needed}}
        answer = {"ai.response.toolCalls": json.dumps([call])}
    return {
        "operation.name": "ai.generateText.doGenerate",
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.prompt.messages": json.dumps(messages),
        "ai.prompt.tools": [json.dumps(tool) for tool in tools("inputSchema", type="function")],
        **answer,
    }


@pytest.mark.parametrize(
    ("write", "signed"),
    [
        (gen_ai_span, False),
        *(pytest.param(ai_sdk_span, signed, marks=pytest.mark.slow) for signed in (False, True)),
    ],
)
def test_spans_of_others(
    write: Callable[[int, bool], dict[str, Any]],
    signed: bool,
    tmp_path: Path,
    claude: StrictAnthropic,
) -> None:
    """Asked of the service that demands its own signed reasoning back, or none."""
    model = {
        "gen_ai.request.model": "claude",
        "gen_ai.system": "anthropic",
        "ai.model.id": "claude",
    }
    spans = [
        span(
            k + 1,
            "ai",
            {**model, **write(k, signed)},
        ).model_copy(update={"trace_id": f"{k + 1:032x}"})
        for k in range(len(STEPS) + 1)
    ]
    write_spool(tmp_path / "spool", spans)
    first, *steps = of_all_steps(tmp_path, claude)
    assert claude.refused == []
    assert {one.status for one in (first, *steps)} == {"reliable"}
    assert "result of get_plan" in steps[-1].summary
    said = f"{LEFT_OUT}it was captured without its signature."
    assert [left_out(one) for one in (first, *steps)] == [[], *[[] if signed else [said]] * 3]
