"""A trace whose end is wrong: since which step, and because of what."""

import asyncio
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from smile_trace.explaining.continuation import UNKNOWN, Continuation, RecordedTools
from smile_trace.explaining.grounding import why_own
from smile_trace.explaining.options import Question
from smile_trace.explaining.paths import ask_path
from smile_trace.models import Request
from smile_trace.models.registry import as_model
from smile_trace.records import (
    JSON,
    Call,
    Message,
    Prompted,
    Response,
    Span,
    ToolCall,
    ToolResult,
    Trace,
)
from smile_trace.records.formats.answers import tool_calls_text
from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings
from tests.support.wrong_agents import WrongAgent, wrong_agent


def explained(agent: WrongAgent, stub: Any = None, **target: Any) -> ExplanationPath:
    wanted = target or {"contains": agent.right[-1]}
    question = Question(trace_id=agent.trace.trace_id, model=agent, budget=400, **wanted)
    return ask_path(question, agent.trace, Settings(), stub=stub)


def slow(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("kind", "step", "said"),
    [
        slow(
            "tool",
            1,
            "since the result of get_article (called in step 1 of 3): without “",
        ),
        slow(
            "tool alone",
            1,
            "since the result of get_article (called in step 1 of 3): with what",
        ),
        slow("instruction", 1, "since the call of get_article (step 1 of 3) because of “Who"),
        ("instruction", 3, "since the final answer (step 3 of 3) because of “Every customer is"),
        slow("model", 2, "since the call of get_warranty (step 2 of 3): “F-"),
        ("model", 3, "since the final answer (step 3 of 3): what it should say stands in what it"),
    ],
)
def test_the_step_and_the_part_are_named(kind: str, step: int, said: str) -> None:
    agent = WrongAgent(kind, 3, step, Random(5))
    asked: list[tuple[str, str]] = []

    def stub(tool: str, arguments: JSON) -> JSON:
        asked.append((tool, json.dumps(arguments)))
        return agent.stub(tool, arguments)

    path = explained(agent, stub)
    assert path.culprit is not None
    assert agent.named_by(path) == "right", path.culprit.summary
    assert said in path.culprit.summary
    assert path.summary.startswith(path.culprit.summary)
    assert path.culprit.summary in path.to_html()
    assert ExplanationPath.model_validate_json(path.model_dump_json()) == path
    made = {(p.name, p.arguments) for c in agent.trace.calls for p in c.tool_calls}
    compared = bool(made & set(asked))
    assert compared == kind.startswith("tool"), "else a call of the trace has its recorded result"
    assert path.cost.target_calls <= 400


def test_where_a_tool_would_be_asked_for_what_nobody_knows_it_is_open() -> None:
    agent = WrongAgent("instruction", 3, 1, Random(5))
    path = explained(agent)
    assert agent.named_by(path) == "open right"
    assert path.culprit is not None
    assert path.culprit.correction is None
    assert path.culprit.open == (f"get_article(article='{agent.right[0]}', detail='full')",)
    assert "perhaps because of “Whoever asks" in path.summary


def test_a_tool_is_only_supposed_where_neither_removals_nor_a_stub_say_more() -> None:
    agent = WrongAgent("tool alone", 3, 2, Random(5))
    path = explained(agent)
    assert path.culprit is not None
    assert (agent.named_by(path), path.culprit.correction) == ("right", None)
    assert "if that call is as it should be, its result was wrong" in path.summary


@pytest.mark.slow
def test_what_only_avoids_has_to_call_its_tools() -> None:
    """Without its article's number the agent asks for it, which avoids every wrong answer."""
    agent = WrongAgent("tool alone", 3, 2, Random(5))
    path = explained(agent, avoid=agent.wrong[-1])
    assert agent.named_by(path) == "right"
    assert "Nothing was found wrong in that call" in path.summary


@pytest.mark.slow
def test_what_a_stub_contradicts_counts_more_than_that_an_end_avoids() -> None:
    """Without the last result every answer avoids; wrong was an earlier one."""
    agent = WrongAgent("tool alone", 3, 1, Random(5))
    path = explained(agent, agent.stub, avoid=agent.wrong[-1])
    assert agent.named_by(path) == "right"
    assert "with what the stub says in its place" in path.summary


def test_an_answer_that_is_right_has_no_culprit() -> None:
    agent = WrongAgent("tool alone", 3, 2, Random(5))
    path = explained(agent, contains="Thank you for your question")
    assert path.culprit is None
    assert len(path.steps) == 1
    assert path.summary.startswith("The final answer is right. ")


@pytest.mark.slow
def test_an_answer_by_chance_is_asked_again() -> None:
    agent = wrong_agent(4, noise=0.02)
    path = explained(agent, agent.stub)
    assert agent.named_by(path) == "right"
    assert path.culprit is not None
    assert path.culprit.correction is not None
    assert path.culprit.correction.of >= 2
    assert "by chance: asked again as it was sent, the end is right in " in path.summary


# -- a step continued to the end ------------------------------------------------------------------


def call(number: int, messages: Sequence[Message], answer: str | list[ToolCall]) -> Call:
    text = answer if isinstance(answer, str) else tool_calls_text(answer)
    return Call(
        trace_id="1" * 32,
        span_id=f"{number:016x}",
        name="agent",
        messages=tuple(messages),
        answer=text,
        tool_calls=() if isinstance(answer, str) else tuple(answer),
        start_ns=number,
        end_ns=number,
    )


def end(
    calls: Sequence[Call],
    prompt: Sequence[Message],
    says: Callable[[Sequence[Message]], str],
    **options: Any,
) -> Response:
    """The end after the first call was asked with this prompt."""
    span = Span(trace_id="1" * 32, span_id="9" * 16, name="agent", start_ns=0, end_ns=0)
    trace = Trace(trace_id="1" * 32, root_span_id="9" * 16, spans=(span,), calls=tuple(calls))

    async def ask(place: Call, request: Request) -> Response:
        return Response(text=says(request.messages))

    continued = Continuation(
        trace,
        calls[0],
        calls[-1],
        ask=ask,
        like=as_model(str),
        tools=RecordedTools(trace, options.pop("stub", None)),
        **options,
    )
    request = Request.of(Prompted(messages=tuple(prompt)))
    [found] = asyncio.run(continued.generate([request]))
    return found


def user(text: str) -> Message:
    return Message(role="user", content=text)


def test_a_text_that_is_handed_on_stands_in_the_next_request_in_its_place() -> None:
    first = call(1, [user("Rewrite: it is 24 months.")], "The customer was told 24 months.")
    second = call(
        2, [user("Say it: The customer was told 24 months. Be brief.")], "24 months it is."
    )

    def says(messages: Sequence[Message]) -> str:
        text = messages[0].content
        if text.startswith("Say"):
            return f"{text[8:-10]}!"
        return "The customer was told 36 months." if "36" in text else str(first.answer)

    changed = end([first, second], [user("Rewrite: it is 36 months.")], says)
    assert changed.text == "The customer was told 36 months.!"
    assert changed.requests == 2
    same = end([first, second], [user("It is 24 months.")], says)
    assert (same.text, same.requests) == (second.answer, 1), "the logged answer has the logged end"


def made(**arguments: Any) -> ToolCall:
    return ToolCall(id="toolu_1", name="get_price", arguments=arguments)


def loop() -> list[Call]:
    """As Anthropic's messages are: arguments that are objects, results in a user's message."""
    asked = [Message(role="system", content="Sell lamps."), user("The price of A-12?")]
    result = ToolResult(id="toolu_1", response="29 euros")
    told = [Message(role="assistant", parts=(made(article="A-13"),)),
            Message(role="user", parts=(result,))]  # fmt: skip
    return [call(1, asked, [made(article="A-13")]), call(2, [*asked, *told], "It is 29 euros.")]


def test_the_new_calls_of_a_loop_have_their_results_and_what_was_removed_stays_away() -> None:
    sent: list[Sequence[Message]] = []

    def says(messages: Sequence[Message]) -> str:
        sent.append(messages)
        if len(messages) == 1:
            return tool_calls_text([made(article="A-12"), made(article="A-13")])
        return "It is 79 euros."

    found = end(loop(), [user("A-12?")], says, stub=lambda tool, arguments: "79 euros")
    assert found.text == "It is 79 euros."
    asked, assistant, results = sent[1]
    assert asked == user("A-12?")
    assert [part.arguments for part in assistant.parts if isinstance(part, ToolCall)] == [
        {"article": "A-12"},
        {"article": "A-13"},
    ]
    assert results.role == "user"
    assert [p.response for p in results.parts if isinstance(p, ToolResult)] == [
        "79 euros",
        "29 euros",
    ], "the recorded result of the very arguments, the stub's of others"


def test_ends_that_tell_nothing_are_missing() -> None:
    def calls_another(messages: Sequence[Message]) -> str:
        return tool_calls_text([made(article="A-12")])

    assert end(loop(), [user("A?")], calls_another).failure == f"{UNKNOWN}get_price(article='A-12')"
    early = end(loop(), [user("A?")], lambda messages: "Which one?", calls_first=True)
    assert "before it called a tool" in str(early.failure)
    assert end(loop(), [user("A?")], lambda messages: "Which one?").text == "Which one?"
    always = end(loop(), [user("A?")], calls_another, stub=lambda tool, arguments: "wait")
    assert "without an end" in str(always.failure)


@pytest.mark.parametrize(
    ("arguments", "own"),
    [
        ({"article": "A-12", "detail": "full", "gift": True, "n": 1}, None),
        ({"article": "A-21"}, "“A-21” stands nowhere in what it was given"),
        ({"note": "the customer asks for a price"}, None),
        ({"note": "a lamp for 1,299 euros", "article": "A-12"}, None),
        ({"language": "fr"}, "“fr” stands nowhere in what it was given"),
    ],
)
def test_only_a_value_that_stands_nowhere_is_the_models_own(
    arguments: dict[str, JSON], own: str | None
) -> None:
    asked = call(1, [user("The price of a-12, at most 1299?")], [made(**arguments)])
    offered = {"tools": [{"detail": {"enum": ["full", "short"]}}]}
    assert why_own(asked.model_copy(update={"parameters": offered}), None) == own
