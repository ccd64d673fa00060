"""Where the drivers of an explained call come from."""

from typing import Any

import pytest

from smile_trace.attribution.reporting.summary import summarize
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.path_walk import PathWalk
from smile_trace.explaining.sources import CIRCLE, MISSING, drivers_of, sources_of
from smile_trace.records import (
    Call,
    Cost,
    Document,
    Explanation,
    Message,
    Response,
    SegmentAttribution,
    Span,
    ToolCall,
    ToolResult,
    Trace,
)
from smile_trace.records.path import ExplanationPath
from smile_trace.render import driver_text
from tests.support.explained import explanation as sample

TRACE = "1" * 32


RESULT = '{"arrives": "Friday", "weight": 3}'


MADE = ToolCall(id="call_1", name="get_order", arguments='{"number": 4711}')


def call(number: int, messages: list[Message], answer: str, **fields: Any) -> Call:
    return Call(
        trace_id=TRACE,
        span_id=f"{number:016x}",
        name=f"step_{number}",
        messages=tuple(messages),
        answer=answer,
        start_ns=number,
        end_ns=number + 1,
        **fields,
    )


def trace(*calls: Call) -> Trace:
    spans = tuple(
        Span(trace_id=TRACE, span_id=c.span_id, name=c.name, start_ns=c.start_ns, end_ns=c.end_ns)
        for c in calls
    )
    return Trace(trace_id=TRACE, spans=spans, calls=calls, root_span_id=spans[0].span_id)


def explanation(of: Call, *drivers: str) -> Explanation:
    """In which these texts are the drivers, the first one the strongest."""

    def segment(text: str, number: int) -> SegmentAttribution:
        message = next(k for k, m in enumerate(of.messages) if text in m.content)
        start = of.messages[message].content.index(text)
        return SegmentAttribution(
            text=text, message=message, role=of.messages[message].role, start=start,
            end=start + len(text), unit="span", key=f"{message}:span:{number}",
            attribution=1 - number / 10, ci_low=0.0, ci_high=1.0, significant=True,
        )  # fmt: skip

    segments = tuple(segment(text, number) for number, text in enumerate(drivers))
    return sample().model_copy(update={"messages": of.messages, "segments": segments})


def conversation(result_id: str | None = "call_1") -> list[Message]:
    return [
        Message(role="user", content="When does order 4711 arrive?"),
        Message(role="assistant", parts=(MADE,)),
        Message(role="tool", parts=(ToolResult(id=result_id, response=RESULT),)),
    ]


def first(number: int = 1, made: ToolCall = MADE) -> Call:
    asked = [Message(role="user", content="When does order 4711 arrive?")]
    return call(number, asked, '{"tool_calls": [{"name": "get_order"}]}', tool_calls=(made,))


OTHER = MADE.model_copy(update={"id": None, "arguments": '{"number": 1}'})
NO_ID = MADE.model_copy(update={"id": None})


@pytest.mark.parametrize(
    ("before", "result", "maker"),
    [
        ([MADE], "call_1", 0),
        ([MADE, MADE], "call_1", 1),  # ids that repeat: the latest call before
        ([NO_ID, OTHER], None, 0),  # without ids the tool and its arguments count
    ],
)
def test_a_result_leads_to_the_call_that_made_it(
    before: list[ToolCall], result: str | None, maker: int
) -> None:
    makers = [first(number, made) for number, made in enumerate(before, 1)]
    final = call(3, conversation(result), "On Friday.")
    calls = trace(*makers, final, first(4))
    [found] = sources_of(explanation(final, '"arrives": "Friday"'), final, calls)
    assert (found.kind, found.name, found.call) == ("tool_result", "get_order", makers[maker])


@pytest.mark.parametrize(("later", "said"), [(False, MISSING), (True, CIRCLE)])
def test_a_missing_span_and_a_circle_are_said(later: bool, said: str) -> None:
    final = call(2, conversation(), "On Friday.")
    calls = [final, first(3)] if later else [final]
    [found] = sources_of(explanation(final, "Friday"), final, trace(*calls))
    assert (found.call, found.missing) == (None, said)


def test_the_output_of_an_earlier_call_and_the_part_of_it() -> None:
    rewriting = call(1, [Message(role="user", content="hm")], "The order is 4711, and urgent.")
    sent = f"Answer this:\n{rewriting.answer}\nThank you."
    final = call(2, [Message(role="user", content=sent)], "On Friday.")
    found = sources_of(explanation(final, "4711", "Thank"), final, trace(rewriting, final))
    assert [(one.kind, one.call, one.part) for one in found] == [
        ("output", rewriting, "4711"),
        ("message", None, None),
    ]
    [found_both] = sources_of(explanation(final, "4711", "urgent"), final, trace(rewriting, final))
    assert [driver.text for driver in found_both.drivers] == ["4711", "urgent"]
    assert found_both.part is None, "all of its answer, where several parts of it matter"


def test_a_short_answer_is_not_found_by_chance() -> None:
    short = call(1, [Message(role="user", content="hm")], "yes")
    final = call(2, [Message(role="user", content="Do say yes or no.")], "No.")
    [found] = sources_of(explanation(final, "yes"), final, trace(short, final))
    assert found.kind == "message"
    echoed = call(2, [Message(role="assistant", content="yes")], "No.")
    [found] = sources_of(explanation(echoed, "yes"), echoed, trace(short, echoed))
    assert found.call == short


def test_documents_and_messages_of_one_role_are_told_apart() -> None:
    messages = [
        Message(role="user", content="Hello there."),
        Message(role="user", content="Lamps have a guarantee of two years. How long?"),
    ]
    place = (1, 0, len("Lamps have a guarantee of two years."))
    document = Document(id="faq-7", text="Lamps have a guarantee of two years.", place=place)
    final = call(1, messages, "Two years.", documents=(document,))
    found = sources_of(explanation(final, "two years", "long", "Hello"), final, trace(final))
    assert [(one.kind, one.name) for one in found] == [
        ("document", "faq-7"),
        ("message", "second user"),
        ("message", "first user"),
    ]


@pytest.mark.parametrize(
    ("rule", "word", "named"),
    [
        (0.68, None, "one two"),
        (0.68, 0.08, "one two"),  # the word does not tell what the rule does
        (0.68, 0.3, "two"),
        (0.2, 0.08, "one two three"),  # as much of its rule, but little of the message
        (None, 0.5, "two"),
    ],
)
def test_what_is_around_a_part_stands_for_it_where_it_does_not_carry_that(
    rule: float | None, word: float | None, named: str
) -> None:
    """In the path, the column and the list of drivers."""
    values = {"one two three": 0.7, "one two": rule, "two": word}
    final = call(1, [Message(role="user", content="one two three")], "1")
    whole, inner, piece = (
        s.model_copy(
            update={"attribution": value or 0.0, "significant": value is not None, "parent": parent}
        )
        for value, parent, s in zip(
            values.values(), (None, 0, 1), explanation(final, *values).segments, strict=True
        )
    )
    levels = explanation(final).model_copy(update={"coarser": (whole, inner), "segments": (piece,)})
    assert [driver.text for driver in drivers_of(levels)] == [named]
    assert driver_text(levels) == named
    told = summarize([piece], levels.fidelity, coarser=[whole, inner])
    assert f"“{named}” (" in told
    assert named in {driver.text for driver in levels.drivers}


def test_results_on_a_level_of_their_own_go_before_messages() -> None:
    final = call(1, conversation(), "On Friday.")
    strong, weak, weaker = explanation(final, "order 4711", '"weight": 3', "Friday").segments
    results = [s.model_copy(update={"unit": "tool_result"}) for s in (weaker, weak)]
    levels = explanation(final, "Friday").model_copy(update={"segments": (strong, *results)})
    named = [driver.text for driver in drivers_of(levels)]
    assert named == ['"weight": 3', "Friday", "order 4711"]


def test_a_tool_that_asks_a_model_leads_to_both() -> None:
    maker = first()
    inner = call(2, [Message(role="user", content="hm")], "It arrives on Friday.")
    messages = [
        *conversation()[:2],
        Message(role="tool", parts=(ToolResult(id="call_1", response=inner.answer),)),
    ]
    final = call(3, messages, "On Friday.")
    found = sources_of(explanation(final, "Friday"), final, trace(maker, inner, final))
    assert [(one.kind, one.call) for one in found] == [("output", inner), ("tool_result", maker)]


def test_an_output_counts_where_the_driver_is_in_it() -> None:
    inner = call(1, [Message(role="user", content="hm")], "aaaaaaaaaaaaaaaa")
    sent = f"before {inner.answer}{inner.answer} after"
    final = call(2, [Message(role="user", content=sent)], "a")
    calls = trace(inner, final)
    for text, kind in (("before", "message"), ("after", "message"), ("aaa", "output")):
        [found] = sources_of(explanation(final, text), final, calls)
        assert found.kind == kind, text


LAMP = ToolCall(id="call_2", name="get_lamp", arguments="{}")


def _of_two_tools() -> tuple[Trace, Explanation]:
    """The final answer depends on one result, and may depend on the other; each has its call."""
    second = call(2, conversation(), '{"tool_calls": [{"name": "get_lamp"}]}', tool_calls=(LAMP,))
    given = ToolResult(id="call_2", response='{"colour": "green"}')
    more = [Message(role="assistant", parts=(LAMP,)), Message(role="tool", parts=(given,))]
    final = call(3, [*conversation(), *more], "On Friday.")
    certain, other = explanation(final, "Friday", "green").segments
    is_open = other.model_copy(
        update={"significant": False, "verdict": "open", "ci_low": -0.1, "ci_high": 0.31}
    )
    explained = explanation(final).model_copy(update={"segments": (is_open, certain)})
    return trace(first(), second, final), explained


def test_open_parts_lead_to_their_calls_after_the_certain_ones() -> None:
    calls, explained = _of_two_tools()
    found = sources_of(explained, calls.calls[-1], calls)
    assert [(one.name, one.open, one.call) for one in found] == [
        ("get_order", None, calls.calls[0]),
        ("get_lamp", 0.31, calls.calls[1]),
    ]


def test_an_open_part_of_a_message_is_told_where_it_seems_to_matter() -> None:
    calls, explained = _of_two_tools()
    message = explained.messages[0]
    for attribution, told in (
        (0.3, [("get_order", None), ("user", 0.7), ("get_lamp", 0.31)]),
        (0.05, [("get_order", None), ("get_lamp", 0.31)]),
    ):
        asked = explained.segments[0].model_copy(
            update={
                "message": 0,
                "start": 0,
                "end": len(message.content),
                "text": message.content,
                "attribution": attribution,
                "ci_high": 0.7,
            }
        )
        with_it = explained.model_copy(update={"segments": (*explained.segments, asked)})
        found = sources_of(with_it, calls.calls[-1], calls)
        assert [(one.name, one.open) for one in found] == told


class _Asking:
    """Gives the final call's explanation, and an open one of every other. `known`: the answer of a
    call that is explained already."""

    def __init__(self, final: Explanation, known: str | None = None) -> None:
        self.final = final
        self.known = known
        self.units: list[object] = []

    async def stored(self, call: Call, options: ExplainOptions) -> Explanation | None:
        cost = {"cost": Cost(target_calls=80)}
        return self.final.model_copy(update=cost) if call.answer == self.known else None

    async def most(self, call: Call) -> int:
        return 40

    async def explain(self, call: Call, options: ExplainOptions) -> Explanation:
        self.units.append(options.unit)
        found = self.final if call.answer == "On Friday." else explanation(call)
        return found.model_copy(update={"cost": Cost(target_calls=options.calls, usd=0.0)})

    async def answer(self, call: Call, parameters: Any) -> Response:
        raise AssertionError("no tools are offered")


async def test_a_call_that_is_explained_already_is_not_asked_again() -> None:
    calls, explained = _of_two_tools()
    asking = _Asking(explained, known="On Friday.")
    path = await PathWalk(calls, asking, ExplainOptions(budget=30), 5).run(calls.calls[-1])
    assert [source.step for source in path.steps[0].sources] == [1, 2], "it left the budget whole"
    assert path.steps[0].explanation.cost.target_calls == 80
    assert path.cost.target_calls == 30


@pytest.mark.parametrize(("budget", "followed"), [(30, [1, None]), (240, [1, 2])])
async def test_every_branch_is_followed_or_says_that_the_budget_is_used_up(
    budget: int, followed: list[int | None]
) -> None:
    calls, explained = _of_two_tools()
    asking = _Asking(explained)
    options = ExplainOptions(budget=budget, unit="sentence")
    path = await PathWalk(calls, asking, options, 5).run(calls.calls[-1])
    assert set(asking.units) == {"sentence"}
    certain, is_open = path.steps[0].sources
    assert [certain.step, is_open.step] == followed
    used_up = f"not looked at: the budget of {budget} calls is used up"
    assert is_open.not_followed == (None if is_open.step else used_up)
    assert path.summary.startswith(
        "The final answer depends on “Friday” in the result of get_order; perhaps on “green” in "
        "the result of get_lamp (open: could matter up to 0.31)."
    )
    old = path.model_dump(mode="json") | {"schema_version": 1}
    for source in old["steps"][0]["sources"]:
        del source["open"]
    assert ExplanationPath.model_validate(old).steps[0].sources[1].open is None
